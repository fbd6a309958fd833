"""Where things lie in the arena, in C: a map in a comment, a constant for each tensor, and offsets by name."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from ircompile.plan.model import POSITION_BYTES, Block, Buffer, Plan, Region
from ircompile.plan.text import rows_shared_with, sharers

MAP_WIDTH = 114  # columns of the memory map, within a comment


class Arena:
    """C names of the memory: `arena` where it is one block, else NAME_arena for each region."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = tuple(regions)

    @property
    def several(self) -> bool:
        """Whether there is more than one region."""
        return len(self.regions) > 1

    @property
    def parameter(self) -> str:
        """The first argument of every function."""
        return "arenas" if self.several else "arena"

    def local(self, region: Region) -> str:
        """The variable that points to a region."""
        return f"{region.name}_arena" if self.several else "arena"

    def pointer(self, region: Region) -> str:
        """A region's pointer as the caller hands it in."""
        return f"arenas->{region.name}" if self.several else "arena"

    def region_of(self, offset: int) -> Region:
        """The region in which an offset of the plan lies."""
        return next(r for r in reversed(self.regions) if r.offset <= offset and r.bytes)

    def end_of_first(self) -> str:
        """What follows the first region's buffers, as the public functions write it."""
        return f"(int8_t *){self.pointer(self.regions[0])} + {self.regions[0].bytes}"


@dataclass(frozen=True)
class Place:
    """A line of the memory map: `what` lies at bytes [offset, offset + bytes) during layers first to last."""

    offset: int
    bytes: int
    rows: str
    first: int
    last: int
    what: str


