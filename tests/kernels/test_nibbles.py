"""Every kernel of weights of 4 bits climbs the ladder on sizes around its tile and its words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kernel_nets import shuffled
from ladder import climb, codes_for
from nets import Net

from ircompile.checks.stored import nibbles_of
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array, integers
from ircompile.kernels import nibbles
from ircompile.kernels.candidates import saved_by_codings
from ircompile.kernels.dsp.tiles import PLACES, run_order, stream_of
from ircompile.kernels.requantize import Form, Recipe
from ircompile.kernels.weights import WeightCoding
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target
from ircompile.verification.runners.host import run_host

RUNGS = ("gcc", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55")
COUNTS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 33, 49)


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small layers have 4 bits, too."""
    monkeypatch.setattr(nibbles, "WORTH", 0)


def narrow(net: Net, x: str, ends: bool = False) -> str:
    """Gives the layer that writes `x` weights of 4 bits, at the ends of their range if wanted."""
    name = net.nodes[-1].op.weights  # type: ignore[union-attr]
    shape = net.consts[name].shape
    weights = net.rng.choice([-8, 7], shape) if ends else net.rng.integers(-8, 8, shape)
    if ends:
        weights[0] = -8
    net.consts[name] = weights.astype(np.int8)
    return x


def pointwise(width: int, rounding: str, counts: tuple[int, ...]) -> Graph:
    """1 x 1 from and to channel counts around tiles and words, some read as rows of channels."""
    net = Net((2, width, 7), width, rounding)
    outputs = []
    for count in counts:
        wide = narrow(net, net.conv("x", count, relu=count % 3 == 0), count % 2 == 0)
        outputs.append(narrow(net, net.conv(wide, 1 + count % 6, relu=count % 2 == 0), count % 3 == 0))
    outputs.append(net.depthwise(narrow(net, net.conv(outputs[-1], 6, relu=True)), (1, 1)))
    return net.graph(*outputs)


def windows(width: int, rounding: str) -> Graph:
    """Stems and dense windows, at once and in passes; a whole map; all channels of one pixel."""
    net = Net((6, width, 3), width, rounding)
    stem = narrow(net, net.conv("x", 9, (3, 3), (2, 2), relu=True), width % 2 == 0)
    outputs = [narrow(net, net.conv(stem, 6, (3, 3))), narrow(net, net.conv("x", 21, (5, 5)), True)]
    wide = shuffled(net, narrow(net, net.conv(stem, 80), True))
    outputs.append(narrow(net, net.conv(wide, 7, (3, 3)), width % 2 == 1))
    rows, columns = net.tensors[stem].shape[:2]
    outputs.append(narrow(net, net.conv(stem, 10, (rows, columns), (1, 1), (0, 0, 0, 0)), True))
    outputs.append(net.conv(outputs[-1], 3))
    return net.graph(*outputs)


def codings(compiled: Compiled) -> set[WeightCoding]:
    """How the weights of convolutions are stored."""
    convolutions = [node for node in compiled.graph.nodes if isinstance(node.op, ops.Conv)]
    found = {compiled.program.packed[node.name].key["coding"] for node in convolutions}
    return {coding for coding in found if isinstance(coding, WeightCoding)}


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("width", "rounding", "counts"),
    [
        (1, "double", COUNTS[::2]),
        (2, "float32_even", COUNTS[::3]),
        (3, "double", COUNTS[1::2]),
        (4, "single", COUNTS[1::3]),
        (5, "float32_even", COUNTS[2::3]),
    ],
)
def test_pointwise(tmp_path: Path, width: int, rounding: str, counts: tuple[int, ...]) -> None:
    built = climb(pointwise(width, rounding, counts), tmp_path, rungs=RUNGS)
    assert all(any(coding.nibbles for coding in codings(compiled)) for compiled in built.values())


def depthwise_net(width: int, rounding: str) -> Graph:
    """Windows around those without a loop, with strides, several outputs a channel and apart taps."""
    net = Net((9, width, 5), width, rounding)
    outputs = []
    layers = (
        ((3, 3), (1, 1), 1, (1, 1)),
        ((3, 3), (2, 2), 2, (1, 1)),
        ((5, 5), (1, 1), 1, (1, 1)),
        ((1, 5), (1, 1), 1, (1, 1)),
        ((2, 2), (1, 1), 1, (1, 1)),
        ((3, 3), (1, 1), 1, (1, 2)),
        ((3, 2), (2, 1), 3, (1, 1)),
    )
    for n, (kernel, stride, multiplier, apart) in enumerate(layers):
        y = net.depthwise("x", kernel, stride, dilation=apart, multiplier=multiplier, relu=n % 2 == 0)
        outputs.append(narrow(net, y, n % 2 == 0))
    return net.graph(*outputs)


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("width", "rounding", "rungs", "cores"),
    [
        (3, "double", RUNGS, ("cortex-m0plus", "cortex-m3")),
        (8, "float32_even", RUNGS, ("cortex-m0plus", "cortex-m3", "cortex-m4")),
        (17, "double", ("cortex-m4",), ("cortex-m4",)),
    ],
)
def test_depthwise(
    tmp_path: Path, width: int, rounding: str, rungs: tuple[str, ...], cores: tuple[str, ...]
) -> None:
    built = climb(depthwise_net(width, rounding), tmp_path, rungs=rungs)
    for core in cores:
        packed = built[core].program.packed.values()
        assert WeightCoding.INT4 in {constants.key.get("coding") for constants in packed}


@pytest.mark.toolchain
@pytest.mark.parametrize(("width", "rounding"), [(7, "double"), (9, "float32_even")])
def test_windows(tmp_path: Path, width: int, rounding: str) -> None:
    built = climb(windows(width, rounding), tmp_path, rungs=RUNGS)
    assert all(WeightCoding.INT4 in codings(compiled) for compiled in built.values())


