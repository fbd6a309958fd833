"""Dense convolution of narrow tensors for Helium: windows of whole rows, which are read where they lie."""

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.helium import layouts
from ircompile.kernels.helium.layouts import VECTOR
from ircompile.kernels.helium.requant import recipe_of
from ircompile.kernels.model import Context, Kernel, Packed
from ircompile.kernels.narrow import is_dense_column

TILE = (0, 2, 1, 3)  # channels in the order in which their sums go into a vector, two at a time


def reads_rows(op: ops.Conv, site: Site) -> bool:
    """Whether it takes fewer instructions to read the rows of a window one by one than to gather them first."""
    if not is_dense_column(op, site, dsp=False):
        return False
    height, run = op.window.kernel[0], site.inputs[0].row_bytes
    tiles, vectors = -(-site.output.channels // 4), -(-height * run // VECTOR)
    gathered = height * (12 + 4 * run // VECTOR) + tiles * (9 * vectors + 45)
    return rows_instructions(op, site) <= gathered


def rows_instructions(op: ops.Conv, site: Site) -> int:
    """Instructions of a row of output."""
    height, run, channels = op.window.kernel[0], site.inputs[0].row_bytes, site.output.channels
    vector, vectors = (3 if channels == 1 else 9), run // VECTOR + (run % VECTOR > 0)
    return -(-channels // 4) * (height * (vector * vectors + 12) + 45)


def choose_rows(op: ops.Conv, site: Site) -> Kernel:
    """The scratch is a row of padding, where windows reach over an edge."""
    outside = any(op.window.padding[:2])
    return Kernel(
        "dense_rows", pack_rows, "window", ("hwc",), ("hwc",),
        -(-site.inputs[0].row_bytes // 4) * 4 if outside else 0,
        instructions=site.output.height * rows_instructions(op, site),
        extras=("scratch",) if outside else (),
    )  # fmt: skip


def pack_rows(op: ops.Conv, site: Site, context: Context) -> Packed:
    """Filters of four channels row by row, or that of a single one; words of four channels side by side."""
    recipe, source = recipe_of(op, site, context), site.inputs[0]
    weights: Array = site.consts[op.weights].reshape(site.output.channels, op.window.kernel[0], -1)
    correction = -source.zero_point * weights.astype(np.int64).sum(axis=(1, 2))
    run, channels = source.row_bytes, site.output.channels
    key: dict[str, object] = {
        "lanes": recipe.lanes, "height": op.window.kernel[0], "outside": any(op.window.padding[:2]),
        "single": channels == 1, "tail": run % VECTOR > 0, "whole": run >= VECTOR,
    }  # fmt: skip
    sizes = {"depth": run} | ({} if channels == 1 else {"channels_out": channels})
    sizes |= {"zero_in": source.zero_point} if key["outside"] else {}
    sizes |= {"zero_out": site.output.zero_point} if recipe.lanes.adds_zero else {}
    arrays = {"weights": row_by_row(weights), "requant": recipe.blocks(correction), **recipe.exact}
    form = recipe.scalar.form if recipe.scalar else None
    suffix = f"{op.window.kernel[0]}_{recipe.lanes.key}"
    shared: dict[str, tuple[str, dict[str, object]]] = {"support": ("helium_support", {})}
    fours, height = -(-channels // 4), op.window.kernel[0]
    filters = layouts.filters_of(1, height * run)
    if channels > 1:
        filters = f"{fours} x {layouts.passes_of(height, [TILE], run)}"
    told = {"weights": filters, "requant": layouts.words_of_fours(recipe.lanes.fields, fours)}
    return Packed(suffix, key, arrays, sizes, form, recipe.counts, shared, told)


def row_by_row(weights: Array) -> Array:
    """Filters (C, kh, run) four channels at a time: of each row 16 codes of each, again and again, then the rests.

    Missing channels are zero; a single channel stands as it is.
    """
    channels, height, run = weights.shape
    if channels == 1:
        return np.ascontiguousarray(weights.reshape(-1))
    whole = run // VECTOR * VECTOR
    fours = np.pad(weights, ((0, -channels % 4), (0, 0), (0, 0))).reshape(-1, 4, height, run)[:, TILE]
    groups = len(fours)
    steps = fours[..., :whole].reshape(groups, 4, height, -1, VECTOR).transpose(0, 2, 3, 1, 4)
    rests = fours[..., whole:].transpose(0, 2, 1, 3)
    parts = [steps.reshape(groups, height, -1), rests.reshape(groups, height, -1)]
    return np.ascontiguousarray(np.concatenate(parts, axis=2).reshape(-1))
