"""Softmax in the middle of a quantized model."""

from ircompile.errors import CompileError
from ircompile.importers.onnx.layout import NONE, Axes, View, axes_of, is_identity, order_of
from ircompile.importers.onnx.lowering import Context
from ircompile.importers.onnx.pooling import placed
from ircompile.importers.onnx.proto import product
from ircompile.importers.onnx.record import Operator, computes, unknown
from ircompile.importers.onnx.values import Expr, Target
from ircompile.ir.ops import Softmax


def lower_softmax(context: Context, expr: Expr, target: Target) -> View:
    """Softmax over one axis; before opset 13, over all axes from the given one on."""
    raw, builder = expr.node, context.builder
    real = context.real(expr.args[0], raw)
    view = context.settled(real, raw)
    legacy = raw.get("opset", context.opset) < 13
    axis = raw.axis(view.rank, 1 if legacy else -1)
    shape = view.shape
    if legacy:
        view = view.moved(view.index.reshape(view.index.size // product(shape[axis:]), -1))
        axis = 1
    axes = softmax_axes(view, builder.tensors[view.tensor].shape, axis)
    out = builder.emit(raw, Softmax("table"), [builder.arrange(raw, view, axes)], target.quant)
    found = placed(context, out, axes, view.rank)
    if (target.low, target.high) != (-128, 127):
        raise CompileError(raw.where, "clips what a Softmax gives", "Softmax, then QuantizeLinear")
    return found.moved(found.index.reshape(shape))


def softmax_axes(view: View, shape: tuple[int, int, int], axis: int) -> Axes:
    """Axes with `axis` as the channels: the view's own where they are so, else the other long axes before it."""
    own = axes_of(view, shape)
    if own is not None and own[2] == axis:
        return own
    others = [a for a in range(view.rank) if a != axis and view.shape[a] > 1]
    height = others[0] if others else NONE
    width = others[1] if len(others) > 1 else NONE
    swapped = order_of(view, (width, height, axis)) if len(others) == 2 else None
    if swapped is not None and is_identity(swapped):
        return width, height, axis
    return height, width, axis


OPERATORS: dict[str, Operator] = {"Softmax": computes(lower_softmax, unknown, left=True)}
