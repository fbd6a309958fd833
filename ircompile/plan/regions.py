"""Several memories: what is touched most, for its size, goes to the fastest.

The regions follow each other in one range of offsets, so that a plan, its proof and its simulation need not know
of them; only the C does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ircompile.errors import CompileError
from ircompile.plan.draft import THOROUGH, Draft, aligned
from ircompile.plan.items import Item
from ircompile.plan.model import Region
from ircompile.plan.packing import Packer, pack
from ircompile.plan.steps import needs_of, writes_of
from ircompile.target import MemoryRegion


@dataclass(frozen=True)
class Places:
    """Where everything stands: bases by item, the offset of the schedule's counters, the regions."""

    bases: Mapping[str, int]
    counters: int
    regions: tuple[Region, ...]


def one_arena(draft: Draft) -> Places:
    """Everything in one block."""
    bases, top = draft.placement
    return Places(bases, aligned(top), (Region("arena", 0, draft.arena(top)),))


def in_regions(draft: Draft, memory: Sequence[MemoryRegion], reserved: int = 0) -> Places | None:
    """Everything in these memories, the hottest in the first; None where it does not fit.

    Everything goes to the first if it fits there. The counters are always in the first, as are `reserved` bytes.
    """
    first_room = memory[0].bytes - aligned(draft.counters) - reserved
    if aligned(draft.placement[1]) <= first_room:
        chosen: list[list[Item]] | None = [draft.items, *([] for _ in memory[1:])]
    else:
        chosen = _chosen(draft, [first_room, *(region.bytes for region in memory[1:])])
    return None if chosen is None else _joined(draft, memory, chosen)


def too_small(draft: Draft, memory: Sequence[MemoryRegion]) -> CompileError:
    """Says what does not fit."""
    largest = max(draft.items, key=lambda item: item.bytes)
    rows = "" if draft.rows or len(draft.problem.graph.inputs) > 1 else "--input rows, "
    return CompileError(
        "--memory",
        f"{', '.join(f'{m.name} {m.bytes:,}' for m in memory)} bytes do not hold a plan of {draft.size:,} bytes, "
        f"{largest.bytes:,} of which are {largest.name}, in one piece",
        "memories in which every buffer lies whole",
        f"more memory, {rows}or a smaller input",
    )


def _chosen(draft: Draft, rooms: Sequence[int]) -> list[list[Item]] | None:
    """Items by region: hottest first, then those that fit nowhere but in the first, largest first."""
    heat = heat_of(draft)
    by_heat = sorted(draft.items, key=lambda i: (-heat[i.name] / i.bytes, -i.bytes))
    by_size = sorted(draft.items, key=lambda i: -i.bytes)
    pinned = [i for i in by_size if i.bytes > max(rooms[1:], default=0)]
    orders = [by_heat, [*pinned, *(i for i in by_heat if i not in pinned)], by_size]
    packer = Packer(draft.items)
    found = [chosen for order in orders if (chosen := _filled(packer, order, rooms)) is not None]
    return min(found, key=lambda chosen: _cost(chosen, heat), default=None)


def _filled(packer: Packer, order: Sequence[Item], rooms: Sequence[int]) -> list[list[Item]] | None:
    """Each item in the first region that has room for it."""
    number = {item.name: i for i, item in enumerate(packer.items)}
    bases: list[dict[int, int]] = [{} for _ in rooms]
    for item in order:
        index = number[item.name]
        for region, room in zip(bases, rooms, strict=True):
            base = packer.lowest_base(index, region)
            if base + item.bytes <= room:
                region[index] = base
                break
        else:
            return None
    return [[packer.items[i] for i in sorted(region)] for region in bases]


def _cost(chosen: Sequence[Sequence[Item]], heat: Mapping[str, int]) -> int:
    """Bytes touched outside of the first region, those of each further one counted once more."""
    return sum(number * heat[item.name] for number, items in enumerate(chosen) for item in items)


def _joined(draft: Draft, memory: Sequence[MemoryRegion], chosen: Sequence[Sequence[Item]]) -> Places:
    """The regions one after the other, each packed by itself."""
    bases: dict[str, int] = {}
    regions: list[Region] = []
    counters = 0
    start = 0
    for number, (region, items) in enumerate(zip(memory, chosen, strict=True)):
        placed, top = _packed(draft, items)
        if number == 0:
            counters, top = aligned(top), aligned(top) + draft.counters
        bases |= {name: start + base for name, base in placed.items()}
        regions.append(Region(region.name, start, aligned(top)))
        start += aligned(top)
    return Places(bases, counters, tuple(regions))


def _packed(draft: Draft, items: Sequence[Item]) -> tuple[Mapping[str, int], int]:
    if len(items) == len(draft.items):
        return draft.placement
    return pack(items, THOROUGH) if items else ({}, 0)


def heat_of(draft: Draft) -> dict[str, int]:
    """Bytes that one inference reads and writes in every item."""
    problem, placing = draft.problem, draft.placing
    item_of = {ring.name: item.name for item in placing.items for ring in item.rings}
    heat = dict.fromkeys((item.name for item in placing.items), 0)
    for stage in problem.stages:
        site = problem.graph.site(stage.node)
        for step in range(stage.steps):
            touched = [(stage.node.output, *writes_of(stage, site, step))]
            needs = needs_of(stage, site, step)
            touched += [(name, *rows) for name, rows in zip(stage.inputs, needs, strict=True)]
            for name, lo, hi in touched:
                home = item_of.get(placing.homes.get(name, name))
                if home is not None:
                    heat[home] += max(hi - lo, 0) * problem.rows[name][0]
    for item in placing.items:
        if not heat[item.name]:  # scratch, sums, lines: written and read while they are alive
            heat[item.name] = 2 * sum(track.byte_steps for track in item.tracks)
    return heat
