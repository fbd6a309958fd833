"""Operators on integer tensors, as QOperator files have them: their numbers are codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_compare import compared, kinds
from onnx_files import Net

SIGNED, UNSIGNED = np.int8, np.uint8


def between(tmp_path: Path, dtype: Any, zero: int, kind: str, *rest: str, net: Net, **attributes: Any) -> list[str]:
    """The operator on the codes of a quantized input, compared with ONNX Runtime; the graph's ops."""
    x = net.q(net.input([1, 3, 5, 4]), 0.05, zero, dtype)
    y = net.node(kind, x, *rest, **attributes)
    net.output(net.dq(y, 0.05, zero, dtype))
    found = compared(net.save(tmp_path))
    assert found.ends.elements
    assert found.ends.differing == 0
    return kinds(found.graph)


@pytest.mark.parametrize(("dtype", "zero"), [(SIGNED, -128), (SIGNED, 5), (UNSIGNED, 0), (UNSIGNED, 200)])
@pytest.mark.parametrize("fill", [None, 0, 3, 127])
def test_pad(dtype: Any, zero: int, fill: int | None, tmp_path: Path) -> None:
    """The value of a Pad of integers is a code; an absent one is code 0, for uint8 too."""
    net = Net(3)
    rest = [net.const([0, 0, 1, 2, 0, 1, 0, 3]), *([] if fill is None else [net.const(fill, dtype)])]
    assert between(tmp_path, dtype, zero, "Pad", *rest, net=net) == ["Pad"]


@pytest.mark.parametrize("zero", [-128, -40, 0, 90])
def test_relu(zero: int, tmp_path: Path) -> None:
    """Relu of int8 cuts off at code 0, whatever the zero point."""
    assert between(tmp_path, SIGNED, zero, "Relu", net=Net(4, opset=14)) == ["Table"]


@pytest.mark.parametrize(("dtype", "zero", "low", "high"), [(SIGNED, 7, -20, 90), (UNSIGNED, 200, 30, 220)])
def test_clip(dtype: Any, zero: int, low: int, high: int, tmp_path: Path) -> None:
    net = Net(5)
    bounds = net.const(low, dtype), net.const(high, dtype)
    assert between(tmp_path, dtype, zero, "Clip", *bounds, net=net) == ["Table"]


def test_concat_of_codes_of_two_scales(tmp_path: Path) -> None:
    """Concat of integers copies codes, even where they mean different numbers."""
    net = Net(6)
    x = net.input([1, 3, 5, 4])
    y = net.node("Concat", net.q(x, 0.05, 3), net.q(net.node("Relu", net.qdq(x, 0.05, 3)), 0.02, -128), axis=1)
    net.output(net.dq(y, 0.05, 3))
    found = compared(net.save(tmp_path))
    assert found.ends.differing == 0
