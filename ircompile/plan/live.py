"""Bytes alive at each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ircompile.ir.tensor import Array


class Stay(NamedTuple):
    """Blocks of `bytes` each, number i there from step first[i] to last[i]; not at all where last < first."""

    first: Array
    last: Array
    bytes: int


def live_at(stays: Sequence[Stay]) -> Array:
    """Bytes that are there at each step, to the last one."""
    if not stays:
        return np.zeros(1, np.int64)
    first, gone = np.concatenate([stay.first for stay in stays]), np.concatenate([stay.last for stay in stays]) + 1
    sizes = np.repeat([stay.bytes for stay in stays], [len(stay.first) for stay in stays])
    alive = gone > first
    if not alive.all():
        first, gone, sizes = first[alive], gone[alive], sizes[alive]
    steps = int(gone.max(initial=0)) + 1
    return np.cumsum(np.bincount(first, sizes, steps) - np.bincount(gone, sizes, steps)).astype(np.int64)
