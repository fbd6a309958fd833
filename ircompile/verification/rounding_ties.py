"""Which differences from a framework's float arithmetic are ties: the exact value is half way between two codes."""

from collections.abc import Sequence

import numpy as np

from ircompile.ir.ops import Op
from ircompile.ir.tensor import Array, Rows, Site, integers

Span = tuple[Array, Array]
"""The lowest and the highest code that a framework may have."""
Interval = tuple[Array, Array]
"""Between which real values, in codes, a framework's result lies before it is rounded: float64."""
NEAR = 1e-4
"""In codes: float32 arithmetic on codes errs by less, so that only here it can round to the other side."""


def is_tie(exact: Interval, ours: Array, theirs: Array) -> Array:
    """Where two codes are neighbours and the middle between them lies in the interval of exact values."""
    ours, theirs = ours.astype(np.int64), theirs.astype(np.int64)
    middle, (low, high) = (ours + theirs) / 2, exact
    return np.asarray((low - NEAR < middle) & (middle < high + NEAR) & (np.abs(ours - theirs) == 1))


def may_be(op: Op, exact: Interval | None, ours: Array) -> Span | None:
    """The codes that docs/numerics.md lets a framework have for an output that it does not show; None where one."""
    if op.off_by_one:
        loose = np.ones(ours.shape, bool)
    elif exact is None:
        return None
    else:
        low, high = exact
        loose = np.floor(high + NEAR - 0.5) > low - NEAR - 0.5  # a middle between two codes lies in it
    codes = integers(ours)
    ends = np.iinfo(ours.dtype)
    low, high = (np.clip(codes + step, ends.min, ends.max) for step in (-loose.astype(np.int64), loose))
    return low.astype(ours.dtype), high.astype(ours.dtype)


def carried(op: Op, site: Site, inputs: Sequence[Array], spans: Sequence[Span | None]) -> Span | None:
    """The codes that an op may give where its inputs have spans; None where none has, or the op sums codes."""
    if all(span is None for span in spans) or not op.carries_ties():
        return None
    ends = [
        op.simulate(
            site,
            [Rows(codes if span is None else span[end]) for codes, span in zip(inputs, spans, strict=True)],
            0,
            site.output.height,
        )
        for end in (0, 1)
    ]
    return np.minimum(*ends), np.maximum(*ends)  # a function may fall


def exact_interval(op: Op, site: Site, inputs: Sequence[Array], bias_rest: Array | None = None) -> Interval | None:
    """The real value of every output element in codes, zero point added: float64, output's shape, not rounded.

    With the `bias_rest` (2, C) of a float32 bias, in codes, from the value with the integer bias to those with the
    file's. None for ops that round nothing or that every framework computes in integers.
    """
    value, target = op.exact(site, inputs), site.output
    if value is None:
        return None
    codes = np.broadcast_to(value / target.scale + target.zero_point, target.shape)
    rest = np.zeros((1, target.channels)) if bias_rest is None else bias_rest
    return codes + rest.min(axis=0, initial=0), codes + rest.max(axis=0, initial=0)
