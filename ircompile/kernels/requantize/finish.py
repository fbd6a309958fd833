"""The last step of MUL, MEAN and AVERAGE_POOL: non-decreasing functions of a product or of a sum of codes."""

import numpy as np

from ircompile.ir.numerics import Requant
from ircompile.ir.ops import AveragePool, Binary, Mean
from ircompile.ir.ops.borders import pixel_counts
from ircompile.ir.tensor import Array, Site, Tensor
from ircompile.kernels.requantize.form import Recipe
from ircompile.kernels.requantize.synthesize import Core, synthesize, synthesize_steps
from ircompile.qtype import INT8

Codes = tuple[int, int]
EVERY_CODE = INT8.range


def synthesize_product(op: Binary, site: Site, core: Core, a: Codes = EVERY_CODE, b: Codes = EVERY_CODE) -> Recipe:
    """MUL: from (code of a - its zero point) * (code of b - its zero point), plus word 0."""
    assert op.kind == "mul"
    assert op.rounding != "raw"
    (sa, za), (sb, zb) = op.operands(site)
    if op.rounding == "double":
        scale = np.float64(sa) * np.float64(sb) / np.float64(site.output.scale)
    else:
        scale = np.float64(np.float32(np.float32(sa) * np.float32(sb)) / np.float32(site.output.scale))
    ends = np.outer(np.array(a, np.int64) - za, np.array(b, np.int64) - zb)
    requant, code = Requant(op.rounding, "", site.output.zero_point, op.low, op.high), site.output.qtype
    lo, hi = ends.min().reshape(1), ends.max().reshape(1)
    return synthesize(requant, np.array([scale]), np.zeros(1, np.int64), lo, hi, core, code)


def synthesize_mean(op: Mean, site: Site, core: Core) -> Recipe | None:
    """MEAN: from the sum of raw codes, plus word 0. None if no cheap form is found."""
    source, target, n = op.source(site), site.output, op.count(site.inputs[0])
    start, ties, shift, slope = -n * source.zero_point, 0, 0, 1.0 / n
    lo, hi = (np.array([n * code + start], np.int64) for code in EVERY_CODE)
    if op.rounding == "integer":
        multiplier, shift = op.multiplier(site)
        slope, ties = float(np.ldexp(float(multiplier), shift - 31)), max(-shift, 0)
    elif op.rounding == "float32_even":
        factor = np.float32(source.scale) / (np.float32(n) * np.float32(target.scale))
        requant = Requant("float32_even", "", target.zero_point, op.low, op.high)
        return synthesize(requant, np.array([factor], np.float64), np.array([start]), lo, hi, core)
    else:
        lo, hi, start = lo - start, hi - start, 0
    if max(-int(lo[0]), int(hi[0])) << max(shift, 0) >= 2**31:
        return None

    def function(acc: Array, channel: Array) -> Array:
        return op.finish(site, acc - start).astype(np.int64)

    scale, late = np.array([slope]), np.array([ties], np.int64)
    return synthesize_steps(function, np.array([start]), lo, hi, scale, late, core, (op.low, op.high))


def synthesize_average(op: AveragePool, site: Site, core: Core) -> Recipe | None:
    """AVERAGE_POOL: from the sum of the raw codes of a window of n pixels, plus word 0 of channel n - least_count.

    None if no cheap form is found.
    """
    source, target = site.inputs[0], site.output
    count = np.arange(least_count(op, source), pixel_counts(op.window, source).max() + 1, dtype=np.int64)
    if op.rounding == "float32_even":
        factor = np.float32(source.scale) / (count.astype(np.float32) * np.float32(target.scale))
        start = -count * source.zero_point
        lo, hi = (count * code + start for code in EVERY_CODE)
        requant = Requant("float32_even", "", target.zero_point, op.low, op.high)
        return synthesize(requant, factor.astype(np.float64), start, lo, hi, core)

    def function(acc: Array, channel: Array) -> Array:
        return np.clip(op.divide(acc, count[channel], source, target), op.low, op.high).astype(np.int64)

    zero, (lo, hi) = np.zeros_like(count), (count * code for code in EVERY_CODE)
    return synthesize_steps(function, zero, lo, hi, 1.0 / count, zero, core, (op.low, op.high))


def least_count(op: AveragePool, source: Tensor) -> int:
    """The fewest pixels that a window holds, at least 1."""
    return max(1, int(pixel_counts(op.window, source).min()))
