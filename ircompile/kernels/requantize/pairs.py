"""ADD and SUB of two codes: functions of at most 65,536 pairs, so that any cheap form is checked on all of them.

    code = saturate((a * multiplier_a + b * multiplier_b + offset) >> shift)

For given multipliers the feasible offsets are an interval, the intersection of one a pair. With about 22 fractional
bits some pair of multipliers next to the true ratios nearly always leaves it not empty; `a * multiplier` then
fits 31 bits. Where the ratios are so round that ties occur, the sum is made exact and the tie corrected.
"""

from collections.abc import Iterator

import numpy as np

from ircompile.ir.numerics import wrap_int32
from ircompile.ir.ops import Binary
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.requantize.form import PairForm, PairRecipe, Ties
from ircompile.qtype import INT8

MOST_SHIFT, LEAST_SHIFT = 22, 15
NEIGHBOURS = sorted(((i, j) for i in range(-6, 7) for j in range(-6, 7)), key=lambda p: (p[0] ** 2 + p[1] ** 2, p))
EVERY_CODE = INT8.codes()


def synthesize_pairs(op: Binary, site: Site, a: Array = EVERY_CODE, b: Array = EVERY_CODE) -> PairRecipe | None:
    """A form equal to `op.combine` on all pairs of the codes a and b (int64, 1-D); None if none is found."""
    if op.kind not in ("add", "sub"):
        return None
    codes = op.combine(site, a[:, np.newaxis], b[np.newaxis, :]).astype(np.int64)
    for recipe in candidates(op, site, a, b, codes):
        if fits(recipe, a, b) and np.array_equal(evaluate_pairs(recipe, a[:, np.newaxis], b), codes):
            return recipe
    return None


def candidates(op: Binary, site: Site, a: Array, b: Array, codes: Array) -> Iterator[PairRecipe]:
    """Recipes whose offset is feasible, without ties first, finest first."""
    (sa, za), (sb, zb) = op.operands(site)
    ratio_a, ratio_b = sa / site.output.scale, (sb if op.kind == "add" else -sb) / site.output.scale
    # the sum in codes, output zero point included: its fractional bits must leave it within int32
    ends = [r * (np.array([c.min(), c.max()]) - z) for r, c, z in ((ratio_a, a, za), (ratio_b, b, zb))]
    reach = np.abs(np.add.outer(*ends) + site.output.zero_point + 0.5).max()
    finest = min(MOST_SHIFT, int(np.floor(31 - np.log2(max(reach, 1.0)))))
    near = nearest_ties((ratio_a * (a - za))[:, np.newaxis] + ratio_b * (b - zb))
    exact: Ties = "away" if op.rounding == "double" else "even"
    tries: list[tuple[int, Ties, tuple[int, int]]] = [
        (shift, "up", ij) for shift in (finest, finest - 1) for ij in NEIGHBOURS
    ]
    tries += [(shift, exact, (0, 0)) for shift in range(finest, LEAST_SHIFT - 1, -1)]
    for shift, ties, (i, j) in tries:
        ma, mb = round(ratio_a * 2**shift) + i, round(ratio_b * 2**shift) + j
        start = 0 if ties == "up" else -(ma * za + mb * zb)
        total = corrected(ma * a[near[0]] + mb * b[near[1]] + start, ties, shift)
        least, most = offsets(total, codes[near], shift, op.low, op.high)
        if least <= most:  # else no need to try all pairs
            total = corrected(ma * a[:, np.newaxis] + mb * b + start, ties, shift)
            least, most = offsets(total, codes, shift, op.low, op.high)
        if least <= most:
            middle = (least + most) >> 1
            form = PairForm(shift, ties, *needed_clamp(total + middle >> shift, op.low, op.high))
            yield PairRecipe(form, (ma, mb, middle) if ties == "up" else (ma, mb, start, middle))


def nearest_ties(real: Array) -> tuple[Array, Array]:
    """Indices of the 1,000 sums nearest to a tie, which are the hardest to get right."""
    distance = np.abs(real - np.floor(real) - 0.5).reshape(-1)
    count = min(1000, distance.size)
    rows, columns = np.unravel_index(np.argpartition(distance, count - 1)[:count], real.shape)
    return rows, columns


def corrected(total: Array, ties: Ties, shift: int) -> Array:
    """The sum with what the form does about ties."""
    if ties == "away":
        return total + (total >> 31)
    return total + (total >> shift & 1) if ties == "even" else total


def offsets(total: Array, codes: Array, shift: int, low: int, high: int) -> tuple[int, int]:
    """The least and the greatest offset with (total + offset) >> shift equal to every code, clamped."""
    least = np.where(codes > low, (codes << shift) - total, -(2**40)).max()
    most = np.where(codes < high, (codes + 1 << shift) - 1 - total, 2**40).min()
    return max(int(least), -(2**31)), min(int(most), 2**31 - 1)


def needed_clamp(unclamped: Array, low: int, high: int) -> tuple[int, int]:
    """The clamp that saturation to int8 leaves to do."""
    return (low if unclamped.min() < low else INT8.low), (high if unclamped.max() > high else INT8.high)


def fits(recipe: PairRecipe, a: Array, b: Array) -> bool:
    """Whether no intermediate value of the C leaves int32."""
    ma, mb, offset, *middle = recipe.values
    left, right = a[:, np.newaxis] * ma, b * mb
    values = [left, right, left + offset, left + offset + right]
    if middle:
        values.append(corrected(values[-1], recipe.form.ties, recipe.form.shift))
        values.append(values[-1] + middle[0])
    return all(bool(np.all(np.abs(v) < 2**31)) for v in values)


def evaluate_pairs(recipe: PairRecipe, a: Array, b: Array) -> Array:
    """int8 codes that the C computes for broadcastable int64 codes."""
    ma, mb, offset, *middle = recipe.values
    total = corrected(wrap_int32(wrap_int32(a * ma + offset) + b * mb), recipe.form.ties, recipe.form.shift)
    total = wrap_int32(total + (middle[0] if middle else 0))
    return np.clip(total >> recipe.form.shift, recipe.form.low, recipe.form.high).astype(np.int8)
