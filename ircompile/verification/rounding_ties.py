"""Which differences from a framework's float arithmetic are ties: the exact value is half way between two codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ircompile.ir.ops import Op
from ircompile.ir.tensor import Array, Site

NEAR = 1e-4
"""In codes: float32 arithmetic on codes errs by less, so that only here it can round to the other side."""


def is_tie(exact: Array, ours: Array, theirs: Array) -> Array:
    """Where two codes are neighbours and the exact value lies in the middle between them."""
    ours, theirs = ours.astype(np.int64), theirs.astype(np.int64)
    middle = np.abs(exact - (ours + theirs) / 2) < NEAR
    return np.asarray(middle & (np.abs(ours - theirs) == 1))


def exact_value(op: Op, site: Site, inputs: Sequence[Array]) -> Array | None:
    """The real value of every output element in codes, zero point added: float64, output's shape, not rounded.

    None for ops that round nothing or that every framework computes in integers.
    """
    value, target = op.exact(site, inputs), site.output
    return None if value is None else np.broadcast_to(value / target.scale + target.zero_point, target.shape)
