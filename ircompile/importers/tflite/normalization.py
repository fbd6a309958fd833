"""Operators that normalize the last axis."""

import numpy as np

from ircompile.importers.tflite.layout import rows_of
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.ir.ops import L2Normalization, Softmax
from ircompile.qtype import INT16


def softmax(low: Lowering, op: TfOperator) -> None:
    """Over the last axis; the output has scale 1/256 and zero point -128 (int8) or 0 (uint8), or 2^-15 (int16)."""
    form = rows_of(low.model.tensors[op.inputs[0]].shape)
    source, target = low.source(op, 0, form), low.target(op, form)
    wide = source.qtype == INT16
    if (target.scale, target.zero_point) != ((2.0**-15, 0) if wide else (1 / 256, -128)):
        wanted = "2^-15, 0" if wide else "1/256, -128"
        raise low.error(op, f"output scale {target.scale}, zero point {target.zero_point}", wanted)
    beta = float(op.option("Beta", 1.0))
    if not (np.isfinite(beta) and beta > 0):
        raise low.error(op, f"beta {beta}", "finite, above 0")
    low.finish(op, low.emit(op, Softmax("interpolated" if wide else "gemmlowp", beta), [source], target))


def l2_normalization(low: Lowering, op: TfOperator) -> None:
    """Over the last axis; an int8 output of scale 1/128 and zero point 0."""
    form = rows_of(low.model.tensors[op.inputs[0]].shape)
    source, target = low.source(op, 0, form), low.target(op, form)
    if op.option("FusedActivationFunction") or low.model.tensors[op.outputs[0]].dtype != "int8":
        raise low.error(op, "fused activation, or a uint8 output", "int8 without an activation")
    low.finish(op, low.emit(op, L2Normalization(), [source], target))


LOWERINGS = {"SOFTMAX": softmax, "L2_NORMALIZATION": l2_normalization}
