"""Which function lowers which float operator."""

from __future__ import annotations

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
from ircompile.importers.onnx.folding import FOLDS
from ircompile.importers.onnx.functions import ELEMENTWISE
from ircompile.importers.onnx.lowering import Rule
from ircompile.importers.onnx.qoperators import FORMS

RULES: dict[str, Rule] = {
    "Add": elementwise.lower_binary,
    "AveragePool": pooling.lower_average_pool,
    "BatchNormalization": elementwise.lower_batch_normalization,
    "Concat": parts.lower_concat,
    "Conv": convolution.lower_linear,
    "ConvTranspose": resize.lower_transposed,
    "DepthToSpace": parts.lower_blocks,
    "Div": elementwise.lower_binary,
    "Expand": parts.lower_repeat,
    "Gather": parts.lower_gather,
    "Gemm": convolution.lower_linear,
    "GlobalAveragePool": pooling.lower_global_pool,
    "GlobalMaxPool": pooling.lower_global_pool,
    "MatMul": convolution.lower_linear,
    "Max": elementwise.lower_binary,
    "MaxPool": pooling.lower_max_pool,
    "Min": elementwise.lower_binary,
    "Mul": elementwise.lower_binary,
    "PRelu": elementwise.lower_prelu,
    "Pad": parts.lower_pad,
    "ReduceMax": reductions.lower_reduce_extreme,
    "ReduceMean": reductions.lower_reduce_mean,
    "ReduceMin": reductions.lower_reduce_extreme,
    "ReduceSum": reductions.lower_reduce_mean,
    "Resize": resize.lower_resize,
    "Slice": parts.lower_slice,
    "Softmax": normalization.lower_softmax,
    "SpaceToDepth": parts.lower_blocks,
    "Split": parts.lower_split,
    "Sub": elementwise.lower_binary,
    "Tile": parts.lower_repeat,
    "Upsample": resize.lower_resize,
    **dict.fromkeys(movement.MOVES, movement.lower_move),
}
# Operators whose output codes are input codes: they stand behind DequantizeLinear without a QuantizeLinear.
PRESERVING = frozenset(
    {
        *movement.MOVES, "Concat", "DepthToSpace", "Expand", "Gather", "GlobalMaxPool", "MaxPool", "Pad",
        "ReduceMax", "ReduceMin", "Relu", "Resize", "Slice", "SpaceToDepth", "Split", "Tile", "Upsample",
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
