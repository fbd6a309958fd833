"""The libraries that quantize, set up so that what they write is what ircompile compiles best.

Weights get a scale for each channel, activations one for each tensor, and all is 8 bits wide that `Formats` does
not name.
"""

import contextlib
import copy
import io
import logging
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.tensor import Array
from ircompile.quantization.float_model import FloatModel, OnnxNetwork, TfliteNetwork
from ircompile.quantization.narrow import EIGHT_BITS, Formats
from ircompile.quantization.samples import HINT
from ircompile.verification.references.base import require
from ircompile.verification.references.tflite_file import pack

SIGNATURE = "serving_default"
ENDS = frozenset(
    {"Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid", "Tanh", "Flatten", "Reshape", "Squeeze", "Identity"}
)
"""Operators of ONNX at the end of a network that quantizers leave in float."""


def quantize(model: FloatModel, inputs: Sequence[Array], method: str, formats: Formats = EIGHT_BITS) -> bytes:
    """The quantized file. `method` is one of `METHODS`; raises CompileError where it cannot do it."""
    name, suffix, quantizer = METHODS[method]
    if model.path.suffix.lower() != suffix:
        raise CompileError("--method", f"{method} quantizes {suffix} files", ", ".join(fitting(model.path)))
    progress = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with contextlib.redirect_stdout(progress), contextlib.redirect_stderr(progress), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return quantizer(model, inputs, formats)
        except CompileError:
            raise
        except Exception as error:  # each library raises errors of its own
            problem = str(error).strip().splitlines() or [type(error).__name__]
            others = [other for other in fitting(model.path) if other != method]
            hint = f"try --method {others[0]}" if others else ""
            raise CompileError(str(model.path), f"{name} cannot quantize it: {problem[0]}", hint=hint) from error


def check_formats(method: str, keep16: bool, int4: bool) -> None:
    """Raises CompileError where a library does not do what was asked, or no integers compute what comes of it."""
    if keep16 and method != "ai-edge":
        raise CompileError(
            "--keep16", f"is not done by --method {method}: ONNX Runtime computes 16-bit activations in float, "
            "which no integers reproduce", "ai-edge, for .tflite",
        )  # fmt: skip
    if int4 and method == "nncf":
        raise CompileError(
            "--int4", "is not done by --method nncf: its 4-bit weights leave activations in float",
            "onnxruntime, ai-edge",
        )  # fmt: skip


def fitting(path: Path) -> list[str]:
    """The methods for a file, the default first."""
    return [method for method, (_, suffix, _) in METHODS.items() if suffix == path.suffix.lower()]


def _nncf(model: FloatModel, inputs: Sequence[Array], formats: Formats) -> bytes:
    """NNCF's post-training quantization: mixed preset, bias correction, no narrowed ranges of weights."""
    assert isinstance(model, OnnxNetwork)
    nncf = _required("nncf", "nncf", model)
    advanced = _required("nncf.quantization.advanced_parameters", "nncf", model)
    logging.getLogger("nncf").setLevel(logging.ERROR)
    parameters = advanced.AdvancedQuantizationParameters(
        overflow_fix=nncf.OverflowFix.DISABLE,
        activations_quantization_params=advanced.QuantizationParameters(per_channel=False),
        weights_quantization_params=advanced.QuantizationParameters(per_channel=True),
    )
    quantized = nncf.quantize(
        model.model,
        nncf.Dataset([{model.input_name: x} for x in inputs]),
        subset_size=len(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        advanced_parameters=parameters,
    )
    return bytes(with_quantized_ends(quantized, model, inputs).SerializeToString())


def with_quantized_ends(quantized: Any, model: OnnxNetwork, inputs: Sequence[Array]) -> Any:
    """The ONNX model with a scale for what each output is computed from, where the quantizer left that in float.

    That is the tensor before functions that stay in float (`ENDS`). Its range is that over the inputs, 0 included.
    """
    import onnx

    graph = quantized.graph
    writers = {name: node for node in graph.node for name in node.output}
    for port in graph.output:
        name = port.name
        while name in writers and writers[name].op_type in ENDS:
            name = writers[name].input[0]
        if name not in writers or writers[name].op_type == "DequantizeLinear":
            continue
        values = [model.trace(x).get(name) if name != port.name else model.run(x) for x in inputs]
        known = np.concatenate([value.reshape(-1) for value in values if value is not None] or [np.zeros(1)])
        low, high = min(float(known.min()), 0.0), max(float(known.max()), 0.0)
        scale = np.float32((high - low) / 255 or 1.0)
        zero = np.int8(np.clip(np.rint(-128 - low / scale), -128, 127))
        raw, codes = f"{name}_real", f"{name}_codes"
        writer = writers[name]
        writer.output[list(writer.output).index(name)] = raw
        parameters = [(f"{name}_scale", scale), (f"{name}_zero_point", zero)]
        graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in parameters)
        names = [n for n, _ in parameters]
        place = list(graph.node).index(writer) + 1
        graph.node.insert(place, onnx.helper.make_node("QuantizeLinear", [raw, *names], [codes]))
        graph.node.insert(place + 1, onnx.helper.make_node("DequantizeLinear", [codes, *names], [name]))
    return quantized


