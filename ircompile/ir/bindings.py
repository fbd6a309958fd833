"""Between a framework's tensors and the graph's height x width x channels codes."""

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.graph import IoBinding
from ircompile.ir.numerics import quantize
from ircompile.ir.tensor import Array, Tensor


def to_graph(external: IoBinding, tensor: Tensor, array: Array) -> Array:
    """The graph's codes (H, W, C) of a framework's input array; raises CompileError on a wrong shape or dtype."""
    if array.shape != external.shape:
        raise CompileError(f"input {external.name!r}", f"array of shape {array.shape}", f"shape {external.shape}")
    if array.dtype != external.dtype:
        raise CompileError(f"input {external.name!r}", f"array of {array.dtype}", f"dtype {external.dtype}")
    if external.dtype == "float32":
        array = quantize(array, tensor.scale, tensor.zero_point, tensor.dtype, external.half_even)
    kept = [axis for axis in external.axes if axis >= 0]
    dropped = [axis for axis in range(array.ndim) if axis not in kept]
    return np.ascontiguousarray(array.transpose(*dropped, *kept).reshape(tensor.shape).astype(tensor.dtype))


def from_graph(external: IoBinding, tensor: Tensor, codes: Array) -> Array:
    """The framework's output array of the graph's codes (H, W, C)."""
    kept = [axis for axis in external.axes if axis >= 0]
    dropped = [axis for axis in range(len(external.shape)) if axis not in kept]
    order = (*dropped, *kept)
    moved = codes.reshape(tuple(external.shape[axis] for axis in order)).transpose(np.argsort(order))
    if external.dtype == "float32":
        return (moved.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)
    return moved.astype(external.dtype)
