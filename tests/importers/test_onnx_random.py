"""Random networks against ONNX Runtime, and what they have found; `tests/onnx_fuzz.py` runs thousands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_compare import compared, kinds
from onnx_files import Net
from onnx_fuzz import judge

from ircompile.errors import CompileError
from ircompile.importers.onnx import read_onnx

pytest.importorskip("onnxruntime.quantization")
SLICES, EACH = 8, 12


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(SLICES))
def test_random_networks(part: int, tmp_path: Path) -> None:
    """Equal to ONNX Runtime, or different in what `docs/numerics.md` names, or refused."""
    found = [judge(seed, tmp_path) for seed in range(part * EACH, (part + 1) * EACH)]
    assert "equal" in found


@pytest.mark.parametrize("fill", [0.0, 0.7, -3.0])
@pytest.mark.parametrize("clipped", [False, True])
def test_pad_into_another_scale(fill: float, clipped: bool, tmp_path: Path) -> None:
    """The value is rounded once, to a code of the output's scale; behind a Clip the table does that."""
    net = Net(1)
    x = net.qdq(net.input([1, 3, 5, 6]), 0.05, 9)
    y = net.node("Pad", x, net.const([0, 0, 1, 1, 0, 1, 0, 2]), net.const(fill, np.float32))
    y = net.node("Clip", y, net.const(-0.5, np.float32), net.const(0.4, np.float32)) if clipped else y
    net.output(net.qdq(y, 0.013, -100))
    found = compared(net.save(tmp_path))
    assert kinds(found.graph) == (["Pad", "Table"] if clipped else ["Table", "Pad"])
    assert found.ends.differing == 0


def test_pad_of_a_value_between_codes(tmp_path: Path) -> None:
    """Without a QuantizeLinear of its own, a Pad may only pad with what is a code."""
    for fill, fits in ((0.25, True), (0.26, False)):
        net = Net(2)
        x = net.qdq(net.input([1, 3, 5, 6]), 0.25, 9)
        y = net.node("Pad", x, net.const([0, 0, 1, 1, 0, 0, 0, 2]), net.const(fill, np.float32))
        y = net.node("Conv", y, net.weights(4, 3, 2, 2), kernel_shape=[2, 2])
        net.output(net.qdq(y, 0.1, 0))
        if fits:
            assert compared(net.save(tmp_path)).ends.differing == 0
        else:
            with pytest.raises(CompileError, match="no QuantizeLinear stands between"):
                read_onnx(net.save(tmp_path))


def test_a_tensor_added_to_itself(tmp_path: Path) -> None:
    """ONNX Runtime adds codes there, too: no table of float sums, but for ties."""
    net = Net(3)
    x = net.qdq(net.input([1, 3, 8, 8]), 0.05, 9)
    net.output(net.qdq(net.node("Add", x, x), 0.04, -3))
    net.output(net.qdq(net.node("Mul", x, x), 0.04, -3))
    found = compared(net.save(tmp_path))
    assert kinds(found.graph) == ["Binary", "Binary"]
    assert all(layer.unexplained == 0 for layer in found.isolated.layers)


def test_two_quantizers_in_a_row(tmp_path: Path) -> None:
    """Both are computed: ONNX Runtime's optimizer that makes one of them is off in the reference."""
    net = Net(4)
    x = net.qdq(net.input([1, 3, 8, 8]), 0.05, 9)
    net.output(net.qdq(net.qdq(x, 0.02, -30), 0.07, 3))
    assert compared(net.save(tmp_path)).ends.differing == 0


@pytest.mark.parametrize("strides", [[1, 2], [2, 2]])
def test_differences_of_a_float_convolution_are_ties(strides: list[int], tmp_path: Path) -> None:
    """ConvTranspose runs in float32: where its exact value is half way between two codes, either may come out."""
    net = Net(5)
    x = net.qdq(net.input([1, 8, 16, 16]), 2.0**-5, 0)
    weights = net.dq(net.const(net.codes(8, 4, 3, 3)), 2.0**-6)
    y = net.node("ConvTranspose", x, weights, kernel_shape=[3, 3], strides=strides)
    net.output(net.qdq(y, 2.0**-4, 0))
    found = compared(net.save(tmp_path))
    assert kinds(found.graph) == ["TransposeConv"]
    assert all(layer.unexplained == 0 for layer in found.isolated.layers)
