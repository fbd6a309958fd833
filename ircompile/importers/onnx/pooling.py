"""Windows as ONNX attributes describe them, and pools and means over height and width."""

from collections.abc import Sequence
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.importers.onnx.layout import Axes, View, natural_axes, view_of
from ircompile.importers.onnx.lowering import Context
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator, computes, first, keeps, moves
from ircompile.importers.onnx.values import Expr, Real, Target
from ircompile.ir.ops import AveragePool, MaxPool, Mean, Pad, Window
from ircompile.ir.tensor import Shape


def spatial(raw: OnnxNode, rank: int) -> int:
    """1 or 2 spatial axes of an N x C x ... tensor; raises CompileError otherwise."""
    if rank not in (3, 4):
        raise CompileError(raw.where, f"works on a tensor of rank {rank}", "1 or 2 spatial axes: rank 3 or 4")
    return rank - 2


def window(raw: OnnxNode, kernel: Sequence[int], size: Sequence[int], pool: bool = False) -> Window:
    """The window of a convolution or pool over `size` (spatial sizes); one spatial axis becomes the width."""
    count = len(kernel)
    strides = raw.ints("strides", (1,) * count)
    dilations = raw.ints("dilations", (1,) * count)
    if min(*strides, *dilations, *kernel) < 1:
        raise CompileError(
            raw.where, f"kernel {tuple(kernel)}, strides {strides}, dilations {dilations}", "1 and more"
        )
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    before, after = padding(raw, reach, strides, size)
    if pool and str(raw.get("auto_pad", "")).startswith("SAME") and _skips(reach, strides, size):
        problem = f"auto_pad pads below zero: kernel {tuple(kernel)}, strides {strides}, sizes {tuple(size)}"
        raise CompileError(raw.where, problem, "pads of 0 and more, as ONNX Runtime does")
    if pool and raw.get("ceil_mode", 0):
        after = [_ceiled(n, b, a, r, s) for n, b, a, r, s in zip(size, before, after, reach, strides, strict=True)]
    if count == 1:
        return Window((1, kernel[0]), (1, strides[0]), (0, 0, before[0], after[0]), (1, dilations[0]))
    return Window(
        (kernel[0], kernel[1]), (strides[0], strides[1]),
        (before[0], after[0], before[1], after[1]), (dilations[0], dilations[1]),
    )  # fmt: skip


