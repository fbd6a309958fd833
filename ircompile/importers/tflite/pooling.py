"""Pools: means and maxima of windows."""

from ircompile.importers.tflite.convolution import clamp_of, window_of
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.ir.ops import AveragePool, MaxPool, Mean


def average_pool(low: Lowering, op: TfOperator) -> None:
    """Any kernel, stride and padding, padding not counted; fused activations."""
    source = low.picture(op, 0)
    window = window_of(low, op, source, (op.option("FilterHeight"), op.option("FilterWidth")))
    target = low.target(op, (*window.output_size(source.height, source.width), source.channels))
    bounds = clamp_of(low, op, target)
    unsigned = low.model.tensors[op.inputs[0]].dtype == "uint8"  # a uint8 sum is never negative: it rounds up
    low.check_same(op, source, target)
    if window.covers(source.height, source.width):
        low.finish(op, low.emit(op, Mean("hw", "code_up" if unsigned else "code", *bounds), [source], target))
    else:
        node = AveragePool(window, "half_up" if unsigned else "integer", *bounds)
        low.finish(op, low.emit(op, node, [source], target))


def max_pool(low: Lowering, op: TfOperator) -> None:
    """Any kernel, stride and padding; fused activations."""
    source = low.picture(op, 0)
    window = window_of(low, op, source, (op.option("FilterHeight"), op.option("FilterWidth")))
    target = low.target(op, (*window.output_size(source.height, source.width), source.channels))
    low.finish(op, low.emit(op, MaxPool(window, *clamp_of(low, op, target)), [source], target))


LOWERINGS = {"AVERAGE_POOL_2D": average_pool, "MAX_POOL_2D": max_pool}
