"""All operators that the importer knows: float ones, those of the QOperator dialect, those of constants."""

from dataclasses import dataclass

from ircompile.importers.onnx import (
    convolution,
    elementwise,
    movement,
    normalization,
    parts,
    pooling,
    reductions,
    resize,
)
from ircompile.importers.onnx.folding import CONSTANTS
from ircompile.importers.onnx.functions import ELEMENTWISE, Function
from ircompile.importers.onnx.functions import elementwise as value_of
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator

OPERATORS: dict[str, Operator] = {
    **convolution.OPERATORS,
    **elementwise.OPERATORS,
    **movement.OPERATORS,
    **normalization.OPERATORS,
    **parts.OPERATORS,
    **pooling.OPERATORS,
    **reductions.OPERATORS,
    **resize.OPERATORS,
}
"""All but functions of one number (`functions.py`) and what only constants go through (`folding.py`)."""


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
"""QOperators: each is a float operator between DequantizeLinear and QuantizeLinear."""


def form_of(raw: OnnxNode) -> Form | None:
    """The form of a QLinear operator; None for any other. QLinearConcat has as many operands as it likes."""
    if raw.kind == "QLinearConcat":
        return Form("Concat", tuple(range(2, len(raw.inputs), 3)), 0)
    return FORMS.get(raw.kind)


def folding_of(kind: str) -> Function | None:
    """What computes an operator of constants; None where nothing does."""
    operator = OPERATORS.get(kind)
    function = operator.fold if operator else CONSTANTS.get(kind)
    return function or (value_of if kind in ELEMENTWISE else None)


def legality() -> dict[str, str]:
    """Every supported operator of a file and the rule that decides about it, for `docs/supported.md`."""
    table = "Of one tensor between DequantizeLinear and QuantizeLinear, alone or chained: a table of 256 codes."
    rules = dict.fromkeys(ELEMENTWISE, table)
    rules |= {name: " ".join((operator.lower.__doc__ or "").split()) for name, operator in OPERATORS.items()}
    for name in ("ArgMax", "ArgMin"):
        rules[name] = " ".join((reductions.arg_max.__doc__ or "").split())
    for name in ("QuantizeLinear", "DequantizeLinear"):
        rules[name] = "int8 and uint8 activations with one scale; weights also one a channel, along any axis."
    for name, form in FORMS.items():
        rules[name] = f"As {form.kind} between its quantizers."
    rules["QLinearConcat"] = "As Concat between its quantizers."
    return rules | {name: "Of constants and of shapes: folded." for name in CONSTANTS if name not in rules}
