"""Rows that layers are handed are read back from the C: no layer of a right compile is taken for wrong."""

from __future__ import annotations

from typing import Literal

import pytest
from nets import Net

from ircompile.ir import ops
from ircompile.pipeline import build
from ircompile.target import load_target


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("core", ["host", "cortex-m4"])
def test_one_tensor_twice(axis: Literal[0, 1, 2], core: str) -> None:
    """Of a concatenation of rows a step reads one row, and is handed a row of each input."""
    net = Net((3, 4, 2))
    x = net.conv("x", 2, relu=True)
    y = net.add("concat", ops.Concat(axis), (x, x), 0.05, net.tensors[x].zero_point)
    assert build(net.graph(y), load_target(core), "net").checked.numbers > 0
