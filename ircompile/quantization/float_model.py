"""A float network, run by its own framework, whole or with every activation in view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.numerics import quantize
from ircompile.ir.tensor import Array
from ircompile.verification.references.base import require
from ircompile.verification.references.tflite_file import pack

OPSET = 13
"""The first opset of ONNX whose QuantizeLinear has a scale for each channel."""


class FloatModel(Protocol):
    """One float network of one input. `shape` and arrays are the model's own, batch 1, float32."""

    path: Path
    input_name: str
    shape: tuple[int, ...]
    takes_float: bool

    def run(self, x: Array) -> Array:
        """The first output."""

    def trace(self, x: Array) -> dict[str, Array]:
        """The float activations that operators compute, by name."""

    def with_weights(self, weights: Mapping[str, Array]) -> FloatModel:
        """The same network with other values of some constants."""


def open_float(path: Path) -> FloatModel:
    """Opens a float .tflite or .onnx of one input; raises CompileError where it is none."""
    if not path.is_file():
        raise CompileError(str(path), "is no file", "a float .tflite or .onnx")
    model = open_network(path)
    if not model.takes_float:
        raise CompileError(
            str(path), "its input is not float32", "a float network", "compile a quantized one as it is"
        )
    return model


def open_network(path: Path) -> TfliteNetwork | OnnxNetwork:
    """Opens a network that may be quantized already: its activations are real values all the same."""
    if path.suffix.lower() == ".tflite":
        return TfliteNetwork(path)
    if path.suffix.lower() == ".onnx":
        return OnnxNetwork(path)
    raise CompileError(str(path), f"is no {path.suffix or 'such'} file", "a float .tflite or .onnx")


class TfliteNetwork:
    """A TFLite file in LiteRT."""

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        self.path = path
        litert = require("ai_edge_litert.interpreter", "ai-edge-litert", str(path))
        try:
            self.data = data or with_real_weights(path.read_bytes())
            self._interpreter = litert.Interpreter(
                model_content=self.data,
                experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            self._interpreter.allocate_tensors()
        except Exception as error:  # of many kinds, where a file is damaged
            raise CompileError(str(path), f"LiteRT refuses it: {error}", "a float .tflite") from None
        inputs = self._interpreter.get_input_details()
        _check_one(path, len(inputs))
        self.takes_float = inputs[0]["dtype"] is np.float32
        self.input_name, self.shape = inputs[0]["name"], tuple(int(n) for n in inputs[0]["shape"])

    def run(self, x: Array) -> Array:
        """The first output."""
        self._invoke(x)
        detail = self._interpreter.get_output_details()[0]
        return _real(self._interpreter.get_tensor(detail["index"]), detail)

    def trace(self, x: Array) -> dict[str, Array]:
        """The float activations that operators compute, by name."""
        self._invoke(x)
        computed = {int(i) for op in self._interpreter._get_ops_details() for i in op["outputs"]}
        details = [d for d in self._interpreter.get_tensor_details() if d["index"] in computed]
        return {d["name"]: _real(self._interpreter.get_tensor(d["index"]), d) for d in details}

    def with_weights(self, weights: Mapping[str, Array]) -> TfliteNetwork:
        """The same network with other values of some float constants, which are named by their tensor's number."""
        from ai_edge_litert import schema_py_generated as schema

        file = schema.ModelT.InitFromPackedBuf(self.data, 0)
        for number, values in weights.items():
            buffer = file.buffers[file.subgraphs[0].tensors[int(number)].buffer]
            buffer.data = np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)
        return TfliteNetwork(self.path, pack(file))

    def _invoke(self, x: Array) -> None:
        (detail,) = self._interpreter.get_input_details()
        scale, zero_point = detail["quantization"]
        given = x if self.takes_float else quantize(x, scale, zero_point, np.dtype(detail["dtype"]).name, False)
        self._interpreter.set_tensor(detail["index"], given)
        self._interpreter.invoke()


def with_real_weights(data: bytes) -> bytes:
    """A TFLite file with weights of 8 bits turned back into float, where the tensors between are float.

    "Dynamic range" files have such weights. Other files stay as they are.
    """
    from ai_edge_litert import schema_py_generated as schema

    file = schema.ModelT.InitFromPackedBuf(data, 0)
    changed = False
    for graph in file.subgraphs:
        for op in graph.operators:
            if graph.tensors[op.inputs[0]].type != schema.TensorType.FLOAT32:
                continue
            for tensor in (graph.tensors[index] for index in op.inputs[1:] if index >= 0):
                codes = file.buffers[tensor.buffer].data
                if tensor.type != schema.TensorType.INT8 or codes is None or tensor.quantization is None:
                    continue
                real = schema.BufferT()
                real.data = np.frombuffer(_weights(np.asarray(codes, np.uint8), tensor).tobytes(), np.uint8)
                tensor.buffer, tensor.type, tensor.quantization = len(file.buffers), schema.TensorType.FLOAT32, None
                file.buffers.append(real)
                changed = True
    return pack(file) if changed else data


