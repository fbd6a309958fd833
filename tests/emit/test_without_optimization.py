"""At -O0 the C of every core runs the same loops, assembly among them, and computes the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ladder import climb
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels import nibbles
from ircompile.pipeline import build
from ircompile.target import load_target
from ircompile.verification.runners.build import compiled


def windows(rounding: str) -> Graph:
    """Convolutions of every kind, of odd widths and channels."""
    net = Net((13, 15, 3), 2, rounding)
    x = net.conv("x", 10, (3, 3), (2, 2), relu=True)
    x = net.depthwise(x, (3, 3), (1, 1))
    x = net.depthwise(net.conv(x, 26), (3, 3), (2, 2))
    x = net.depthwise(net.conv(x, 9), (5, 5))
    x = net.conv(net.conv(x, 6, (3, 3)), 70)
    x = net.conv(x, 39)
    return net.graph(net.conv(x, 11, net.tensors[x].shape[:2], (1, 1), (0, 0, 0, 0)))


@pytest.mark.toolchain
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_nothing_is_optimized(rounding: str, tmp_path: Path) -> None:
    climb(windows(rounding), tmp_path, rungs=("cortex-m3 -O0", "cortex-m4 -O0", "cortex-m55 -O0"))


@pytest.mark.toolchain
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_size_is_optimized(core: str, tmp_path: Path) -> None:
    """At -Os GCC pops words that nobody needs into registers, also into some on which callers may count."""
    climb(windows("double"), tmp_path, rungs=(f"{core} -Os",))
    net = Net((8, 8, 3), 5)
    x = net.conv(net.conv("x", 8, (3, 3)), 8, (3, 3))
    for _ in range(2):
        x = net.add("add", ops.Binary("add", "double"), (x, net.conv(net.conv(x, 16, (3, 3)), 8, (3, 3))))
    climb(net.graph(net.add("mean", ops.Mean(), (x,))), tmp_path, rungs=(f"{core} -Os",))


@pytest.mark.toolchain
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_all_is_optimized(core: str) -> None:
    """At -O3 GCC knows every number of a loop, and has no warnings either."""
    net, target = Net((8, 8, 16), 2), load_target(core)
    net.add("mean", ops.Mean(), (net.conv(net.conv("x", 16, (3, 3)), 64, (3, 3)),))
    with compiled(build(net.graph(), target, "net").files(), "net", target, "-O3"):
        pass


@pytest.mark.toolchain
@pytest.mark.parametrize("rounding", ["double", "single", "float32_even"])
def test_nothing_is_optimized_of_narrow_tensors(rounding: str, tmp_path: Path) -> None:
    net = Net((12, 1, 11), 3, rounding)
    x = net.depthwise("x", (5, 1))
    x = net.conv(net.depthwise(net.conv(x, 12), (4, 1)), 9)
    climb(net.graph(x), tmp_path, rungs=("cortex-m4", "cortex-m4 -O0"))


@pytest.mark.toolchain
def test_nothing_is_optimized_of_nibbles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nibbles, "WORTH", 0)
    net = Net((6, 7, 5), 3, "double")
    x = net.conv(net.conv("x", 14), 33, (3, 3))
    for name in [node.op.weights for node in net.nodes]:  # type: ignore[union-attr]
        net.consts[name] = net.rng.integers(-8, 8, net.consts[name].shape).astype("int8")
    climb(net.graph(x), tmp_path, rungs=("cortex-m4 -O0",))


@pytest.mark.thorough
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", "cortex-m55"])
def test_no_kernel_asks_for_the_optimizer(core: str) -> None:
    """What the optimizer is told: what to put in line, and where variables are to be."""
    text = str(build(windows("double"), load_target(core), "net").files()["net.c"])
    asked = [line for line in text.split("\n") if "__OPTIMIZE__" in line]
    assert "__asm__" in text
    assert not [line for line in asked if re.search(r"_NO_ASM", line)]
    assert len(asked) <= 3
