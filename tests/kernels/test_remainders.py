"""The C of DSP kernels has code for odd pixels and left over channels where a layer has them, and only there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kernel_nets import with_zero
from ladder import climb
from nets import Net

from ircompile.kernels import nibbles
from ircompile.kernels.dsp import left_over
from ircompile.kernels.dsp.left_over import in_fours
from ircompile.pipeline import build
from ircompile.target import load_target


def emitted(width: int, *channels: int) -> str:
    """The C of pointwise convolutions of 8 channels and more, one behind the other."""
    net, x = Net((4, width, 8)), "x"
    for count in channels:
        x = net.conv(x, count)
    return str(build(net.graph(x), load_target("cortex-m4"), "net").files()["net.c"])


@pytest.mark.parametrize("width", [4, 5])
@pytest.mark.parametrize(("channels", "rest"), [((8, 16), False), ((8, 10), True), ((8, 16, 9), True)])
def test_remainders(width: int, channels: tuple[int, ...], rest: bool) -> None:
    text = emitted(width, *channels)
    assert ("channels_out & 3;" in text) == rest
    assert ("(width & 1) != 0" in text) == bool(width % 2)
    assert bool(re.search(r"\bnet_turn\w*_2\(", text)) == rest
    assert ("net_pixel_" in text) == bool(width % 2)


def test_in_fours() -> None:
    assert [in_fours(count).tolist() for count in (1, 3, 4)] == [[0], [0, 1, 2], [0, 1, 2, 3]]
    assert in_fours(6).tolist() == [0, 1, 2, 3, 2, 3, 4, 5]
    assert in_fours(9).tolist() == [*range(8), 5, 6, 7, 8]


@pytest.mark.toolchain
@pytest.mark.parametrize(("width", "rounding", "few"), [(1, "double", 0), (5, "double", 1), (4, "float32_even", 0)])
def test_the_last_four_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, width: int, rounding: str, few: bool
) -> None:
    """Channels left over are computed with some of those before: pixels, windows in passes and not, stems."""
    monkeypatch.setattr(left_over, "WORTH", 1)
    net = Net((3, width, 3), width, rounding)
    outputs = [net.conv("x", count, relu=count > 6) for count in (5, 6, 7)]
    outputs += [net.conv("x", count, (3, 3)) for count in (5, 7)]
    deep = net.conv("x", 70, relu=True)
    outputs += [net.conv(deep, count, (2, 3)) for count in (6, 9)]
    outputs += [net.conv(deep, 11), net.conv(outputs[0], 13, (1, width), padding=(0, 0, 0, 0))]
    outputs += [net.conv(deep, 3)] * few
    built = climb(net.graph(*outputs), tmp_path, rungs=("gcc", "clang", "cortex-m4", "cortex-m7", "cortex-m33"))
    assert "again = channels_out & 3;" in str(built["cortex-m4"].files()["net.c"])


@pytest.mark.toolchain
def test_the_last_four_again_of_nibbles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nibbles, "WORTH", 0)
    monkeypatch.setattr(left_over, "WORTH", 1)
    net = Net((3, 5, 6), 2)
    net.graph(net.conv(net.conv("x", 15), 9, (3, 3)))
    for name in [node.op.weights for node in net.nodes]:  # type: ignore[union-attr]
        net.consts[name] = net.rng.integers(-8, 8, net.consts[name].shape).astype("int8")
    climb(net.graph(net.nodes[-1].output), tmp_path, rungs=("gcc", "cortex-m4"))


@pytest.mark.toolchain
@pytest.mark.parametrize(("rounding", "zero"), [("double", -128), ("float32_even", 9)])
def test_odd_pixels(tmp_path: Path, rounding: str, zero: int) -> None:
    """The last pixel of an odd row: codes that enter the loop at each place, some left over; windows of stems."""
    net = with_zero(Net((3, 9, 1), 5, rounding), zero)
    depths = [1, 2, 3, 5, 6, 8, 11, 12, 16, 18, 31, 33]
    outputs = [net.conv(net.conv("x", depth, relu=depth > 9), 9 - depth % 5) for depth in depths]
    outputs += [net.conv("x", count, (10, 4), (1, 2)) for count in (3, 8, 10)]
    rungs = ("gcc", "clang", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m4 -O0")
    built = climb(net.graph(*outputs), tmp_path, rungs=rungs)
    assert "the last of an odd row alone" in str(built["cortex-m4"].files()["net.c"])