def _skips(reach: Sequence[int], strides: Sequence[int], size: Sequence[int]) -> bool:
    """Whether windows of SAME padding leave out elements at an end."""
    return any((-(-n // s) - 1) * s + r < n for n, s, r in zip(size, strides, reach, strict=True))


def padding(
    raw: OnnxNode, reach: Sequence[int], strides: Sequence[int], size: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Padding before and after on each spatial axis."""
    mode, count = raw.get("auto_pad", "NOTSET") or "NOTSET", len(reach)
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        total = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(size, strides, reach, strict=True)]
        small = [t // 2 for t in total]
        large = [t - t // 2 for t in total]
        return (small, large) if mode == "SAME_UPPER" else (large, small)
    if mode not in ("NOTSET", "VALID"):
        raise CompileError(raw.where, f"auto_pad {mode!r}", "NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    pads = raw.ints("pads", (0,) * (2 * count)) if mode == "NOTSET" else (0,) * (2 * count)
    if min(pads) < 0:
        raise CompileError(raw.where, f"pads {pads}", "padding of 0 and more")
    return list(pads[:count]), list(pads[count:])


def _ceiled(size: int, before: int, after: int, reach: int, stride: int) -> int:
    """Padding after, enlarged so that rounding down gives ceil_mode's output: windows start inside of the map."""
    count = -(-(size + before + after - reach) // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return max((count - 1) * stride + reach - size - before, after if count < 1 else 0)


def placed(context: Context, out: str, axes: Axes, rank: int) -> View:
    """The view of ONNX rank `rank` on an output whose height, width and channels are `axes`."""
    shape = [1] * rank
    sizes: Shape = context.builder.tensors[out].shape
    for axis, size in zip(axes, sizes, strict=True):
        if axis >= 0:
            shape[axis] = size
    return view_of(out, shape, axes)


def _window(raw: OnnxNode, view: View) -> Window:
    count = spatial(raw, view.rank)
    kernel = raw.ints("kernel_shape", (0,) * count)
    return window(raw, kernel, view.shape[2:], pool=True)


def max_pool(context: Context, expr: Expr, real: Real) -> View:
    """MaxPool: any kernel, stride, dilation and padding smaller than the kernel; not the indices."""
    raw = expr.node
    if expr.part or raw.get("storage_order", 0):
        raise CompileError(raw.where, "gives indices", "the largest values only")
    axes = natural_axes(real.view.rank)
    op = MaxPool(_window(raw, real.view))
    out = context.builder.emit(raw, op, [context.source(real, raw, axes)], real.quant)
    return placed(context, out, axes, real.view.rank)


def lower_average_pool(context: Context, expr: Expr, target: Target) -> View:
    """AveragePool: any kernel, stride and padding smaller than the kernel, padding counted or not."""
    raw, builder = expr.node, context.builder
    real = context.real(expr.args[0], raw)
    axes = natural_axes(real.view.rank)
    shape = _window(raw, real.view)
    source = context.source(real, raw, axes)
    if shape.dilation != (1, 1):
        raise CompileError(raw.where, f"dilation {shape.dilation}", "dilation 1")
    if raw.get("count_include_pad", 0) and any(shape.padding):
        # ONNX Runtime divides by the whole window then, also where ceil_mode lets it hang over the padding.
        if raw.get("ceil_mode", 0) and (real.unsigned is None or real.unsigned != target.unsigned):
            floor = replace(raw, attributes={**raw.attributes, "ceil_mode": 0})
            if _window(floor, real.view) != shape:
                raise CompileError(
                    raw.where, "counts padding, has ceil_mode windows that hang over it, and codes of two types",
                    "DequantizeLinear and QuantizeLinear of one type", "quantize both sides as int8 or as uint8",
                )  # fmt: skip
        top, bottom, left, right = shape.padding
        pad = Pad((top, left, 0), (bottom, right, 0), real.quant.zero)
        source = builder.emit(raw, pad, [source], real.quant, "pad")
        shape = replace(shape, padding=(0, 0, 0, 0))
    op = AveragePool(shape, "float32_even", target.low, target.high)
    out = builder.emit(raw, op, [source], target.quant)
    return placed(context, out, axes, real.view.rank)


def lower_global_pool(context: Context, expr: Expr, target: Target) -> View:
    """GlobalAveragePool and GlobalMaxPool."""
    raw, builder = expr.node, context.builder
    largest = raw.kind == "GlobalMaxPool"
    real = context.preserved(expr.args[0], target, raw) if largest else context.real(expr.args[0], raw)
    spatial(raw, real.view.rank)
    axes = row_axes = natural_axes(real.view.rank)
    if raw.get("channels_last", 0):
        axes = row_axes = (real.view.rank - 3, real.view.rank - 2, real.view.rank - 1)
    source = context.source(real, raw, axes)
    if not largest:
        out = builder.emit(raw, Mean("hw", "float32_even", target.low, target.high), [source], target.quant)
        return placed(context, out, row_axes, real.view.rank)
    height, width, _ = builder.tensors[source].shape
    out = builder.emit(raw, MaxPool(Window((height, width))), [source], real.quant)
    return context.requantized(Real(placed(context, out, axes, real.view.rank), real.quant), target, raw)


OPERATORS: dict[str, Operator] = {
    "AveragePool": computes(lower_average_pool, first),
    "GlobalAveragePool": computes(lower_global_pool, first),
    "GlobalMaxPool": keeps(lower_global_pool, None),
    "MaxPool": moves(max_pool, None),
}
