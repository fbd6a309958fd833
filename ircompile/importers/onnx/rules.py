"""Which function lowers which float operator."""

from __future__ import annotations

from ircompile.importers.onnx import (
    binary,
    linear,
    movement,
    pooling,
    rectifier,
    reductions,
    shaping,
    softmax,
    upsampling,
)
from ircompile.importers.onnx.context import Rule
from ircompile.importers.onnx.folding import FOLDS
from ircompile.importers.onnx.functions import ELEMENTWISE
from ircompile.importers.onnx.qoperators import FORMS

RULES: dict[str, Rule] = {
    "Add": binary.lower_binary,
    "AveragePool": pooling.lower_average_pool,
    "BatchNormalization": binary.lower_batch_normalization,
    "Concat": shaping.lower_concat,
    "Conv": linear.lower_linear,
    "ConvTranspose": upsampling.lower_transposed,
    "DepthToSpace": shaping.lower_blocks,
    "Div": binary.lower_binary,
    "Gather": shaping.lower_gather,
    "Gemm": linear.lower_linear,
    "GlobalAveragePool": pooling.lower_global_pool,
    "GlobalMaxPool": pooling.lower_global_pool,
    "MatMul": linear.lower_linear,
    "Max": binary.lower_binary,
    "MaxPool": pooling.lower_max_pool,
    "Min": binary.lower_binary,
    "Mul": binary.lower_binary,
    "PRelu": rectifier.lower_prelu,
    "Pad": shaping.lower_pad,
    "ReduceMax": reductions.lower_reduce_extreme,
    "ReduceMean": reductions.lower_reduce_mean,
    "ReduceMin": reductions.lower_reduce_extreme,
    "ReduceSum": reductions.lower_reduce_mean,
    "Resize": upsampling.lower_resize,
    "Slice": shaping.lower_slice,
    "Softmax": softmax.lower_softmax,
    "SpaceToDepth": shaping.lower_blocks,
    "Split": shaping.lower_split,
    "Sub": binary.lower_binary,
    "Upsample": upsampling.lower_resize,
    **dict.fromkeys(movement.MOVES, movement.lower_move),
}
# Operators whose output codes are input codes: they stand behind DequantizeLinear without a QuantizeLinear.
PRESERVING = frozenset(
    {
        *movement.MOVES, "Concat", "DepthToSpace", "Gather", "GlobalMaxPool", "MaxPool", "Pad", "ReduceMax",
        "ReduceMin", "Relu", "Resize", "Slice", "SpaceToDepth", "Split", "Upsample",
    }
)  # fmt: skip


def legality() -> dict[str, str]:
    """Every supported operator of a file and the rule that decides about it, for `docs/supported.md`."""
    table = "Of one tensor between DequantizeLinear and QuantizeLinear, alone or chained: a table of 256 codes."
    rules = dict.fromkeys(ELEMENTWISE, table)
    rules |= {name: " ".join((rule.__doc__ or "").split()) for name, rule in RULES.items()}
    for name in ("ArgMax", "ArgMin"):
        rules[name] = " ".join((reductions.arg_max.__doc__ or "").split())
    for name in ("QuantizeLinear", "DequantizeLinear"):
        rules[name] = "int8 and uint8 activations with one scale; weights also one a channel, along any axis."
    for name, form in FORMS.items():
        rules[name] = f"As {form.kind} between its quantizers."
    rules["QLinearConcat"] = "As Concat between its quantizers."
    return rules | {name: "Of constants and of shapes: folded." for name in FOLDS if name not in rules}
