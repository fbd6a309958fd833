"""Cores of one instruction set get one code, and every core runs a network of every kind of layer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from ladder import climb
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.pipeline import build
from ircompile.target import load_target


def network() -> Graph:
    """Stem, inverted residuals of three kernel sizes, pooling, mean and a fully connected layer."""
    net = Net((12, 10, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    for kernel in (3, 5, 7):
        x = net.inverted_residual(x, 3, 8, kernel=kernel)
    window = ops.Window((2, 2), (1, 1))
    x = net.add("pool", ops.AveragePool(window), (x,), net.tensors[x].scale, net.tensors[x].zero_point)
    x = net.conv(x, 9, (2, 2), relu=True)
    return net.graph(net.conv(net.add("mean", ops.Mean(), (x,)), 5))


def unstamped(text: str) -> str:
    """The text without the number of the build, which the target is part of."""
    return re.sub(r"_BUILD (!= )?0x[0-9a-f]{8}u", "_BUILD", text)


@pytest.mark.thorough
@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m33"])
def test_m7_and_m33_have_the_code_of_an_m4_with_their_pipeline(core: str) -> None:
    """An M4, which overlaps nothing, keeps codes in its FPU's registers."""
    graph, target = network(), load_target(core)
    like = replace(load_target("cortex-m4"), pipeline=target.pipeline)
    own, m4 = (build(graph, each, "net").files() for each in (target, like))
    for name, text in own.items():
        assert isinstance(text, str)
        assert unstamped(text).replace(core, "cortex-m4") == unstamped(str(m4[name]))


@pytest.mark.toolchain
@pytest.mark.parametrize(
    "core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"]
)
def test_every_core(core: str, tmp_path: Path) -> None:
    climb(network(), tmp_path, rungs=(core,))
