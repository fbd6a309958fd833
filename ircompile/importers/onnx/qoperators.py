"""QOperator dialect: every QLinear operator is a float operator between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ircompile.importers.onnx.model import OnnxNode

Places = Sequence[int]


@dataclass(frozen=True)
class Form:
    """Where a QLinear operator has its operands: `operands` are (value, scale, zero point) input positions,

    `output` the position of the output's scale, `plain` further inputs that are handed on as they are.
    """

    kind: str
    operands: tuple[int, ...]
    output: int
    plain: tuple[int, ...] = ()


FORMS: dict[str, Form] = {
    "QLinearConv": Form("Conv", (0, 3), 6, (8,)),
    "QLinearMatMul": Form("MatMul", (0, 3), 6),
    "QGemm": Form("Gemm", (0, 3), 7, (6,)),
    "QLinearAdd": Form("Add", (0, 3), 6),
    "QLinearMul": Form("Mul", (0, 3), 6),
    "QLinearAveragePool": Form("AveragePool", (0,), 3),
    "QLinearGlobalAveragePool": Form("GlobalAveragePool", (0,), 3),
    "QLinearReduceMean": Form("ReduceMean", (0,), 3, (5,)),
    "QLinearSigmoid": Form("Sigmoid", (0,), 3),
    "QLinearLeakyRelu": Form("LeakyRelu", (0,), 3),
    "QLinearSoftmax": Form("Softmax", (0,), 3),
}


def form_of(raw: OnnxNode) -> Form | None:
    """The form of a QLinear operator; None for any other. QLinearConcat has as many operands as it likes."""
    if raw.kind == "QLinearConcat":
        return Form("Concat", tuple(range(2, len(raw.inputs), 3)), 0)
    return FORMS.get(raw.kind)


Rename = Callable[[OnnxNode, str], OnnxNode]
