"""Kernels of pooling, of means and of sums that move on."""

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Choose, Context, Extra, Kernel, Packed, Request, requant_words, window_suffix
from ircompile.kernels.requantize import Core, least_count, synthesize_average, synthesize_mean
from ircompile.qtype import INT8, INT16

CHANNELS = 4  # of a word
LANES = 8  # of 16 bits
WIDEST = INT16.high // -INT8.low  # row whose sum of int8 codes fits 16 bits


def choose_pool(op: ops.MaxPool | ops.AveragePool, site: Site, request: Request) -> Kernel:
    """A window of rows of pixels. Without padding no pixel is written before all that are at its place are read."""
    template = "max_pool" if request.features.dsp and is_by_words(op, site) else "pool"
    return Kernel(template, pack_pool, "window", ("hwc",), in_place=0 if op.window.padding[2] == 0 else None)


def is_by_words(op: ops.MaxPool | ops.AveragePool, site: Site) -> bool:
    """Whether the largest codes of four or sixteen channels are found at once, which no greatest code may bound."""
    codes = site.output.qtype == INT8 and site.output.channels >= CHANNELS
    return isinstance(op, ops.MaxPool) and codes and op.high == INT8.high


def choose_mean(op: ops.Mean, site: Site, request: Request) -> Kernel:
    """Row after row into sums, where there is more than one row to add."""
    extras: tuple[Extra, ...] = ("step", "sums") if op.sum_bytes(site) else ()
    source = op.source(site)
    each = source.channels * (source.width if op.axes == "h" else 1)
    lanes = site.inputs[0].qtype == INT8 and each >= LANES and source.width <= WIDEST
    words = op.axes == "hw" and bool(extras) and op.lookup is None and request.features.dsp
    template = "mean_lanes" if lanes and request.features.mve else "mean_words" if lanes and words else "mean"
    return Kernel(template, pack_mean, "row", ("hwc",), extras=extras)


def choose_running_sum(op: ops.RunningSum, site: Site, request: Request) -> Kernel:
    """The sum and a row a step; between steps, where there are several, the sum lies in the node's own memory."""
    steps = op.steps(site)
    extras: tuple[Extra, ...] = ("step", "sums") if steps > 1 else ()
    rows = ((1, 0, steps), (1, op.first, 1))  # of the first, row 0
    return Kernel("running_sum", pack_running_sum, "row", ("hwc", "hwc"), extras=extras, rows=rows)


def pack_pool(op: ops.MaxPool | ops.AveragePool, site: Site, context: Context) -> Packed:
    """For averages, a line for every count of pixels that a window may have; else a division."""
    arithmetic = "max" if isinstance(op, ops.MaxPool) else op.rounding
    sizes = {"width_in": site.inputs[0].width, "width_out": site.output.width, "channels": site.output.channels}
    if context.kernel.template == "max_pool":
        words: dict[str, tuple[str, dict[str, object]]] = {"unpack": ("unpack", {}), "largest": ("largest", {})}
        shared = {} if context.features.mve else words
        return Packed(window_suffix(op.window), {"window": op.window}, {}, sizes | {"low": op.low}, shared=shared)
    recipe = None
    if isinstance(op, ops.AveragePool) and site.output.qtype == INT8:
        recipe = synthesize_average(op, site, Core.of(context.features))
    if recipe is None or not isinstance(op, ops.AveragePool):
        sizes |= {"low": op.low, "high": op.high}
        suffix = f"{arithmetic}_{window_suffix(op.window)}"
        return Packed(suffix, {"window": op.window, "arithmetic": arithmetic}, {}, sizes)
    key = {"window": op.window, "arithmetic": "line", "least": least_count(op, site.inputs[0])}
    arrays, counts = {"requant": requant_words(recipe)}, {recipe.form.key: site.output.channels}
    return Packed(f"average_{window_suffix(op.window)}", key, arrays, sizes, recipe.form, counts)


def pack_mean(op: ops.Mean, site: Site, context: Context) -> Packed:
    """The table, if any; a line of the sum of codes, else the reference's own division by the count."""
    source, target, summed = op.source(site), site.output, bool(op.sum_bytes(site))
    sizes = {"last": source.height - 1} if summed else {}
    sizes |= {"channels": target.channels, "width": source.width}
    key = {"axes": op.axes, "summed": summed, "lookup": op.lookup is not None}
    suffix = op.axes + ("" if summed else "_row") + ("_lookup" if op.lookup else "")
    arrays = {"table": site.consts[op.lookup.name]} if op.lookup else {}
    words: dict[str, tuple[str, dict[str, object]]] = {"unpack": ("unpack", {})}
    shared = words if context.kernel.template == "mean_words" else {}
    recipe = synthesize_mean(op, site, Core.of(context.features)) if target.qtype == INT8 else None
    if recipe is not None:
        arrays["requant"] = requant_words(recipe)
        counts = {recipe.form.key: target.channels}
        return Packed(suffix, {**key, "arithmetic": "line"}, arrays, sizes, recipe.form, counts, shared)
    if op.rounding == "sum":
        return Packed(f"{suffix}_sum", {**key, "arithmetic": "sum"}, arrays, sizes, shared=shared)
    if op.rounding == "integer":
        sizes["start"] = -op.count(source) * source.zero_point
        sizes["multiplier"], sizes["shift"] = op.multiplier(site)
        sizes["zero_out"] = target.zero_point
    else:
        sizes |= {"start": 0, "count": op.count(source)}
    sizes |= {"low": op.low, "high": op.high}
    return Packed(f"{suffix}_{op.rounding}", {**key, "arithmetic": op.rounding}, arrays, sizes, shared=shared)


def pack_running_sum(op: ops.RunningSum, site: Site, context: Context) -> Packed:
    """How many sums there are, and of what the rows are."""
    steps, row_type = op.steps(site), site.inputs[1].qtype.c_type
    sizes = {"count": site.output.width * site.output.channels} | ({"last": steps - 1} if steps > 1 else {})
    key = {"row_type": row_type, "leaving": op.leaving, "summed": steps > 1}
    suffix = "_".join(["leaving"] * op.leaving + [site.inputs[1].dtype] + ["rows"] * (steps > 1))
    return Packed(suffix, key, {}, sizes)


KERNELS: dict[type[ops.Op], Choose] = {
    ops.MaxPool: choose_pool,
    ops.AveragePool: choose_pool,
    ops.Mean: choose_mean,
    ops.MeanOfSums: choose_mean,
    ops.RunningSum: choose_running_sum,
}