def _weights(data: Array, tensor: Any) -> Array:
    """The float32 weights of int8 ones, with a scale a tensor or a channel."""
    codes = data.view(np.int8).reshape(tensor.shape)
    scales = np.asarray(tensor.quantization.scale, np.float32)
    zeros = np.asarray(tensor.quantization.zeroPoint, np.float32)
    if len(scales) > 1:
        along = [1] * codes.ndim
        along[tensor.quantization.quantizedDimension] = -1
        scales, zeros = scales.reshape(along), zeros.reshape(along)
    return np.asarray((codes.astype(np.float32) - zeros) * scales, np.float32)


def _real(codes: Array, detail: Any) -> Array:
    """The real values of a tensor of LiteRT, which may be quantized."""
    scale, zero_point = detail["quantization"]
    return (codes.astype(np.float32) - zero_point) * np.float32(scale) if scale else np.array(codes)


class OnnxNetwork:
    """An ONNX file in ONNX Runtime: batch 1, opset 13 and later, BatchNormalization folded where it can be."""

    def __init__(self, path: Path, model: Any = None) -> None:
        self.path = path
        self.model = model or prepared(path)
        port = self.model.graph.input
        _check_one(path, len(port))
        self.takes_float = port[0].type.tensor_type.elem_type == 1
        self.input_name = port[0].name
        self.shape = tuple(int(d.dim_value) for d in port[0].type.tensor_type.shape.dim)
        if min(self.shape, default=0) < 1:
            raise CompileError(str(path), f"input {self.input_name!r} has shape {self.shape}", "static shapes")
        self._whole: Any = None
        self._open: Any = None

    def with_weights(self, weights: Mapping[str, Array]) -> OnnxNetwork:
        """The same network with other values of some initializers."""
        import onnx

        changed = onnx.ModelProto()
        changed.CopyFrom(self.model)
        for tensor in changed.graph.initializer:
            if tensor.name in weights:
                values = np.ascontiguousarray(weights[tensor.name], np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        return OnnxNetwork(self.path, changed)

    def forget(self) -> None:
        """Opens it anew when it is run next: `model` was changed."""
        self._whole = self._open = None

    def run(self, x: Array) -> Array:
        """The first output."""
        if self._whole is None:
            self._whole = _session(self.model, str(self.path))
        return np.asarray(self._whole.run(None, {self.input_name: x})[0])

    def trace(self, x: Array) -> dict[str, Array]:
        """The float activations that operators compute, by name."""
        if self._open is None:
            import onnx

            opened = onnx.ModelProto()
            opened.CopyFrom(self.model)
            have = {port.name for port in opened.graph.output}
            names = [name for node in opened.graph.node for name in node.output if name and name not in have]
            opened.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
            self._open = _session(opened, str(self.path))
        names = [port.name for port in self._open.get_outputs()]
        found = zip(names, self._open.run(None, {self.input_name: x}), strict=True)
        return {name: array for name, array in found if array.dtype == np.float32}


def prepared(path: Path) -> Any:
    """The ONNX model with batch 1, an opset that can be quantized by channel, and what can be folded, folded.

    ONNX Runtime's `quant_pre_process` folds BatchNormalization into convolutions and infers shapes.
    """
    import tempfile

    import onnx

    require("onnxruntime", "onnxruntime", str(path))
    from onnxruntime.quantization.shape_inference import quant_pre_process

    try:
        model = onnx.load(path)
        for port in model.graph.input:
            batch = port.type.tensor_type.shape.dim[:1]
            if batch and batch[0].dim_value < 1:
                batch[0].ClearField("dim_param")
                batch[0].dim_value = 1
        if next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0) < OPSET:
            model = onnx.version_converter.convert_version(model, OPSET)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "float.onnx", Path(folder) / "prepared.onnx"
            onnx.save(model, source)
            quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
            return onnx.load(target)
    except CompileError:
        raise
    except Exception as error:  # the frameworks raise errors of many kinds on a file that is none
        raise CompileError(
            str(path), f"cannot be prepared: {str(error).splitlines()[0]}", "a float .onnx"
        ) from error


def _session(model: Any, where: str) -> Any:
    ort = require("onnxruntime", "onnxruntime", where)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of ONNX Runtime's own kinds
        reason = str(error).strip().splitlines()[0]
        raise CompileError(where, f"ONNX Runtime refuses it: {reason}", "a float .onnx that it runs") from error


def _check_one(path: Path, inputs: int) -> None:
    """Raises CompileError unless there is one input."""
    if inputs != 1:
        raise CompileError(str(path), f"has {inputs} inputs", "one input")
