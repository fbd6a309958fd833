"""Weights of 8 bits and one excess, as of uint8 files: code - 128, and the sum of the codes times the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.pack import weight_bytes
from ircompile.kernels.weights import excess_of
from ircompile.pipeline import build
from ircompile.qtype import INT8
from ircompile.target import load_target

RUNGS = ("gcc", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55")


def shift(net: Net, x: str, zero: int, small: bool = False) -> str:
    """Makes the weights of the layer that writes `x` uint8 codes less this zero point."""
    name = net.nodes[-1].op.weights  # type: ignore[union-attr]
    shape = net.consts[name].shape
    codes = (
        net.rng.integers(zero - 60, zero + 60, shape) if small else net.rng.choice([0, 1, zero, 254, 255], shape)
    )
    net.consts[name] = (np.clip(codes, 0, 255) - zero).astype(np.int16)
    net.consts[name].reshape(-1)[:1] = 255 - zero if zero < 128 else -zero
    return x


def network(width: int, rounding: str, zero: int) -> Graph:
    """A stem, dense windows, pointwise layers and one pixel, all of such weights."""
    net = Net((6, width, 3), width, rounding)
    net.tensors["x"] = replace(net.tensors["x"], zero_point=(-128, 5, 127)[width % 3])
    stem = shift(net, net.conv("x", 9, (3, 3), (2, 2), relu=True), zero)
    outputs = [shift(net, net.conv(stem, count, kernel), zero, count % 2 == 0)
               for count, kernel in ((4, (1, 1)), (6, (3, 3)), (7, (1, 1)), (13, (1, 1)), (3, (2, 3)))]  # fmt: skip
    wide = shift(net, net.conv(stem, 40), zero, True)
    outputs.append(shift(net, net.conv(wide, 5, (3, 3)), zero))
    outputs.append(shift(net, net.conv(shift(net, net.conv("x", 50, (5, 5)), zero), 6), zero))
    rows, columns = net.tensors[stem].shape[:2]
    outputs.append(shift(net, net.conv(stem, 10, (rows, columns), (1, 1), (0, 0, 0, 0)), zero))
    outputs.append(shift(net, net.conv(outputs[-1], 5), zero, True))
    return net.graph(*outputs)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("width", "rounding", "zero"),
    [(5, "double", 0), (6, "float32_even", 255), (7, "double", 151), (8, "single", 90)],
)
def test_ladder(tmp_path: Path, width: int, rounding: str, zero: int) -> None:
    climb(network(width, rounding, zero), tmp_path, rungs=RUNGS)


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m4"])
def test_a_weight_takes_a_byte(target: str) -> None:
    program = build(network(6, "double", 140), load_target(target), "net").program
    graph = program.plan.graph
    stored = weight_bytes(program)
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv) and graph.site(node).inputs[0].name != "x":
            assert stored[node.name] == graph.consts[node.op.weights].size


@pytest.mark.parametrize(("low", "high", "wanted"), [(-128, 127, 0), (-129, 3, -1), (-3, 200, 73), (-200, 55, -72),
                                                     (0, 255, 128), (-128, 128, None), (-5, 5, 0)])  # fmt: skip
def test_excess(low: int, high: int, wanted: int | None) -> None:
    assert excess_of(np.array([low, 0, high], np.int16), INT8) == wanted
