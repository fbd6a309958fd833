"""Cross-layer equalization: channels that are small in one layer are made larger there and smaller in the next.

Where a depthwise convolution's channels have very different ranges, its output has one scale for all of them and
small ones vanish in it. A channel's weights and bias may be multiplied by s > 0, if the weights of the next
convolution that read it are divided by s: ReLU, which may stand between, lets a factor through. ReLU6 does not, so
it stops this. With powers of two the float network computes the same, bit for bit, but for what underflows.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019.
"""

from typing import Any

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.quantization.float_model import OnnxNetwork

LARGEST = 16
"""The greatest exponent of a channel's factor, either way."""


def equalize(model: OnnxNetwork) -> list[str]:
    """Equalizes every depthwise convolution that one other convolution reads; the names of their outputs."""
    import onnx

    graph = model.model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    changed = []
    for node in graph.node:
        following = _reader_of(graph, node, weights) if _depthwise(node, weights) else None
        if following is None:
            continue
        own = onnx.numpy_helper.to_array(weights[node.input[1]])
        other = onnx.numpy_helper.to_array(weights[following.input[1]])
        factors = _factors(own, other)
        if np.all(factors == 1):
            continue
        _put(weights[node.input[1]], own * factors.reshape(-1, 1, 1, 1))
        if len(node.input) > 2 and node.input[2]:
            _put(weights[node.input[2]], onnx.numpy_helper.to_array(weights[node.input[2]]) * factors)
        _put(weights[following.input[1]], other / factors.reshape(1, -1, 1, 1))
        changed.append(str(node.output[0]))
    model.forget()
    return changed


def _factors(own: Array, other: Array) -> Array:
    """A power of two a channel (C,), so that its range in both layers becomes nearly the same."""
    here = np.abs(own).reshape(len(own), -1).max(axis=1)
    there = np.abs(other).transpose(1, 0, 2, 3).reshape(len(own), -1).max(axis=1)
    alive = (here > 0) & (there > 0)
    ratio = np.sqrt(np.where(alive, there, 1.0) / np.where(alive, here, 1.0))
    exponents = np.clip(np.rint(np.log2(ratio / np.exp(np.mean(np.log(ratio[alive]))))), -LARGEST, LARGEST)
    return np.where(alive, 2.0**exponents, 1.0).astype(np.float32)


def _depthwise(node: Any, weights: dict[str, Any]) -> bool:
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    constants = [name for name in node.input[1:] if name]
    known = node.op_type == "Conv" and all(name in weights for name in constants)
    return bool(known and group > 1 and list(weights[node.input[1]].dims[:2]) == [group, 1])


def _reader_of(graph: Any, node: Any, weights: dict[str, Any]) -> Any:
    """The only convolution that reads a node's output, perhaps behind a ReLU; None where there is no such."""
    name = node.output[0]
    for _ in range(2):
        readers = [other for other in graph.node if name in other.input]
        if len(readers) != 1 or any(port.name == name for port in graph.output):
            return None
        (reader,) = readers
        if reader.op_type == "Relu":
            name = reader.output[0]
            continue
        group = next((a.i for a in reader.attribute if a.name == "group"), 1)
        used = sum(reader.input[1] in other.input for other in graph.node) if len(reader.input) > 1 else 0
        fits = reader.op_type == "Conv" and group == 1 and reader.input[1] in weights and used == 1
        return reader if fits else None
    return None


def _put(tensor: Any, values: Array) -> None:
    import onnx

    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values, np.float32), tensor.name))
