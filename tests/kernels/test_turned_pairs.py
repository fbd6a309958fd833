"""Weights of -128 in halfwords of two channels: a channel's sums have the other sign, its multiplier, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kernels.test_requantize import ROUNDINGS, make, random_layer, telling_accumulators
from ladder import climb
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.pack import weight_bytes
from ircompile.kernels.requantize import Core, evaluate
from ircompile.kernels.requantize.negate import can_negate, negated
from ircompile.kernels.weights import WeightCoding
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target

M4 = load_target("cortex-m4")
DSP = {"with FPU": Core(True, True, True), "without": Core(True)}


@pytest.mark.parametrize("core", DSP)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_codes_of_turned_accumulators(core: str, rounding: str) -> None:
    rng = np.random.default_rng([len(core), ROUNDINGS.index(rounding)])  # type: ignore[arg-type]
    forms = set()
    for _ in range(60):
        layer = random_layer(rng, rounding)  # type: ignore[arg-type]
        recipe = make(layer, DSP[core])
        if not can_negate(recipe.form):
            continue
        turn = rng.random(len(layer[1])) < 0.5
        products = telling_accumulators(layer, rng) - layer[2]
        other = evaluate(negated(recipe, turn), np.where(turn, -products, products))
        np.testing.assert_array_equal(other, evaluate(recipe, products), str(recipe.form))
        forms.add((recipe.form.name, recipe.form.exceptions > 0, recipe.form.shift is None))
    assert forms or rounding == "double"


def plant(net: Net, below: tuple[int, ...]) -> None:
    """Puts -128 into every second channel of the last layer, where the channel before has the weights `below`."""
    op = net.nodes[-1].op
    assert isinstance(op, ops.Conv)
    weights = net.consts[op.weights]
    flat = np.maximum(weights.reshape(len(weights), -1), -127)
    for high in range(1, len(flat), 2):
        places = net.rng.choice(flat.shape[1], len(below), replace=False)
        flat[high, places], flat[high - 1, places] = -128, below
    net.consts[op.weights] = flat.reshape(weights.shape).astype(np.int8)


def planted(width: int, below: tuple[int, ...], seed: int, rounding: str = "float32_even") -> Graph:
    """Pixels, windows at once and in passes, one pixel; all with such weights."""
    net = Net((3, width, 5), seed, rounding)
    x = net.conv("x", 11)
    outputs = []
    for channels, kernel in ((4, (1, 1)), (7, (1, 1)), (6, (3, 3)), (70, (1, 1)), (9, (1, 3))):
        y = net.conv(x, channels, kernel, relu=channels % 2 == 0)
        plant(net, below)
        outputs.append(y)
    y = net.conv(outputs[3], 5, (3, 3))
    plant(net, below)
    y = net.conv(y, 6, (3, width), (1, 1), (0, 0, 0, 0))
    plant(net, below)
    y = net.conv(y, 10)
    plant(net, below)
    return net.graph(*outputs, y)


def codings(compiled: Compiled) -> list[object]:
    """How the weights of every convolution but the first are stored."""
    convolutions = [node for node in compiled.graph.nodes if isinstance(node.op, ops.Conv)]
    return [compiled.program.packed[node.name].key["coding"] for node in convolutions[1:]]


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("width", "below"), [(1, (-1,)), (4, (-128,)), (5, (-128, -3, -1)), (3, (0, 127)), (2, (-1, 0)), (3, (-9, 127))]
)
def test_ladder(tmp_path: Path, width: int, below: tuple[int, ...]) -> None:
    """Low weights of one sign, 0 is positive, leave room in halfwords; where both occur, bytes are unpacked."""
    built = climb(planted(width, below, width), tmp_path, rungs=("gcc", "cortex-m4", "cortex-m7", "cortex-m3"))
    one_sign = max(below) < 0 or min(below) >= 0
    assert codings(built["cortex-m4"]) == [WeightCoding.PAIRS if one_sign else WeightCoding.INT8] * 8


@pytest.mark.parametrize("below", [(-1,), (1,), (-1, 1)])
def test_a_weight_of_its_own_takes_a_byte(below: tuple[int, ...]) -> None:
    """A stream has words of requantization, and a byte a weight."""
    net = Net((2, 4, 12), 3, "float32_even")
    net.conv(net.conv("x", 12), 8)
    plant(net, below)
    program = build(net.graph(), M4, "net", "resident").program
    name = net.nodes[-1].name
    packed = program.packed[name]
    assert weight_bytes(program)[name] == 96
    assert packed.form is not None
    words = len(packed.form.common) + 8 + packed.form.tail(8)  # type: ignore[union-attr]
    assert packed.arrays["stream"].nbytes == 4 * words + 96


@pytest.mark.toolchain
@pytest.mark.parametrize("width", [1, 2, 5])
def test_bytes_of_any_requantization(tmp_path: Path, width: int) -> None:
    """TFLite's rounding has a kink at zero, which the other sign would move."""
    built = climb(planted(width, (-1, 9), width, "double"), tmp_path, rungs=("gcc", "cortex-m4", "cortex-m33"))
    assert codings(built["cortex-m4"]) == [WeightCoding.INT8] * 8
