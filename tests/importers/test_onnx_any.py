"""Quantized ONNX networks as no single exporter writes them, and what they have found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_compare import compared
from onnx_files import Net
from onnx_fuzz import judge

from ircompile.errors import CompileError
from ircompile.importers.onnx import read_onnx

pytest.importorskip("onnxruntime")
SLICES, EACH = 4, 10


@pytest.mark.parametrize("part", range(SLICES))
def test_odd_networks(part: int, tmp_path: Path) -> None:
    """Equal to ONNX Runtime, or different in what `docs/numerics.md` names, or refused."""
    found = [judge(seed, tmp_path, "any") for seed in range(part * EACH, (part + 1) * EACH)]
    assert "equal" in found


def convolution(bias: Any, scale: float, tmp_path: Path, kind: str = "Conv") -> Path:
    """An operator whose accumulators have a scale of 2^-10, and its quantized bias."""
    net = Net(1)
    wide = kind != "Gemm"
    x = net.qdq(net.input([1, 4, 6, 6] if wide else [1, 4]), 2.0**-4, 9)
    weights = net.dq(net.const(net.codes(4, 4, 2, 2) if wide else net.codes(4, 4)), 2.0**-6)
    y = net.node(kind, x, weights, net.dq(net.const(bias), scale, None))
    net.output(net.qdq(y, 0.05, -3))
    return net.save(tmp_path)


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "Gemm"])
def test_a_bias_of_another_scale_is_refused(kind: str, tmp_path: Path) -> None:
    """ONNX Runtime adds the integers of an int32 bias as they are, whatever their scale; others in float32."""
    codes = np.array([-700, 3, 900, 20])
    for bias, scale in ((codes.astype(np.int32), 2.0**-9), (codes.astype(np.int32), 3e-4)):
        with pytest.raises(CompileError, match="its bias has a scale of"):
            read_onnx(convolution(bias, scale, tmp_path, kind))
    assert compared(convolution(codes.astype(np.int32), 2.0**-10, tmp_path, kind)).ends.differing == 0


def test_what_the_framework_does_not_keep_explains_what_follows(tmp_path: Path) -> None:
    """A Softmax that only a Concat reads has no codes in ONNX Runtime; where it is one off, so is the Concat."""
    net = Net(2)
    x = net.qdq(net.input([1, 6, 5, 5]), 0.021879971, 20)
    y = net.node("Concat", x, net.node("Softmax", x, axis=-1), x, axis=2)
    net.output(net.qdq(y, 0.021879971, 20))
    layers = compared(net.save(tmp_path)).isolated.layers
    joined = next(layer for layer in layers if layer.op == "Concat")
    assert joined.differing > 0
    assert joined.unexplained == 0


@pytest.mark.parametrize(
    ("seed", "end"),
    [(92000458, "ties"), (92000902, "equal"), (92007866, "equal"), (92009022, "codes of two types")],
)
def test_found_by_fuzzing(seed: int, end: str, tmp_path: Path) -> None:
    """Biases in float32, with beta too, and an AveragePool that ONNX Runtime computes in float32."""
    assert end in judge(seed, tmp_path, "any")
