"""Constants that are as small as they can be: every way in which they are stored climbs the ladder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb, codes_for
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.model import requant_words
from ircompile.kernels.requantize import Form, Recipe, channel_words, in_three_halves, word_and_half
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target

RUNGS = ("gcc", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55")


def layers(rounding: str) -> Graph:
    """Windows of all kinds over rows of 3 to 11 pixels, odd channels, and convolutions around them."""
    net = Net((7, 11, 3), 5, rounding)
    stem = net.conv("x", 18, (3, 3), relu=True)
    outputs = [
        net.depthwise(stem),
        net.depthwise(stem, stride=(2, 2), relu=False),
        net.depthwise(stem, (5, 5), relu=False),
        net.depthwise(stem, (3, 3), dilation=(2, 2)),
        net.depthwise(net.conv("x", 5, (3, 3), (2, 4)), multiplier=3),
        net.depthwise(net.conv(stem, 33)),
    ]
    outputs += [
        net.conv(outputs[0], 7),
        net.conv(outputs[1], 9, relu=True),
        net.conv(stem, 5, (7, 11), padding=(0,) * 4),
    ]
    return net.graph(*outputs)


@pytest.mark.toolchain
@pytest.mark.parametrize(("rounding", "rungs"), [("float32_even", RUNGS), ("double", ("cortex-m3",))])
def test_every_kernel(rounding: str, rungs: tuple[str, ...], tmp_path: Path) -> None:
    graph = layers(rounding)
    small = climb(graph, tmp_path, vectors=codes_for(graph, 5), rungs=rungs, prefer="size")
    for name, compiled in small.items():
        if name != "host":
            assert constants(compiled) <= constants(build(graph, load_target(name), "net")), name


def constants(compiled: Compiled) -> int:
    return sum(constant.values.nbytes for constant in compiled.program.constants)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_depthwise_float32_takes_six_bytes_a_channel(core: str) -> None:
    net = Net((6, 9, 4), 2, "float32_even")
    graph = net.graph(net.depthwise(net.conv("x", 64, relu=True)))
    program = build(graph, load_target(core), "net", prefer="size").program
    (node,) = [node for node in program.lowered.graph.nodes if isinstance(node.op, ops.Depthwise)]
    assert program.packed[node.name].arrays["requant"].nbytes - 64 * 6 in (0, 2)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m55"])
def test_few_pixels_have_few_words_by_default(core: str) -> None:
    """One pixel more than 128 in a channel, and an exact line of more bytes is worth its fewer instructions."""
    for height, by_default in ((16, True), (43, False)):
        net = Net((height, 8 if by_default else 3, 4), 2, "float32_even")
        graph = net.graph(net.depthwise(net.conv("x", 64, relu=True)))
        speed, size = (constants(build(graph, load_target(core), "net", prefer=p)) for p in ("speed", "size"))
        assert (speed == size) == by_default


def test_multipliers_that_do_not_fit_stay() -> None:
    """A start has 19 bits. The lowest 3 take the place of a multiplier's, which are 0 and below a float32's."""

    def recipe(start: int, multiplier: int) -> Recipe:
        form = Form("float32", quick=True, shift=9, pre=4)
        return Recipe(form, np.array([[start, multiplier]], np.int32), np.array([-65279], np.int32))

    for start, multiplier in ((-(2**18), 8), (2**18 - 1, 2**31 - 8), (-1, 2**26 + 8), (-8, 98760)):
        stored = in_three_halves(recipe(start, multiplier))
        assert stored.form.storage == "three halves"
        low, high, above = channel_words(stored)[0].astype(np.int64)
        word = (low & 0xFFFF) | (high & 0xFFFF) << 16
        assert above * 8 + (word & 7) == start
        assert word - (word & 7) == multiplier
        assert requant_words(stored).tolist() == [-128, low, high, above]
    for start, multiplier in ((2**18, 8), (-(2**18) - 1, 8), (0, 12), (1, 2**24 - 8), (4, 2**26 - 8)):
        assert in_three_halves(recipe(start, multiplier)).form.storage == "words"


def test_words_that_do_not_fit_stay() -> None:
    """A start has 21 bits, a scale is at least 2^-15 and below 2."""

    def recipe(start: int, scale: float) -> Recipe:
        words = np.array([[start, np.float32(scale).view(np.int32)]], np.int32)
        return Recipe(Form("float32"), words, np.zeros(1, np.int32))

    ends = [(start, scale) for start in (-(2**20), 0, 2**20 - 1) for scale in (2.0**-15, 0.01, 2 - 2.0**-23)]
    for start, scale in ends:
        stored = in_three_halves(recipe(start, scale))
        assert stored.form.storage == "three halves"
        low, high, above = channel_words(stored)[0].astype(np.int64)
        word = (low & 0xFFFF) | (high & 0xFFFF) << 16
        assert above * 32 + (word & 31) == start
        assert ((word >> 5) + 0x38000000).astype(np.int32).view(np.float32) == np.float32(scale)
    for start, scale in ((2**20, 0.01), (-(2**20) - 1, 0.01), (0, 2.0), (0, -0.01), (0, 2.0**-16)):
        assert word_and_half(recipe(start, scale).words) is None
        assert in_three_halves(recipe(start, scale)).form.storage == "words"
