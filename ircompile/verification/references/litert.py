"""LiteRT with its reference kernels (`OpResolverType.BUILTIN_REF`): the profile 'litert-ref'.

LiteRT's default kernels (ruy, XNNPACK) are never used here: their results depend on the machine.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ircompile.errors import CompileError
from ircompile.verification.references.base import OTHER_HINT, Array, Operator, check_inputs, require
from ircompile.verification.references.tflite_file import TfliteFile


class LitertReference:
    """One model in LiteRT's reference kernels. See `Reference` for the methods' meaning."""

    name = "litert-ref"

    def __init__(self, model: Path) -> None:
        self._litert = require("ai_edge_litert.interpreter", "ai-edge-litert", str(model))
        self.file = TfliteFile(model, require("ai_edge_litert.schema_py_generated", "ai-edge-litert", str(model)))
        self.operators: Sequence[Operator] = self.file.operators
        self._whole: Any = None
        self._single: dict[int, Any] = {}

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The model's outputs."""
        return self._invoke(self._interpreter(), inputs)

    def intermediates(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """Every activation tensor by its index in the subgraph."""
        interpreter = self._interpreter()
        self._invoke(interpreter, inputs)
        return {str(i): np.array(interpreter.get_tensor(i)) for i in self.file.activations()}

    def run_operator(self, index: int, inputs: Sequence[Array]) -> list[Array]:
        """One operator alone, on a model cut down to it."""
        if index not in self._single:
            self._single[index] = self._open(self.file.cut(index))
        return self._invoke(self._single[index], inputs)

    def _interpreter(self) -> Any:
        if self._whole is None:
            self._whole = self._open(self.file.data)
        return self._whole

    def _open(self, data: bytes) -> Any:
        try:
            interpreter = self._litert.Interpreter(
                model_content=data,
                experimental_op_resolver_type=self._litert.OpResolverType.BUILTIN_REF,
                experimental_preserve_all_tensors=True,
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise CompileError(
                str(self.file.path), f"LiteRT refuses the model: {error}", "models which LiteRT runs", OTHER_HINT
            ) from error
        return interpreter

    def _invoke(self, interpreter: Any, inputs: Sequence[Array]) -> list[Array]:
        details = interpreter.get_input_details()
        wanted = [(tuple(int(n) for n in d["shape"]), d["dtype"]) for d in details]
        for detail, array in zip(details, check_inputs(str(self.file.path), inputs, wanted), strict=True):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        return [np.array(interpreter.get_tensor(d["index"])) for d in interpreter.get_output_details()]
