"""From a user's file to a Graph: TFLite, ONNX, and ircompile's own format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.graph import Graph
from ircompile.numerics import PROFILES


def load(path: Path, numerics: str | None = None, name: str | None = None) -> Graph:
    """Reads a model, by what the file holds rather than how it is called; `name` renames the graph."""
    if numerics is not None and numerics not in PROFILES:
        raise CompileError(str(path), f"unknown numerics profile {numerics!r}", ", ".join(PROFILES))
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise CompileError(str(path), f"cannot be read: {error.strerror}", "a .tflite, .onnx or .ir file") from None
    graph = _read(path, head, numerics)
    return replace(graph, name=name) if name else graph


def _read(path: Path, head: bytes, numerics: str | None) -> Graph:
    suffix = path.suffix.lower()
    if head[4:8] == b"TFL3" or suffix == ".tflite":
        from ircompile.importers.tflite import read_tflite

        return read_tflite(path, numerics or "tflm")
    if suffix == ".ir" or head.startswith(b"graph "):
        from ircompile.importers.ir import read_ir

        graph = read_ir(path)
        if numerics not in (None, graph.numerics):
            raise CompileError(str(path), f"numerics {numerics} for a graph of {graph.numerics}", graph.numerics)
        return graph
    if suffix == ".onnx":
        from ircompile.importers.onnx import read_onnx

        return read_onnx(path, numerics or "ort")
    raise CompileError(str(path), "is not a model file", ".tflite, .onnx and .ir files")
