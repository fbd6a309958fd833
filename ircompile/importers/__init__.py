"""From a user's file to a Graph: TFLite, ONNX, and ircompile's own format."""

from collections.abc import Sequence
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.importers.findings import NoTensor
from ircompile.importers.places import Trace
from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.numerics import PROFILES

MODEL_FIELDS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
"""Tags of ModelProto's fields 2 to 8, as onnx.proto numbers them."""


def load(path: Path, numerics: str | None = None, outputs: Sequence[str] = ()) -> Graph:
    """Reads a model, by what the file holds rather than how it is called.

    With `outputs`, names of tensors, the model is cut there: they are its outputs. Every framework's packages are
    imported only where they are needed.
    """
    try:
        return _load(path, numerics, outputs)
    except NoTensor as error:
        raise named_by_layer(path, numerics, error) from None


def named_by_layer(path: Path, numerics: str | None, error: NoTensor) -> CompileError:
    """The error, or where a layer has the name, as reports and C call it, one that names its tensor in the file."""
    try:
        found = trace(path, numerics)
    except CompileError:
        return error
    layer = {node.name: node.output for node in found.graph.nodes}.get(error.name)
    keys = [key for key, place in found.places.items() if place.tensor == layer]
    if not keys:
        return error
    tensor = keys[-1]
    if kind_of(path, numerics) == "tflite":
        from ircompile.importers.tflite.reader import read_model

        tensor = read_model(path).tensors[int(tensor)].name
    return CompileError(error.where, "is the name of a layer, not of a tensor", tensor, f"--outputs {tensor}")


def _load(path: Path, numerics: str | None, outputs: Sequence[str]) -> Graph:
    kind = kind_of(path, numerics)
    if kind == "tflite":
        from ircompile.importers.tflite import read_tflite

        return read_tflite(path, numerics or "tflm", outputs=outputs)
    if kind == "onnx":
        from ircompile.importers.onnx import read_onnx

        return read_onnx(path, numerics or "ort", outputs=outputs)
    from ircompile.importers.ir import read_ir

    return cut(read_ir(path), str(path), numerics, outputs)


def cut(graph: Graph, where: str, numerics: str | None, outputs: Sequence[str]) -> Graph:
    """A graph that is there already, its outputs the tensors of these names, if any are named.

    Raises CompileError where it has none of a name, or the rounding of another framework.
    """
    if numerics not in (None, graph.numerics):
        raise CompileError(where, f"numerics {numerics} for a graph of {graph.numerics}", graph.numerics)
    if not outputs:
        return graph
    computed = [node.output for node in graph.nodes]
    for name in outputs:
        if name not in computed:
            raise NoTensor(name, computed)
    needed, kept = set(outputs), []
    for node in reversed(graph.nodes):
        if node.output in needed:
            needed |= set(node.inputs)
            kept.append(node)
    held = [graph.tensors[name] for name in outputs]
    bindings = tuple(IoBinding(t.name, t.name, (1, *t.shape), t.dtype, (1, 2, 3)) for t in held)
    inputs = tuple(binding for binding in graph.inputs if binding.tensor in needed)
    return graph.rebuilt(reversed(kept), inputs=inputs, outputs=bindings)


def trace(path: Path, numerics: str | None = None, outputs: Sequence[str] = ()) -> Trace:
    """The graph as it is read, before any pass, and where each quantized tensor of the file lies in it."""
    kind = kind_of(path, numerics)
    if kind == "tflite":
        from ircompile.importers.tflite import trace_tflite

        return trace_tflite(path, numerics or "tflm", outputs)
    if kind == "onnx":
        from ircompile.importers.onnx import trace_onnx

        return trace_onnx(path, numerics or "ort", outputs=outputs)
    raise CompileError(str(path), "is of no framework that it could be compared with", "TFLite and ONNX files")


def kind_of(path: Path, numerics: str | None) -> str:
    """What a file holds: "tflite", "onnx" or "ir"."""
    if numerics is not None and numerics not in PROFILES:
        raise CompileError(str(path), f"unknown numerics profile {numerics!r}", ", ".join(PROFILES))
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise CompileError(str(path), f"cannot be read: {error.strerror}", "a .tflite, .onnx or .ir file") from None
    suffix = path.suffix.lower()
    if head[4:8] == b"TFL3":
        return "tflite"
    if suffix == ".ir" or head.startswith(b"graph "):
        return "ir"
    if suffix == ".onnx" or _begins_as_onnx(head):
        return "onnx"
    if suffix == ".tflite":
        return "tflite"
    raise CompileError(str(path), "is not a model file", ".tflite, .onnx and .ir files")


def _begins_as_onnx(head: bytes) -> bool:
    """Whether bytes begin as ONNX's ModelProto does when it is written: ir_version, then another of its fields."""
    return len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 0x80 and head[2] in MODEL_FIELDS
