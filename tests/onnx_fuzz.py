"""Random quantized ONNX networks, each compared with ONNX Runtime bit for bit, or refused.

Many at once, in a checkout; KIND is `quantizer` (through ONNX Runtime's quantizer) or `any` (as other writers and
hand-made files have them):

    PYTHONPATH=. .venv/bin/python tests/onnx_fuzz.py KIND FIRST COUNT [--state FILE]
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from long_run import begun, parser
from onnx_any import draw_any
from onnx_compare import Comparison, run
from onnx_drawing import draw
from onnx_files import Calibration
from onnx_sketch import Drawing
from onnx_wrapping import wrapped

from ircompile.errors import CompileError
from ircompile.passes import normalize
from ircompile.verification.per_layer import NO_CODE
from ircompile.verification.references.ort import OrtReference

ONE_OFF = ("Softmax", "Resize")
"""Ops that may be one code off, as `docs/numerics.md` says."""
PATTERNS = ("random", "random", "ends", "lowest", "highest")
CURVES = ("sigmoid", "tanh", "softplus", "erf", "exp", "elu")
"""Functions whose last bit in float32 depends on the library: at a tie the code may be the other."""


def options(d: Drawing) -> dict[str, Any]:
    """A mode of the quantizer."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType

    types = [QuantType.QInt8, QuantType.QUInt8]
    activation = types[d.size(0, 1)]
    form = [QuantFormat.QDQ, QuantFormat.QOperator][d.size(0, 1)]
    # ONNX Runtime has no kernel of int8 activations with uint8 weights.
    weights = QuantType.QInt8 if activation is QuantType.QInt8 else types[d.size(0, 1)]
    extra: dict[str, Any] = {"ActivationSymmetric": d.chance(4)}
    if form is QuantFormat.QDQ and d.chance(3):
        extra |= {"DedicatedQDQPair": d.chance(2), "AddQDQPairToWeight": d.chance(2)}
    return {
        "quant_format": form, "activation_type": activation, "weight_type": weights, "per_channel": d.chance(2),
        "reduce_range": d.chance(6), "extra_options": extra, "calibrate_method": CalibrationMethod.MinMax,
    }  # fmt: skip


def quantized(d: Drawing, folder: Path) -> Path | None:
    """The network quantized, or None where ONNX Runtime itself cannot quantize or run it."""
    from onnxruntime.quantization import quantize_static

    net = d.finish()
    source, target = net.save(folder, "float.onnx"), folder / "quantized.onnx"
    try:
        if d.chance(2):
            feeds = {"x": d.rng.standard_normal(d.shape).astype(np.float32)}
            onnx.save(wrapped(net.model(), feeds, d.size(0, 2**30)), target)
            OrtReference(target)
            return target
        quantize_static(str(source), str(target), Calibration(d.shape), **options(d))
        OrtReference(target)
    except Exception:  # its errors have no common base
        return None
    return target


def odd(seed: int, folder: Path) -> Path | None:
    """The file of a seed of kind `any`, or None where ONNX Runtime does not run it."""
    path = folder / "any.onnx"
    try:
        onnx.save(draw_any(seed)[1], path)
        OrtReference(path)
    except Exception:  # its errors have no common base
        return None
    return path


def judge(seed: int, folder: Path, kind: str = "quantizer") -> str:
    """ "equal", "ties", "one off", or why it is refused; AssertionError where an output is wrong."""
    path = odd(seed, folder) if kind == "any" else quantized(draw(seed), folder)
    if path is None:
        return "(ONNX Runtime refuses)"
    try:
        comparison = Comparison(path)
        passed = normalize(comparison.graph)
    except CompileError as error:
        error = CompileError(Path(error.where).name, error.problem)
        return re.sub(r"\d+|'[^']*'|\[.*\]", "..", f"{error.where.split()[-1]}: {error.problem}")
    for number, pattern in enumerate(PATTERNS):
        inputs = comparison.inputs(number, pattern)
        comparison.run(inputs)
        for before, after in zip(run(comparison.graph, *inputs), run(passed, *inputs), strict=True):
            np.testing.assert_array_equal(before, after)
    return verdict(comparison)


def verdict(comparison: Comparison) -> str:
    """Every difference of a layer must be one that `docs/numerics.md` names; without one the outputs are equal."""
    layers = [layer for layer in comparison.isolated.layers if layer.differing]
    for layer in layers:
        curve = layer.op in ("Table", "PixelTable") and any(word in layer.source.lower() for word in CURVES)
        known = (layer.op in ONE_OFF or curve) and layer.largest <= 1
        assert known or not layer.unexplained, f"{layer.kind} {layer.name} ({layer.op}): {layer}"
        assert layer.op != NO_CODE, layer
    if layers:
        return "one off" if any(layer.op in ONE_OFF for layer in layers) else "ties"
    assert not comparison.ends.differing, comparison.ends
    return "equal"


def main() -> int:
    """Judges networks; 1 where one is wrong."""
    logging.disable(logging.WARNING)
    given = parser(__doc__, ("quantizer", "any")).parse_args()
    long = begun(given)
    for seed in long.seeds:
        with tempfile.TemporaryDirectory() as folder:
            try:
                long.note(seed, judge(seed, Path(folder), given.kind))
            except Exception as error:  # every kind is a find
                where = traceback.extract_tb(error.__traceback__)[-1]
                text = " ".join(f"{type(error).__name__} {error}".split())[:300]
                long.note(seed, f"{text} ({where.filename}:{where.lineno})", find=True)
    return long.finish()


if __name__ == "__main__":
    sys.exit(main())