def _onnxruntime(model: FloatModel, inputs: Sequence[Array], formats: Formats) -> bytes:
    """ONNX Runtime's static quantization: QDQ, int8 for activations and weights."""
    assert isinstance(model, OnnxNetwork)
    ort = _required("onnxruntime.quantization", "onnxruntime", model)
    network = copy.deepcopy(model.model)  # the library moves its weights into a file that does not last

    class Reader(ort.CalibrationDataReader):  # type: ignore[misc, name-defined]
        """Hands out the inputs one by one."""

        def __init__(self) -> None:
            self._left = iter(inputs)

        def get_next(self) -> Mapping[str, Array] | None:
            """The next input, or None behind the last."""
            return next(({model.input_name: x} for x in self._left), None)

    overrides = {
        layer.weights: [{"quant_type": ort.QuantType.QInt4, "axis": layer.axis, "symmetric": True}]
        for layer in formats.int4
    }
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "quantized.onnx"
        ort.quantize_static(
            network,
            str(target),
            Reader(),
            quant_format=ort.QuantFormat.QDQ,
            per_channel=True,
            activation_type=ort.QuantType.QInt8,
            weight_type=ort.QuantType.QInt8,
            extra_options={"TensorQuantOverrides": overrides},
        )
        return target.read_bytes()


def _ai_edge(model: FloatModel, inputs: Sequence[Array], formats: Formats) -> bytes:
    """ai-edge-quantizer's static quantization of weights and activations."""
    library = _required("ai_edge_quantizer", "ai-edge-quantizer", model)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.tflite", Path(folder) / "quantized.tflite"
        data, names = with_signature(model)
        source.write_bytes(data)
        quantizer = library.quantizer.Quantizer(str(source))
        quantizer.load_quantization_recipe(_recipe(model, formats))
        statistics = quantizer.calibrate({SIGNATURE: [{names[0]: x} for x in inputs]})
        quantizer.quantize(statistics).export_model(str(target))
        return with_inline_buffers(target.read_bytes())


def _recipe(model: FloatModel, formats: Formats) -> Any:
    """What ai-edge-quantizer is to do: 8 bits, but for some operators, which it knows by their outputs' names."""
    every = _required("ai_edge_quantizer.qtyping", "ai-edge-quantizer", model).TFLOperationName.ALL_SUPPORTED
    manager = _required("ai_edge_quantizer.recipe_manager", "ai-edge-quantizer", model).RecipeManager()
    granularity = _required("ai_edge_quantizer.qtyping", "ai-edge-quantizer", model).QuantGranularity
    manager.add_static_config(".*", every, 8, 8)
    for name in operators_around(model, formats.keep16):
        manager.add_static_config(f"^{re.escape(name)};$", every, 16, 8)
    for layer in formats.int4:
        scales = granularity.TENSORWISE if layer.axis is None else granularity.CHANNELWISE
        manager.add_static_config(f"^{re.escape(layer.name)};$", every, 8, 4, scales)
    return manager.get_quantization_recipe()


def operators_around(model: FloatModel, tensors: Sequence[str]) -> list[str]:
    """The operators of a TFLite network that write or read any of the tensors, by the names of their outputs."""
    if not tensors:
        return []
    schema = _required("ai_edge_litert.schema_py_generated", "ai-edge-litert", model)
    graph = schema.ModelT.InitFromPackedBuf(file_of(model), 0).subgraphs[0]
    names = [tensor.name.decode() for tensor in graph.tensors]
    return [
        ";".join(names[index] for index in op.outputs)
        for op in graph.operators
        if any(names[index] in tensors for index in (*op.inputs, *op.outputs) if index >= 0)
    ]


def with_inline_buffers(data: bytes) -> bytes:
    """A TFLite file whose constants all lie in the flatbuffer itself.

    ai-edge-quantizer may append them behind it, where TFLite Micro does not look: it computes with garbage.
    """
    from ai_edge_litert import schema_py_generated as schema

    file = schema.ModelT.InitFromPackedBuf(data, 0)
    outside = [buffer for buffer in file.buffers if buffer.offset > 1]  # 0 and 1 say that it is not
    if not outside:
        return data
    for buffer in outside:
        buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    return pack(file)


def file_of(model: FloatModel) -> bytes:
    """The file of a TFLite network, its weights in float."""
    return model.data if isinstance(model, TfliteNetwork) else model.path.read_bytes()


def with_signature(model: FloatModel) -> tuple[bytes, list[str]]:
    """The TFLite file with a signature that names its inputs, and those names; ai-edge-quantizer wants one."""
    schema = _required("ai_edge_litert.schema_py_generated", "ai-edge-litert", model)
    file = schema.ModelT.InitFromPackedBuf(file_of(model), 0)
    for code in file.operatorCodes:  # old files have the older field only, which the quantizer does not read
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    graph = file.subgraphs[0]

    def ends(stem: str, indices: Sequence[int]) -> list[Any]:
        maps = []
        for number, index in enumerate(indices):
            end = schema.TensorMapT()
            end.name, end.tensorIndex = f"{stem}_{number}".encode(), int(index)
            maps.append(end)
        return maps

    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE.encode(), 0
    signature.inputs, signature.outputs = ends("input", graph.inputs), ends("output", graph.outputs)
    file.signatureDefs = [signature]
    return pack(file), [end.name.decode() for end in signature.inputs]


def _required(module: str, package: str, model: FloatModel) -> Any:
    """A library of the extra `quantize`."""
    try:
        return require(module, package, str(model.path))
    except CompileError as error:
        raise CompileError(error.where, error.problem, error.supported, HINT) from None


METHODS: Mapping[str, tuple[str, str, Callable[[FloatModel, Sequence[Array], Formats], bytes]]] = {
    "nncf": ("NNCF", ".onnx", _nncf),
    "onnxruntime": ("ONNX Runtime", ".onnx", _onnxruntime),
    "ai-edge": ("ai-edge-quantizer", ".tflite", _ai_edge),
}
"""By the name that users choose: what people call it, the files it quantizes, and the function that does it."""
