"""A shadow of the arena: which byte of which tensor every byte of it holds.

Each read must find what it reads, each write must spare what is read in the same firing, scratch and sums must be
theirs alone while they are used.
"""

from dataclasses import dataclass

import numpy as np

from ircompile.checks.reads import bytes_kept, is_row_for_row, rows_of
from ircompile.errors import InternalError
from ircompile.ir.graph import Node
from ircompile.ir.ops import window_of
from ircompile.ir.tensor import Array, Site
from ircompile.plan.model import Buffer, Layout, Plan, Stage


def row_due(node: Node, site: Site, step: int) -> range:
    """The output row whose window ends with input row `step`."""
    window = window_of(node.op)
    rows = [
        r
        for r in range(site.output.height)
        if r * window.stride[0] - window.padding[0] + window.reach[0] - 1 == step
    ]
    return range(rows[0], rows[0] + 1) if rows else range(0)


def older_rows(node: Node, site: Site, step: int, written: range) -> list[int]:
    """Rows of the picture in the windows of the rows written, `step` itself left out."""
    window = window_of(node.op)
    taps = {
        r * window.stride[0] - window.padding[0] + i * window.dilation[0]
        for r in written
        for i in range(window.kernel[0])
    }
    return sorted(row for row in taps if 0 <= row < site.inputs[0].height and row != step)


def is_wanted_later(node: Node, site: Site, row: int) -> bool:
    """Whether the C keeps the row: a window that begins at or above it ends below it."""
    window = window_of(node.op)
    begins = [r * window.stride[0] - window.padding[0] for r in range(site.output.height)]
    return any(b <= row < b + window.reach[0] - 1 for b in begins)


Range = tuple[int, int]
NOTHING, SCRATCH = -1, -2
CALLS = 2


@dataclass
class Replayed:
    """How much was replayed: steps of nodes, and rows that were found where they were read."""

    steps: int = 0
    reads: int = 0


@dataclass(frozen=True)
class _Use:
    """Bytes of the arena that one firing touches: all of them, or pixels of `size` bytes `spread` apart."""

    what: str
    bytes: Range
    spread: int = 0
    size: int = 0