@pytest.mark.toolchain
def test_the_c_of_a_dsp_core_on_a_pc(tmp_path: Path) -> None:
    """What stands beside the assembly computes the same, with sanitizers."""
    for number, graph in enumerate((pointwise(5, "double", (3, 9, 17, 24)), windows(7, "float32_even"))):
        compiled = build(graph, load_target("cortex-m4"), "net")
        compiled.write(folder := tmp_path / str(number))
        vectors = codes_for(graph, 4)
        result = run_host(folder, compiled.interface, [[vector["x"]] for vector in vectors], compiler="gcc")
        for vector, outputs in zip(vectors, result.outputs, strict=True):
            wanted = run_graph(graph, vector)
            for name, got in zip(graph.output_names, outputs, strict=True):
                np.testing.assert_array_equal(got, wanted[name])


def by_channels(width: int, rounding: str) -> Graph:
    """1 x 1 into rows of channels, from pixels that fit two vectors and longer ones."""
    net = Net((2, width, 8), width, rounding)
    outputs = []
    for n, depth in enumerate((5, 16, 24, 31, 32, 33, 48, 63)):
        wide = narrow(net, net.conv("x", depth, relu=n % 2 == 0), n % 3 == 0)
        inner = narrow(net, net.conv(wide, 1 + (n * 5 + width) % 9), n % 2 == 0)
        outputs.append(net.depthwise(inner, (3, 3)))
    return net.graph(*outputs)


@pytest.mark.toolchain
@pytest.mark.parametrize(("width", "rounding"), [(4, "float32_even"), (7, "double")])
def test_rows_of_channels(tmp_path: Path, width: int, rounding: str) -> None:
    climb(by_channels(width, rounding), tmp_path, rungs=RUNGS)


def weights_in(pairs: Array, count: int) -> Array:
    """The `count` weights of each channel, int8 (C, count), out of what `bytes_of` gives."""
    return nibbles_of(integers(pairs), 2).reshape(len(pairs), -1)[:, :count]


def weights_of_quads(words: Array, channels: int, order: Array) -> Array:
    """The weights of a group of four channels, or of the two that are left over, out of a stream of nibbles.

    words     int32 (n,): those of all steps of a pass, as `stream_of` puts them between sums and requantization,
    channels  4 or 2,
    order     int64 (steps, 2): which codes each step takes, -1 for none.

    Returns int64 (channels, codes), codes in ascending order.
    """
    halves = (integers(words)[:, np.newaxis] >> np.array([0, 16])) & 0xFFFF
    if channels == 2:
        halves = np.stack([halves & 255, halves >> 8], axis=1).reshape(-1, 2)
    nibbles = (halves >> PLACES[:channels]) & (16 - 1)
    weights = nibbles + -8
    if channels == 4:
        weights[3] = np.where(nibbles[3] > 7, nibbles[3] - 16, nibbles[3])
    places = np.argsort(order[order >= 0])
    return np.asarray(weights[:, order >= 0][:, places])


@pytest.mark.parametrize("count", [1, 7, 8, 9, 40])
def test_words_hold_the_weights(count: int) -> None:
    weights = np.random.default_rng(count).integers(-8, 8, (5, count)).astype(np.int8)
    words = nibbles.words_of(weights)
    assert words.shape == (5, -(-count // nibbles.PER_WORD))
    np.testing.assert_array_equal(nibbles_of(integers(words), nibbles.PER_WORD).reshape(5, -1)[:, :count], weights)
    np.testing.assert_array_equal(weights_in(nibbles.bytes_of(weights), count), weights)


@pytest.mark.parametrize("coding", [WeightCoding.QUADS, WeightCoding.INT4])
@pytest.mark.parametrize(("channels", "count"), [(4, 1), (4, 7), (5, 9), (6, 16), (11, 3), (2, 30)])
def test_streams_hold_the_weights(coding: WeightCoding, channels: int, count: int) -> None:
    """Between the sums and the words of requantization of each group of four channels, and of two."""
    rng = np.random.default_rng([channels, count])
    weights = rng.integers(-8, 8, (channels, count))
    recipe = Recipe(
        Form("high", shift=2), rng.integers(-99, 99, (channels, 3)).astype(np.int32), np.zeros(0, np.int32)
    )
    order = run_order([count])
    stream, at = stream_of(weights, [order], -3, recipe, coding), 0
    for first in range(0, channels // 4 * 4, 4):
        words = stream[at + 4 : at + 4 + len(order)]
        np.testing.assert_array_equal(weights_of_quads(words, 4, order), weights[first : first + 4])
        at += 4 + len(order) + 4 * 2
    for first in range(channels // 4 * 4, channels, 2):
        words = stream[at + 2 : at + 2 + len(order) // 2]
        found = weights_of_quads(words, 2, order)
        np.testing.assert_array_equal(found[: channels - first], weights[first : first + 2])
        at += 2 + len(order) // 2 + 2 * 2
    assert at == len(stream)


@pytest.mark.parametrize(("target", "depthwise"), [("cortex-m3", 4 * 64), ("cortex-m4", 4 * 64), ("cortex-m55", 0)])
def test_an_analysis_counts_four_bits(target: str, depthwise: int) -> None:
    """Half of 64 x 32 weights, and of the 3 x 3 of a channel what five bytes leave where kernels read them."""
    net = Net((4, 6, 32), 1)
    x = narrow(net, net.conv("x", 64))
    narrow(net, net.depthwise(x))
    graph = net.graph()
    assert saved_by_codings(graph, load_target(target)) == 32 * 64 // 2 + depthwise
