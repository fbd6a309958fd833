"""Every operator of a TFLite file, whether supported or why not: the walk goes on behind what is refused."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.importers.damaged_files import refusing_damage
from ircompile.importers.findings import Finding, Verdict, refused
from ircompile.importers.tflite import ends, lower
from ircompile.importers.tflite.cut import cut_at
from ircompile.importers.tflite.layout import Activation, default_axes, default_shape
from ircompile.importers.tflite.lowering import CODES, Lowering, held_type
from ircompile.importers.tflite.reader import TfOperator, TfTensor, read_model
from ircompile.importers.tflite.values import Cut


def check_tflite(path: Path, numerics: str, outputs: Sequence[str] = ()) -> list[Finding]:
    """Findings of inputs, operators in execution order, and outputs; raises CompileError for a damaged file."""
    with refusing_damage(path, "whole TFLite flatbuffers"):
        model = read_model(path)
        ends.check_quantized(model)
        return _findings(Lowering(cut_at(model, outputs), numerics), path)


def _findings(low: Lowering, path: Path) -> list[Finding]:
    found = list(_inputs(low))
    found += [_operator(low, op) for op in low.model.operators]
    if not any(finding.verdict == "unsupported" for finding in found):
        try:
            ends.close(low, path.stem)
        except CompileError as error:
            found.append(refused(-1, error.where, "output", error))
    return found


def _inputs(low: Lowering) -> Iterator[Finding]:
    for index in low.model.inputs:
        tensor = low.model.tensors[index]
        try:
            ends.open_input(low, index)
        except CompileError as error:
            _assume(low, tensor)
            yield refused(-1, tensor.name, "input", error)


def _operator(low: Lowering, op: TfOperator) -> Finding:
    outputs = [low.model.tensors[index] for index in op.outputs]
    name = outputs[0].name if outputs else ""
    try:
        lower(low, op)
        _check_types(low, op)
    except CompileError as error:
        for tensor in outputs:
            if tensor.index not in low.values and tensor.dtype != "float32":
                _assume(low, tensor)
        return refused(op.index, name, op.kind, error)
    verdict: Verdict = "supported"
    if all(tensor.index in low.folded for tensor in outputs):
        verdict = "constant"
    elif any(isinstance(low.values.get(tensor.index), Cut) for tensor in outputs):
        verdict = "left to the caller"
    return Finding(op.index, name, op.kind, verdict)


def _check_types(low: Lowering, op: TfOperator) -> None:
    """Raises CompileError where an operator reads what was only assumed to be codes."""
    for index in op.inputs:
        tensor = low.model.tensors[index] if index >= 0 else None
        if tensor and isinstance(low.values.get(index), Activation) and tensor.dtype not in CODES:
            raise low.error(op, f"input {tensor.name!r} is {tensor.dtype}", "quantized tensors")


def _assume(low: Lowering, tensor: TfTensor) -> None:
    """Goes on as if a refused operator had given its output, so that those behind it can be checked."""
    try:
        scale, zero_point = low.quantization("", tensor)
    except CompileError:
        scale, zero_point = 1.0, 0
    dtype = held_type(tensor) if tensor.dtype in CODES else "int8"
    name = low.tensor(f"assumed_{tensor.index}", default_shape(tensor.shape), dtype, scale, zero_point).name
    low.values[tensor.index] = Activation(name, default_axes(tensor.shape))
