"""Shapes of ONNX tensors, for the Shape operators of exported graphs."""

from __future__ import annotations

from pathlib import Path

import onnx

from ircompile.errors import CompileError
from ircompile.importers.onnx.model import Raw
from ircompile.importers.onnx.values import Codes, Entry, Real, Value


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
        try:
            model = onnx.load_model(self._path, load_external_data=False)
            for value in model.graph.input:
                dims = value.type.tensor_type.shape.dim
                if dims and not dims[0].dim_value:
                    dims[0].dim_value = 1
            inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        except Exception:  # C++ exceptions of several kinds: then no shape is known
            return {}
        found = {}
        for value in inferred.graph.value_info:
            sizes = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
            if sizes and min(sizes) > 0:
                found[value.name] = sizes
        return found
