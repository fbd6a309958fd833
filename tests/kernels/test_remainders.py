"""The C of DSP kernels has code for odd pixels and left over channels where a layer has them, and only there."""

from __future__ import annotations

import re

import pytest
from nets import Net

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
