"""From lives to items: what the packer must place."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ircompile.plan.known import Peaks
from ircompile.plan.lifetimes import Life, Problem, both, row_lives
from ircompile.plan.overlays import homes_of
from ircompile.plan.pools import Ring, share
from ircompile.plan.steps import reach_of
from ircompile.plan.tracks import Track, track_of
from ircompile.tensor import Array


@dataclass(frozen=True)
class Item:
    """Something to place: `bytes` at one base, and the rows in it over time.

    `rings` are the tensors that live in it.
    """

    name: str
    bytes: int
    tracks: tuple[Track, ...]
    rings: tuple[Ring, ...] = ()

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


def peaks_of(problem: Problem, times: Mapping[int, Array], end: int, whole: Set[str], kept: Set[str]) -> Peaks:
    """The peaks of a schedule."""
    lives, homes = shared_lives(problem, row_lives(problem, times, end, whole, kept))
    extra, rings = extra_items(problem, times), []
    for names in groups_of(problem, lives, homes, True):
        rings += estimate(names, problem.rows[names[0]][0], lives)
    rows = [ring_item([Ring(name, 1, problem.rows[name][0])], lives) for name in lives]
    return Peaks(int(live_bytes([*extra, *rows]).max()), int(live_bytes([*extra, *rings]).max()))


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


def estimate(names: Sequence[str], pitch: int, lives: Mapping[str, Life]) -> list[Item]:
    """Rings of their own, or one block for as many rows as are alive at once in all, whichever is less."""
    apart = [_solid(lives[name], lives[name].slots * pitch) for name in names]
    if len(names) == 1:
        return apart
    rows = [ring_item([Ring(name, 1, pitch)], lives) for name in names]
    size = int(live_bytes(rows).max())
    if size >= live_bytes(apart).max():
        return apart
    return [_block("", size, np.array([[min(i.span[0] for i in rows), max(i.span[1] for i in rows)]]))]


def _solid(life: Life, size: int) -> Item:
    alive = life.alive
    return _block("", size, np.array([[life.first[alive].min(), life.last[alive].max()]]))


def _block(name: str, size: int, times: Array, rings: tuple[Ring, ...] = ()) -> Item:
    """Bytes that are alive as a whole from one step to another, once or several times: rows (first, last)."""
    return Item(name, size, (Track(times[:, 0], times[:, 1], 0, 1, size),), rings)


def ring_item(rings: Sequence[Ring], lives: Mapping[str, Life]) -> Item:
    """The rows of a ring, which several tensors may share."""
    slots, pitch = rings[0].slots, rings[0].pitch
    tracks = tuple(track_of(lives[r.name], slots, pitch, r.phase) for r in rings)
    return Item("+".join(r.name for r in rings), slots * pitch, tracks, tuple(rings))


def extra_items(problem: Problem, times: Mapping[int, Array]) -> list[Item]:
    """Scratch, rows that are computed anew, and sums."""
    items = []
    for index, fired in times.items():
        if index < 0:
            continue
        stage, sums, each = problem.stages[index], problem.sums[index], np.stack([fired, fired], axis=1)
        for node in (stage.node, stage.again):
            scratch = problem.demands[node.name].scratch if node else 0
            if node and scratch:
                items.append(_block(f"{node.name}:scratch", scratch, each))
        if stage.again:
            pitch, slots = problem.rows[stage.again.output][0], reach_of(stage.node)
            ring = Ring(stage.again.output, slots, pitch)
            items.append(_block(ring.name, slots * pitch, each, (ring,)))
        if sums:
            items.append(_block(f"{stage.node.name}:sums", sums, np.array([[fired[0], fired[-1]]])))
    return items


def live_bytes(items: Sequence[Item]) -> Array:
    """Bytes alive at each step."""
    tracks = [(track, track.alive) for item in items for track in item.tracks]
    if not tracks:
        return np.zeros(1, np.int64)
    first = np.concatenate([t.first[alive] for t, alive in tracks])
    last = np.concatenate([t.last[alive] for t, alive in tracks]) + 1
    bytes_ = np.concatenate([np.full(int(alive.sum()), t.pitch) for t, alive in tracks])
    steps = int(last.max()) + 1
    return np.cumsum(np.bincount(first, bytes_, steps) - np.bincount(last, bytes_, steps)).astype(np.int64)
