"""ONNX Runtime on the CPU of an x86-64 host: the profile 'ort'.

ONNX Runtime executes a quantized model after fusing DequantizeLinear, operator and QuantizeLinear into
an integer operator; those operators are what 'ort' means. With uint8 activations everything fuses that
can. int8 activations it first rewrites as uint8, but only where a single DequantizeLinear reads the
tensor: around a tensor with several readers (a residual) convolutions stay in float32, with the same
result but for ties.

So `run` is the model exactly as ONNX Runtime runs it by default, while `operators` and `intermediates`
speak of the *integer form*: all int8 activations rewritten as uint8 (values and zero
points moved by 128), fused, every fused node visible. Tensors which are int8 in the model are handed in
and out as int8 here too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ircompile.errors import CompileError
from ircompile.verification.references.base import Array, Operator, read_model, require
from ircompile.verification.references.ort_integer import all_visible, integer_form, optimized, with_names_of
from ircompile.verification.references.ort_session import feed, open_session


class OrtReference:
    """One model in ONNX Runtime. See `Reference` for the methods' meaning."""

    name = "ort"

    def __init__(self, model: Path) -> None:
        require("onnxruntime", "onnxruntime", str(model))
        self.path = model
        read_model(model)  # a missing file is worth its own message
        try:
            self._model = onnx.load_model(model)
        except Exception as error:  # protobuf, onnx and file errors have no common base
            raise CompileError(str(model), f"is not a readable ONNX model ({error})", "an ONNX file") from error
        # By path: weights may lie in a file beside the model.
        self._whole = open_session(str(model), str(model))
        form, moved = integer_form(self._model)
        self.fused: onnx.ModelProto = optimized(form, str(model))
        self._moved = moved | with_names_of(self._model, self.fused)
        self.operators: Sequence[Operator] = _describe(self.fused)
        self._visible: Any = None

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs exactly as ONNX Runtime computes them by default."""
        return feed(self._whole, str(self.path), inputs)

    def intermediates(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """Every activation tensor of the integer form by its name."""
        if self._visible is None:
            data = all_visible(self.fused).SerializeToString()
            self._visible = open_session(data, str(self.path), fuse=False)
        keys = [argument.name for argument in self._visible.get_inputs()]
        given = self._inward(keys, inputs)
        results = feed(self._visible, str(self.path), given)
        found = dict(zip(keys, given, strict=True))
        found |= {o.name: a for o, a in zip(self._visible.get_outputs(), results, strict=True)}
        return dict(zip(found, self._outward(list(found), list(found.values())), strict=True))

    def _inward(self, keys: Sequence[str], values: Sequence[Array]) -> list[Array]:
        """Move int8 values to the uint8 of the integer form."""
        return [
            flip(a) if k in self._moved and a.dtype == np.int8 else a for k, a in zip(keys, values, strict=True)
        ]

    def _outward(self, keys: Sequence[str], values: Sequence[Array]) -> list[Array]:
        """And back."""
        return [
            flip(a) if k in self._moved and a.dtype == np.uint8 else a for k, a in zip(keys, values, strict=True)
        ]


def flip(values: Array) -> Array:
    """uint8 as int8 or int8 as uint8, by moving the value by 128: flipping the top bit."""
    return (values.view(np.uint8) ^ np.uint8(0x80)).view(np.int8 if values.dtype == np.uint8 else np.uint8)


def _describe(model: onnx.ModelProto) -> tuple[Operator, ...]:
    constants = {i.name for i in model.graph.initializer}
    return tuple(
        Operator(
            index=index,
            kind=node.op_type,
            name=node.name or node.output[0],
            inputs=tuple(dict.fromkeys(n for n in node.input if n and n not in constants)),
            outputs=tuple(n for n in node.output if n),
        )
        for index, node in enumerate(model.graph.node)
    )
