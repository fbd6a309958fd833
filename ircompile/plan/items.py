"""From lives to rectangles (bytes x steps): what the packer must place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ircompile.plan.lifetimes import Life, Problem, both, row_lives, slots_needed
from ircompile.plan.overlays import homes_of
from ircompile.plan.pools import Ring, share
from ircompile.plan.stages import reach_of
from ircompile.tensor import Array

SHORT_RING = 2  # slots up to which the gaps between a slot's rows are worth a rectangle each


@dataclass(frozen=True)
class Item:
    """Something to place: `bytes` at one base; `rects` rows (offset, length, first step, last step).

    `rings` are the tensors that live in it.
    """

    name: str
    bytes: int
    rects: Array
    rings: tuple[Ring, ...] = ()


class Placing(NamedTuple):
    """What must be placed, and by tensor the one in whose rows it lives."""

    items: list[Item]
    homes: Mapping[str, str]


def items_of(
    problem: Problem, times: Mapping[int, Array], end: int, whole: Set[str], kept: Set[str], pooled: bool | None
) -> Placing:
    """All that a schedule must place: tensors, scratch, alive at each firing, and sums, alive to the last one.

    `pooled`: tensors of equal rows share rings; None is a quick estimate of how many bytes that takes.
    """
    lives, homes = shared_lives(problem, row_lives(problem, times, end, whole, kept))
    unturned = {homes[name] for name in problem.unturned & homes.keys()}
    groups: dict[tuple[int, int], list[str]] = {}
    for name, life in lives.items():
        slots, rows = slots_needed(life), problem.rows[name]
        plain = slots == rows[1] or name in unturned or pooled is False
        key = (-1, len(groups)) if plain else rows
        groups.setdefault(key, []).append(name)
    items = []
    for names in groups.values():
        pitch = problem.rows[names[0]][0]
        if pooled is None:
            items += estimate(names, pitch, lives)
        else:
            items += [ring_item(rings, lives) for rings in share(names, pitch, lives)]
    return Placing(items + extra_items(problem, times), homes)


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
    apart = [ring_item([Ring(name, slots_needed(lives[name]), pitch)], lives) for name in names]
    if len(names) == 1:
        return apart
    first = np.concatenate([lives[name].first[lives[name].alive] for name in names])
    last = np.concatenate([lives[name].last[lives[name].alive] for name in names])
    rects = np.stack([np.zeros_like(first), np.full_like(first, pitch), first, last], axis=1)
    size = int(live_bytes([Item("", pitch, rects)]).max())
    if size >= live_bytes(apart).max():
        return apart
    return [Item("", size, np.array([[0, size, first.min(), last.max()]]))]


def ring_item(rings: Sequence[Ring], lives: Mapping[str, Life]) -> Item:
    """Rectangles of a ring's slots, which several tensors may share."""
    slots, pitch = rings[0].slots, rings[0].pitch
    rows = []
    for ring in rings:
        life = lives[ring.name]
        slot = (np.arange(len(life.first)) + ring.phase) % slots
        rows.append(np.stack([slot, life.first, life.last], axis=1)[life.alive])
    table = np.concatenate(rows)
    gap = 1 if slots <= SHORT_RING else int(table[:, 2].max(initial=0))
    return Item("+".join(r.name for r in rings), slots * pitch, _merged(table, pitch, gap), tuple(rings))


def _merged(table: Array, pitch: int, gap: int) -> Array:
    """Rectangles of rows (slot, first, last), joined where at most `gap` steps lie between two of a slot."""
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    slot, first, last = table[:, 0], table[:, 1], table[:, 2]
    begins = np.ones(len(table), bool)
    begins[1:] = (slot[1:] != slot[:-1]) | (first[1:] > last[:-1] + gap)
    ends = np.append(begins[1:], True) if len(table) else begins
    rects = np.empty((int(begins.sum()), 4), np.int64)
    rects[:, 0], rects[:, 1] = slot[begins] * pitch, pitch
    rects[:, 2], rects[:, 3] = first[begins], last[ends]
    return rects


def extra_items(problem: Problem, times: Mapping[int, Array]) -> list[Item]:
    """Scratch, rows that are computed anew, and sums."""
    items = []
    for index, fired in times.items():
        if index < 0:
            continue
        stage, sums = problem.stages[index], problem.sums[index]
        for node in (stage.node, stage.again):
            scratch = problem.demands[node.name].scratch if node else 0
            if node and scratch:
                items.append(Item(f"{node.name}:scratch", scratch, _at_each(fired, scratch)))
        if stage.again:
            pitch, slots = problem.rows[stage.again.output][0], reach_of(stage.node)
            ring = Ring(stage.again.output, slots, pitch)
            items.append(Item(ring.name, slots * pitch, _at_each(fired, slots * pitch), (ring,)))
        if sums:
            items.append(Item(f"{stage.node.name}:sums", sums, np.array([[0, sums, fired[0], fired[-1]]])))
    return items


def _at_each(fired: Array, size: int) -> Array:
    """Rectangles of what is alive during single steps only."""
    return _merged(np.stack([np.zeros_like(fired), fired, fired], axis=1), size, 1)


def live_bytes(items: Sequence[Item]) -> Array:
    """Bytes alive at each step."""
    if not items:
        return np.zeros(1, np.int64)
    rects = np.concatenate([item.rects for item in items])
    change = np.zeros(int(rects[:, 3].max()) + 2, np.int64)
    np.add.at(change, rects[:, 2], rects[:, 1])
    np.subtract.at(change, rects[:, 3] + 1, rects[:, 1])
    return np.cumsum(change)