class Memory:
    """Names of what lies in the arena; those that are asked for are declared."""

    def __init__(self, plan: Plan, prefix: str, arena: Arena) -> None:
        self.plan, self.prefix, self.arena = plan, prefix, arena
        self.under = rows_shared_with(plan)
        self._names: dict[str, str] = {}
        for tensor in plan.buffers:
            name = stem = re.sub(r"\W", "_", tensor, flags=re.ASCII)
            number = count(2)
            while name in self._names.values():
                name = f"{stem}_{next(number)}"
            self._names[tensor] = name
        self._declared: dict[str, str] = {}

    @property
    def buffers(self) -> list[str]:
        """The declarations of all buffers whose names were asked for."""
        return list(self._declared.values())

    @property
    def offsets(self) -> list[tuple[str, int, str]]:
        """Name, offset within its memory, and comment of everything that is no tensor."""
        found = [("COUNTERS", self.plan.counters, "the schedule's state")]
        for name, buffer in self.plan.buffers.items():
            if buffer.position >= 0:
                note = f"by how many slots the rows of {self._names[name]} have moved"
                found.append((f"MOVED_{self._names[name]}", Block(buffer.position, POSITION_BYTES), note))
        for kind, blocks in (("SCRATCH", self.plan.scratch), ("SUMS", self.plan.sums)):
            found += [(f"{kind}_{node}", block, "") for node, block in blocks.items() if block.bytes]
        return [
            (f"{self.prefix.upper()}_{name}", self._within(block.offset), note or f"{block.bytes} bytes")
            for name, block, note in found
        ]

    def tensor(self, name: str) -> str:
        """The C name of a tensor's buffer."""
        return self._buffer(f"{self._names[name]}_buffer", self.plan.buffers[name], self.plan.tensor(name).height)

    def line_buffer(self, node: str, height: int) -> str:
        """The C name of the line buffer of a node that keeps rows of its input."""
        return self._buffer(f"{node}_lines", self.plan.line_buffers[node], height)

    def local(self, offset: int) -> str:
        """The pointer to the memory in which an offset of the plan lies."""
        return self.arena.local(self.arena.region_of(offset))

    def named(self, kind: str, node: str, offset: int) -> str:
        """The address of scratch or sums."""
        return f"{self.local(offset)} + {self.prefix.upper()}_{kind}_{node}"

    def base(self, name: str) -> list[str]:
        """A tensor's address, slots and bytes of a slot, as kernels take them that find rows themselves."""
        buffer = self.tensor(name)
        return [
            f"{self.local(self.plan.buffers[name].offset)} + {buffer}.offset",
            f"{buffer}.slots",
            f"{buffer}.pitch",
        ]

    def row(self, name: str, row: str) -> str:
        """The address of a row of a tensor, as a C expression."""
        return self._row(self.local(self.plan.buffers[name].offset), name, row)

    def new_row(self, name: str, row: str) -> str:
        """The same of a row that this call writes or is given; behind those of earlier calls, if there are any."""
        return self.row(name, self._behind_history(name, row))

    def moved(self, name: str) -> str:
        """The constant that says where it stands by how much a tensor's rows have moved; "" where none does."""
        return f"{self.prefix.upper()}_MOVED_{self._names[name]}" if self.plan.buffers[name].position >= 0 else ""

    def _row(self, pointer: str, name: str, row: str) -> str:
        moved = self.moved(name)
        if moved:
            return f"{self.prefix}_kept_row({pointer}, &{self.tensor(name)}, {row}, {moved})"
        return f"{self.prefix}_row({pointer}, &{self.tensor(name)}, {row})"

    def _behind_history(self, name: str, row: str) -> str:
        before = self.plan.graph.history.get(name, 0)
        return row if not before else str(before) if row == "0" else f"{row} + {before}"

    def line_buffer_row(self, node: str, height: int, row: str) -> str:
        """The address of a row in a line buffer."""
        local = self.local(self.plan.line_buffers[node].offset)
        return f"{self.prefix}_row({local}, &{self.line_buffer(node, height)}, {row})"

    def public(self, name: str, constant: bool = False) -> str:
        """The address of a tensor's first row that the caller gives or takes, as public functions write it."""
        if name in self.plan.graph.history:
            return self._row(
                self._pointer(self.plan.buffers[name].offset, False), name, self._behind_history(name, "0")
            )
        return f"{self._pointer(self.plan.buffers[name].offset, constant)} + {self.tensor(name)}.offset"

    def public_row(self, name: str, row: str) -> str:
        """The address of a row that the caller gives, in public functions."""
        return self._row(
            self._pointer(self.plan.buffers[name].offset, False), name, self._behind_history(name, row)
        )

    def kept_row(self, name: str, row: str) -> str:
        """The address of a row of a tensor with a state, in public functions."""
        return self._row(self._pointer(self.plan.buffers[name].offset, False), name, row)

    def start(self) -> str:
        """The first memory, as public functions write it."""
        return f"(int8_t *){self.arena.pointer(self.arena.regions[0])}"

    def counters(self) -> str:
        """The address of the schedule's counters, as public functions write it."""
        return f"{self._pointer(self.plan.counters.offset, False)} + {self.prefix.upper()}_COUNTERS"

    def span(self, offset: int, size: int) -> str:
        """Bytes of the arena as an interval, with the name of the memory where there are several."""
        start = self._within(offset)
        memory = f"{self.arena.region_of(offset).name} " if self.arena.several else ""
        return f"{memory}[{start}, {start + size})"

    def map(self) -> list[str]:
        """The lines of the memory map, by address, then in the order of the layers that begin to use a place."""
        places = sorted(self._places(), key=lambda place: (place.offset, place.first))
        spans = [self.span(place.offset, place.bytes) for place in places]
        width = max(map(len, spans))
        rows = max(len("rows"), *(len(place.rows) for place in places))
        lines = [f"{'bytes':<{width}}  {'rows':<{rows}}  {'layers':>9}  what"]
        for span, place in zip(spans, places, strict=True):
            layers = f"{place.first} - {place.last}"
            begin = f"{span:<{width}}  {place.rows:<{rows}}  {layers:>9}  "
            lines += textwrap.wrap(place.what, MAP_WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin),
                                   break_long_words=False, break_on_hyphens=False)  # fmt: skip
        return lines

    def _places(self) -> Iterator[Place]:
        plan, last, under = self.plan, len(self.plan.graph.nodes) - 1, self.under
        layer = {node.name: i for i, node in enumerate(plan.graph.nodes)}
        made = {node.output: i for i, node in enumerate(plan.graph.nodes)}
        for name, buffer in plan.buffers.items():
            readers = [layer[node.name] for node in plan.graph.nodes if name in node.inputs]
            end = last if name in plan.graph.lasting else max(readers, default=made.get(name, 0))
            shape = "x".join(map(str, plan.tensor(name).shape))
            kind = " chw" if buffer.layout == "chw" and min(plan.tensor(name).shape[1:]) > 1 else ""
            kind += (
                " input" if name in plan.graph.input_names else " output" if name in plan.graph.output_names else ""
            )
            kind += " state" if name in plan.graph.history else ""
            others = sharers(plan, name, under)
            kind += f", one of {1 + len(others)} in this ring" if others else ""
            told = buffer.slot_offset or (others and buffer.slots > 1)
            kind += f", row 0 in slot {buffer.slot_offset}" if told else ""
            begin = 0 if name in plan.graph.history else made.get(name, 0)
            kind += f", in the rows of {under[name]}" if name in under else ""
            yield Place(buffer.offset, buffer.bytes, _rows(buffer), begin, end, f"{name} {shape}{kind}")
        for node, buffer in plan.line_buffers.items():
            yield Place(buffer.offset, buffer.bytes, _rows(buffer), layer[node], layer[node], f"lines of {node}")
        for what, blocks in (("scratch", plan.scratch), ("sums", plan.sums)):
            for node, block in blocks.items():
                if block.bytes:
                    yield Place(block.offset, block.bytes, "", layer[node], layer[node], f"{what} of {node}")
        yield Place(plan.counters.offset, plan.counters.bytes, "", 0, last, self._counted)
        moving = POSITION_BYTES * sum(buffer.position >= 0 for buffer in plan.buffers.values())
        if moving:
            yield Place(0, moving, "", 0, last, "by how much rows of states have moved")

    @property
    def _counted(self) -> str:
        """What the schedule's counters are."""
        pushed = ", rows pushed, output ready" if self.plan.input_mode == "rows" else ""
        return f"the schedule's state: steps done by each layer{pushed}"

    def _buffer(self, tail: str, buffer: Buffer, height: int) -> str:
        name = f"{self.prefix}_{tail}"
        fields = {"offset": self._within(buffer.offset), "pitch": buffer.pitch, "height": height,
                  "slots": buffer.slots, "slot_offset": buffer.slot_offset}  # fmt: skip
        values = ", ".join(f".{field} = {value}" for field, value in fields.items())
        self._declared[name] = f"static const struct {self.prefix}_buffer {name} = {{{values}}};"
        return name

    def _within(self, offset: int) -> int:
        return offset - self.arena.region_of(offset).offset

    def _pointer(self, offset: int, constant: bool) -> str:
        pointer = self.arena.pointer(self.arena.region_of(offset))
        return f"({'const ' if constant else ''}int8_t *){pointer}"


def _rows(buffer: Buffer) -> str:
    return f"{buffer.slots} x {buffer.pitch}"
