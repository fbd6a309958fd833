"""Shapes of ONNX tensors, for the Shape operators of exported graphs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx

from ircompile.errors import CompileError
from ircompile.importers.onnx.model import Raw
from ircompile.importers.onnx.values import Codes, Entry, Real, Value

SMALL, SECONDS = 4096, 20
INFER = """
import sys
import onnx
model = onnx.ModelProto.FromString(sys.stdin.buffer.read())
sys.stdout.buffer.write(onnx.shape_inference.infer_shapes(model, data_prop=True).SerializeToString())
"""


class Shapes:
    """The known ones from their values; those of float expressions from ONNX's own shape inference."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inferred: dict[str, tuple[int, ...]] | None = None

    def of(self, name: str, value: Value, raw: Raw) -> tuple[int, ...]:
        """The shape of a tensor; raises CompileError where nothing tells it."""
        if isinstance(value, Codes | Real | Entry):
            return value.view.shape
        return self.inferred(name, raw)

    def inferred(self, name: str, raw: Raw) -> tuple[int, ...]:
        """The shape by ONNX's own inference; raises CompileError where that does not tell it."""
        if self._inferred is None:
            self._inferred = self._infer()
        if name not in self._inferred:
            raise CompileError(raw.where, f"asks for the shape of {name!r}, which is not known", "fixed sizes")
        return self._inferred[name]

    def _infer(self) -> dict[str, tuple[int, ...]]:
        """In a process of its own, since ONNX's C++ aborts where a damaged file gives a size below zero."""
        try:
            model = onnx.load_model(self._path, load_external_data=False)
            for value in model.graph.input:
                dims = value.type.tensor_type.shape.dim
                if dims and not dims[0].dim_value:
                    dims[0].dim_value = 1
            for tensor in model.graph.initializer:
                if len(tensor.raw_data) > SMALL:  # weights: their shape is all that counts
                    tensor.ClearField("raw_data")
            command = [sys.executable, "-c", INFER]
            data = model.SerializeToString()
            answer = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=True).stdout
            inferred = onnx.ModelProto.FromString(answer)
        except Exception:  # exceptions of several kinds, from C++ too: then no shape is known
            return {}
        found = {}
        for value in inferred.graph.value_info:
            sizes = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
            if sizes and min(sizes) > 0:
                found[value.name] = sizes
        return found
