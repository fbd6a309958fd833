"""Which layers can have weights of 4 bits for (nearly) nothing.

A layer's price is the noise at the network's output if that layer's weights alone are rounded to 4 bits, in float,
over some samples. Layers are taken by their price for a byte saved, as long as all prices together, as if
their noises were independent, stay within what may be lost of the signal-to-noise ratio that 8 bits have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.quantization.float_model import FloatModel, OnnxNetwork, TfliteNetwork

LARGEST = 7  # code of 4 bits, symmetric


@dataclass(frozen=True)
class Narrow:
    """A layer whose weights may have 4 bits: its output's name, where its weights are and their float values.

    `axis` is that of the output channels, each of which has a scale; None where all have one together.
    """

    name: str
    weights: str
    values: Array
    axis: int | None


@dataclass(frozen=True)
class Formats:
    """What is not of 8 bits: outputs of 16, by their names, and layers with weights of 4."""

    keep16: tuple[str, ...] = ()
    int4: tuple[Narrow, ...] = ()


EIGHT_BITS = Formats()


def layers_of(model: FloatModel) -> list[Narrow]:
    """Dense convolutions and fully connected layers with constant weights that nothing else reads."""
    if isinstance(model, OnnxNetwork):
        return _of_onnx(model.model.graph)
    return _of_tflite(model) if isinstance(model, TfliteNetwork) else []


def _of_onnx(graph: Any) -> list[Narrow]:
    import onnx

    constants = {tensor.name: tensor for tensor in graph.initializer}
    readers = [name for node in graph.node for name in node.input]
    found = []
    for node in graph.node:
        given = {attribute.name: attribute.i for attribute in node.attribute}
        dense = node.op_type in ("Gemm", "MatMul") or (node.op_type == "Conv" and given.get("group", 1) == 1)
        if dense and node.input[1] in constants and readers.count(node.input[1]) == 1:
            values = onnx.numpy_helper.to_array(constants[node.input[1]])
            axis = 0 if node.op_type == "Conv" or given.get("transB") else 1
            found.append(Narrow(node.output[0], node.input[1], values, axis))
    return found


def _of_tflite(model: TfliteNetwork) -> list[Narrow]:
    from ai_edge_litert import schema_py_generated as schema

    file = schema.ModelT.InitFromPackedBuf(model.data, 0)
    graph = file.subgraphs[0]
    axes = {  # TFLite Micro has no fully connected layers of 4 bits with a scale for each channel
        schema.BuiltinOperator.CONV_2D: 0,
        schema.BuiltinOperator.FULLY_CONNECTED: None,
    }
    readers = [int(index) for op in graph.operators for index in op.inputs]
    found = []
    for op in graph.operators:
        code = file.operatorCodes[op.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind not in axes or readers.count(int(op.inputs[1])) > 1:
            continue
        tensor = graph.tensors[op.inputs[1]]
        data = file.buffers[tensor.buffer].data
        if tensor.type == schema.TensorType.FLOAT32 and data is not None:
            values = np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.float32).reshape(tensor.shape)
            name = graph.tensors[op.outputs[0]].name.decode()
            found.append(Narrow(name, str(int(op.inputs[1])), values, axes[kind]))
    return found


def choose(
    layers: Sequence[Narrow], model: FloatModel, quantized: FloatModel, inputs: Sequence[Array], decibels: float
) -> list[Narrow]:
    """The layers to take; in `quantized` all have 8 bits, and `decibels` are what may be lost of its ratio."""
    wanted = [model.run(x).astype(np.float64) for x in inputs]

    def noise(other: FloatModel) -> float:
        pairs = zip(inputs, wanted, strict=True)
        return sum(float(np.sum((other.run(x).reshape(-1) - real.reshape(-1)) ** 2)) for x, real in pairs)

    left = (10 ** (decibels / 10) - 1) * noise(quantized)
    prices = [(noise(model.with_weights({layer.weights: _rounded(layer)})), layer) for layer in layers]
    taken = []
    for price, layer in sorted(prices, key=lambda pair: pair[0] / pair[1].values.size):
        if price <= left:
            left -= price
            taken.append(layer)
    return taken


def _rounded(layer: Narrow) -> Array:
    """The weights as symmetric codes of 4 bits give them."""
    others = tuple(axis for axis in range(layer.values.ndim) if axis != layer.axis)  # all where that is None
    scales = np.abs(layer.values).max(axis=others, keepdims=True) / LARGEST
    scales = np.where(scales > 0, scales, 1)
    return np.asarray(np.clip(np.rint(layer.values / scales), -LARGEST, LARGEST) * scales, np.float32)