class Shadow:
    """Which byte of which tensor every byte of the arena holds, all through the calls."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.count = Replayed()
        self.cells = np.full(plan.arena_bytes, NOTHING, np.int64)
        self.origin: dict[str, int] = {}
        self.sites = {node.name: plan.graph.site(node) for node in plan.graph.nodes}
        self.orders: dict[tuple[str, Layout], Array] = {}
        self.straight = {node.name for node in plan.graph.nodes if is_row_for_row(node, self.sites[node.name])}
        self.known: dict[tuple[str, int], tuple[list[int], ...]] = {}
        self.pixels: dict[str, Range] = {}  # bytes of a pixel, and from the first one of a row to the last
        self.call, total = 0, 0
        for name, tensor in plan.graph.tensors.items():
            size = tensor.row_bytes // tensor.width
            self.pixels[name] = size, (tensor.width - 1) * (plan.buffers[name].pixel_stride or size)
            self.origin[name] = total
            total += tensor.bytes + CALLS * plan.buffers[name].advance * tensor.row_bytes
        self.positions = 2 * sum(buffer.position >= 0 for buffer in plan.buffers.values())
        self.sums = {name: total + i for i, name in enumerate(plan.sums)}
        self.counters = (plan.counters.offset, plan.counters.offset + plan.counters.bytes)
        self.borders = [region.offset for region in plan.regions[1:]]
        if self.counters[0] < 0 or self.counters[1] > plan.arena_bytes:
            raise self._wrong("the arena", "has no room for the counters of the schedule")

    def begin(self, call: int) -> None:
        """The next call begins: nothing is left but what outlives a call."""
        self.call = call
        self.cells[self.plan.state_bytes :] = NOTHING

    def run(self, stage: Stage, step: int) -> None:
        """One step of a stage: with `again`, first the rows of the window, in the memory of this step."""
        if stage.recomputed_producer:
            for row in self._rows_read(stage.node, step)[0]:
                self.fire(stage.recomputed_producer, row, False)
        self.fire(stage.node, step, stage.line_buffer)

    def fire(self, node: Node, step: int, lines: bool) -> None:
        """One firing: reads, then scratch and sums, then the rows that it writes, then the lines that it keeps."""
        where, site = f"layer {node.name} ({node.source}), step {step}", self.sites[node.name]
        self.count.steps += 1
        if node.name in self.plan.placed:
            self._relabel(where, node, step)
            return
        demand = self.plan.demands[node.name]
        before = self.plan.graph.history.get(node.output, 0)
        written = range(*(before + row for row in node.op.output_rows(site, step)))
        needs: tuple[list[int] | range, ...] = self._rows_read(node, step)
        if demand.whole:
            written, needs = range(site.output.height), (range(site.inputs[0].height),)
        reads: list[tuple[str, _Use]] = []
        if lines:
            written = row_due(node, site, step)
            older = older_rows(node, site, step, written)
            reads = [("", self._read_line(where, node, row)) for row in older]
            needs = (range(step, min(step + 1, site.inputs[0].height)),)
        for name, layout, rows in zip(node.inputs, demand.reads, needs, strict=True):
            reads += [(name, self.read(where, name, row, layout)) for row in rows]
        below = {name for name in node.inputs if self._may_lie_below(name, node)}
        inner = self._inner(where, node, site, step)
        writes = [self._row(node.output, row) for row in written]
        for i, use in enumerate([*inner, *writes]):
            for name, other in [*reads, *(("", use) for use in inner[:i])]:
                over = name in below and i >= len(inner)
                over = over and use.bytes[0] == other.bytes[0] and use.bytes[1] <= other.bytes[1]
                if _meet(use.bytes, other.bytes) and not over:
                    raise self._wrong(where, f"{use.what} lies over {other.what}")
        for row in written:
            self.write(where, node.output, row, demand.writes)
        if lines and step < site.inputs[0].height and is_wanted_later(node, site, step):
            self.read(where, node.inputs[0], step, demand.reads[0])
            use = _Use(f"line {step}", self._slot(self.plan.line_buffers[node.name], step))
            self._cells(where, use)[:] = self._codes(node.inputs[0], step, demand.reads[0])

    def _rows_read(self, node: Node, step: int) -> tuple[list[int], ...]:
        """What is the same in all calls."""
        if (node.name, step) not in self.known:
            straight = node.name in self.straight
            self.known[node.name, step] = rows_of(node, self.sites[node.name], step, straight)
        return self.known[node.name, step]

    def _may_lie_below(self, name: str, node: Node) -> bool:
        """Whether a kernel may write over an input: the one that it names, or any of the output's shape."""
        position, tensor = self.plan.demands[node.name].in_place, self.plan.tensor
        return position is not None and (
            name == node.inputs[position] or tensor(name).shape == tensor(node.output).shape
        )

    def _relabel(self, where: str, node: Node, step: int) -> None:
        """A concatenation whose inputs are where its output is: every code must be at its place already."""
        for name in node.inputs:
            self.read(where, name, step, "hwc")
        self.write(where, node.output, step, "hwc")
        labels = self._codes(node.output, step, "hwc").reshape(self.plan.tensor(node.output).width, -1)
        first = 0
        for name in node.inputs:
            use = self._row(name, step)
            if not np.array_equal(self._cells(where, use), labels[:, first : first + use.size]):
                raise self._wrong(where, f"{name} is not where its channels of {node.output} are")
            first += use.size

    def _read_line(self, where: str, node: Node, row: int) -> _Use:
        use = _Use(f"line {row} of {node.inputs[0]}", self._slot(self.plan.line_buffers[node.name], row))
        return self._find(where, use, self._codes(node.inputs[0], row, self.plan.demands[node.name].reads[0]))

    def _inner(self, where: str, node: Node, site: Site, step: int) -> list[_Use]:
        """Scratch, which is spoilt; sums, which must be those of the step before."""
        uses = []
        if self.plan.demands[node.name].scratch:
            block = self.plan.scratch[node.name]
            self._fit(where, "scratch", block.bytes, self.plan.demands[node.name].scratch)
            uses.append(_Use("scratch", (block.offset, block.offset + block.bytes)))
            self._cells(where, uses[-1])[:] = SCRATCH
        if kept := bytes_kept(node, site):
            if node.name not in self.plan.sums:
                raise self._wrong(where, "has no room for its sums")
            block = self.plan.sums[node.name]
            self._fit(where, "sums", block.bytes, kept)
            uses.append(_Use("sums", (block.offset, block.offset + block.bytes)))
            cells, mark = self._cells(where, uses[-1]), -3 - self.sums[node.name]
            if step and np.any(cells != mark):
                raise self._wrong(where, "its sums are spoilt")
            cells[:] = mark
        return uses

    def read(self, where: str, name: str, row: int, layout: Layout) -> _Use:
        """Finds a row of a tensor where the plan has it, or raises."""
        return self._find(where, self._row(name, row), self._codes(name, row, layout))

    def _find(self, where: str, use: _Use, wanted: Array) -> _Use:
        self.count.reads += 1
        cells = self._cells(where, use).reshape(-1)
        if not np.array_equal(cells, wanted):
            byte = int(np.flatnonzero(cells != wanted)[0])
            found = self._name(int(cells[byte]))
            raise self._wrong(where, f"reads {use.what}, byte {byte} of which is {found}")
        return use

    def write(self, where: str, name: str, row: int, layout: Layout) -> None:
        """Puts a row of a tensor where the plan has it."""
        cells = self._cells(where, self._row(name, row))
        cells[...] = self._codes(name, row, layout).reshape(cells.shape)

    def _row(self, name: str, row: int) -> _Use:
        buffer = self.plan.buffers[name]
        first, _ = self._slot(buffer, row)
        size, between = self.pixels[name]
        return _Use(f"row {row} of {name}", (first, first + between + size), buffer.pixel_stride, size)

    def _slot(self, buffer: Buffer, row: int) -> Range:
        first = buffer.offset + self._moved(buffer, row + buffer.slot_offset) % buffer.slots * buffer.pitch
        return first, first + buffer.pitch

    def _codes(self, name: str, row: int, layout: Layout) -> Array:
        """What every byte of a row is: its number among all bytes of all tensors, of all calls where they last."""
        first = self.orders.get((name, layout))
        if first is None:
            tensor = self.plan.tensor(name)
            codes = np.arange(tensor.row_bytes, dtype=np.int64).reshape(tensor.width, -1, tensor.itemsize)
            first = self.origin[name] + (codes if layout == "hwc" else codes.transpose(1, 0, 2)).reshape(-1)
            self.orders[name, layout] = first
        return first + self._moved(self.plan.buffers[name], row) * len(first)

    def _moved(self, buffer: Buffer, row: int) -> int:
        return row + self.call * buffer.advance

    def _cells(self, where: str, use: _Use) -> Array:
        first, last = use.bytes
        if first < 0 or last > len(self.cells):
            raise self._wrong(where, f"{use.what} lies outside of the arena")
        if first < self.positions:
            raise self._wrong(where, f"{use.what} lies over the positions of rings")
        if _meet(use.bytes, self.counters):
            raise self._wrong(where, f"{use.what} lies over the counters")
        if any(first < border < last for border in self.borders):
            raise self._wrong(where, f"{use.what} lies across two memories")
        cells = self.cells[first:last]
        if use.spread:
            shape, apart = ((last - first - use.size) // use.spread + 1, use.size), cells.strides[0]
            return np.lib.stride_tricks.as_strided(cells, shape, (use.spread * apart, apart))
        return cells

    def _fit(self, where: str, what: str, given: int, needed: int) -> None:
        if given < needed:
            raise self._wrong(where, f"{given} bytes of {what}, {needed} needed")

    def _name(self, cell: int) -> str:
        for name, origin in self.origin.items():
            tensor = self.plan.tensor(name)
            advance = self.plan.buffers[name].advance
            if origin <= cell < origin + tensor.bytes + CALLS * advance * tensor.row_bytes:
                row, byte = divmod(cell - origin, tensor.row_bytes)
                return f"byte {byte} of row {row} of {name}"
        return "never written" if cell == NOTHING else "scratch" if cell == SCRATCH else "sums"

    def _wrong(self, where: str, problem: str) -> InternalError:
        return InternalError(where, problem)


def _meet(a: Range, b: Range) -> bool:
    return a[0] < b[1] and b[0] < a[1]
