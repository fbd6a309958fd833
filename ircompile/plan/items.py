"""From lives to items: what the packer must place."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ircompile.ir.tensor import Array
from ircompile.plan.lifetimes import Life, Problem, both, row_lives
from ircompile.plan.live import Stay, live_at
from ircompile.plan.overlays import homes_of
from ircompile.plan.pools import Ring, share
from ircompile.plan.steps import reach_of
from ircompile.plan.tracks import Track, track_of


@dataclass(frozen=True)
class Item:
    """Something to place: `bytes` at one base, and the rows in it over time.

    `rings` are the tensors that live in it. It may be there only while a `stage` fires; -1 where it stays.
    """

    name: str
    bytes: int
    tracks: tuple[Track, ...]
    rings: tuple[Ring, ...] = ()
    stage: int = -1

    @cached_property
    def span(self) -> tuple[int, int]:
        """First and last step."""
        spans = [track.span for track in self.tracks]
        return min(first for first, _ in spans), max(last for _, last in spans)

    @cached_property
    def pattern(self) -> Hashable:
        """All about its rows, their times from its first step on: equal ones get into each other's way alike."""
        begin = self.span[0]
        return tuple(
            ((t.first - begin).tobytes(), (t.last - begin).tobytes(), t.begin, t.slots, t.pitch)
            for t in self.tracks
        )

    def alive_at(self, step: int) -> int:
        """Bytes of the rows that are there at a step."""
        return sum(track.alive_at(step) for track in self.tracks)


class Placing(NamedTuple):
    """What must be placed, and by tensor the one in whose rows it lives."""

    items: list[Item]
    homes: Mapping[str, str]


def items_of(
    problem: Problem, times: Mapping[int, Array], end: int, whole: Set[str], kept: Set[str], pooled: bool
) -> Placing:
    """All that a schedule must place: tensors, scratch, alive at each firing, and sums, alive to the last one.

    `pooled`: tensors of equal rows share rings.
    """
    lives, homes = shared_lives(problem, row_lives(problem, times, end, whole, kept))
    items = []
    for names in groups_of(problem, lives, homes, pooled):
        pitch = problem.rows[names[0]][0]
        items += [ring_item(rings, lives) for rings in share(names, pitch, lives, problem.known.rings)]
    return Placing(items + extra_items(problem, times), homes)


def groups_of(
    problem: Problem, lives: Mapping[str, Life], homes: Mapping[str, str], pooled: bool
) -> list[list[str]]:
    """The tensors that have rows of their own, with those together that might share a ring."""
    unturned = {homes[name] for name in problem.unturned & homes.keys()}
    groups: dict[tuple[int, int], list[str]] = {}
    for name, life in lives.items():
        rows = problem.rows[name]
        plain = not pooled or name in unturned or life.slots == rows[1]
        groups.setdefault((-1, len(groups)) if plain else rows, []).append(name)
    return list(groups.values())


def shared_lives(problem: Problem, lives: Mapping[str, Life]) -> tuple[dict[str, Life], dict[str, str]]:
    """Lives of the tensors that have rows of their own, all that live there together; and where each lives."""
    first, last = ({name: getattr(life, end) for name, life in lives.items()} for end in ("first", "last"))
    homes = homes_of(problem.overlays, problem.slices, problem.rows, first, last)
    shared: dict[str, Life] = {}
    for name, home in homes.items():
        shared[home] = both(shared[home], lives[name]) if home in shared else lives[name]
    return shared, homes


def ring_item(rings: Sequence[Ring], lives: Mapping[str, Life]) -> Item:
    """The rows of a ring, which several tensors may share."""
    slots, pitch = rings[0].slots, rings[0].pitch
    tracks = tuple(track_of(lives[r.name], slots, pitch, r.phase) for r in rings)
    return Item("+".join(r.name for r in rings), slots * pitch, tracks, tuple(rings))


def extra_items(problem: Problem, times: Mapping[int, Array]) -> list[Item]:
    """Scratch, rows that are computed anew, and sums, as items."""
    return [
        Item(name, stay.bytes, (Track(stay.first, stay.last, 0, 1, stay.bytes),), rings, stage)
        for name, rings, stay, stage in extras_of(problem, times)
    ]


def extras_of(problem: Problem, times: Mapping[int, Array]) -> Iterator[tuple[str, tuple[Ring, ...], Stay, int]]:
    """Names, rings, times and, where they do not stay, stages of scratch, of rows computed anew, and of sums."""
    for index, fired in times.items():
        if index < 0:
            continue
        stage, sums = problem.stages[index], problem.sums[index]
        for node in (stage.node, stage.again):
            scratch = problem.demands[node.name].scratch if node else 0
            if node and scratch:
                yield f"{node.name}:scratch", (), Stay(fired, fired, scratch), index
        if stage.again:
            ring = Ring(stage.again.output, reach_of(stage.node), problem.rows[stage.again.output][0])
            yield ring.name, (ring,), Stay(fired, fired, ring.slots * ring.pitch), index
        if sums:
            yield f"{stage.node.name}:sums", (), Stay(fired[:1], fired[-1:], sums), -1


def live_bytes(items: Sequence[Item]) -> Array:
    """Bytes alive at each step."""
    return live_at([Stay(track.first, track.last, track.pitch) for item in items for track in item.tracks])
