"""A detector of a rising whistle, built by hand: a small network that remembers, and sounds to try it on.

Every 10 ms a row of 40 features arrives, the energies of 40 bands from low to high. The network takes three rows a
call. Eight sums of bands follow, and a window over the last twenty calls (0.6 s) is compared with a whistle that
rises through all of them. All weights are written down here; nothing is trained.
"""

from __future__ import annotations

import numpy as np

from ircompile.ir.builder import GraphBuilder, plain_binding
from ircompile.ir.graph import Graph, State
from ircompile.ir.numerics import Requant
from ircompile.ir.ops import Concat, Conv, Slice, Table, Window
from ircompile.ir.tensor import Array
from ircompile.ir.validate import validate

BANDS, ROWS, SUMS, CALLS = 40, 3, 8, 20
"""Features of a row, rows of a call, sums of bands, calls of a window."""


def detector() -> Graph:
    """The network: int8 features in, the code of a probability (scale 1/256, zero point -128) out."""
    net = GraphBuilder()
    x = net.tensor("features", (ROWS, 1, BANDS), "int8", 0.1, -128)
    # Each sum is of five neighbouring bands in all three rows, less what all bands have in common.
    bands = np.full((SUMS, ROWS, 1, BANDS), -1, np.int8)
    for number in range(SUMS):
        bands[number, :, 0, 5 * number : 5 * number + 5] = 8
    sums = net.tensor("sums", (1, 1, SUMS), "int8", 0.5, -128)
    net.node(_conv(net, "bands", bands, 0, 0.02, -128, -128, (ROWS, 1)), ["features"], sums, "sums of bands")
    window = _window(net)
    # The whistle is in sum 0 for two or three calls, then in sum 1, and so on.
    whistle = np.full((1, CALLS, 1, SUMS), -3, np.int8)
    for call in range(CALLS):
        whistle[0, call, 0, call * SUMS // CALLS] = 20
    logit = net.tensor("logit", (1, 1, 1), "int8", 0.1, 0)
    net.node(_conv(net, "whistle", whistle, -20000, 0.004, 0, -128, (CALLS, 1)), [window], logit, "comparison")
    codes = np.arange(-128, 128)
    table = np.clip(np.round(256 / (1 + np.exp(-0.1 * codes))) - 128, -128, 127).astype(np.int8)
    probability = net.tensor("probability", (1, 1, 1), "int8", 1 / 256, -128)
    net.node(Table(net.const("logistic", table), "logistic"), ["logit"], probability, "logistic")
    return validate(net.build("wakeword", [plain_binding(x)], [plain_binding(probability)]))


def _conv(
    net: GraphBuilder,
    name: str,
    weights: Array,
    bias: int,
    scale: float,
    zero: int,
    low: int,
    size: tuple[int, int],
) -> Conv:
    count = len(weights)
    scales = net.const(f"{name}_scale", np.full(count, scale))
    biases = net.const(f"{name}_bias", np.full(count, bias, np.int32))
    return Conv(Window(size), net.const(f"{name}_weights", weights), biases, Requant("double", scales, zero, low))


def _window(net: GraphBuilder) -> str:
    """The sums of the last calls, and this one's: a variable, as TFLite writes it; it becomes a ring of rows."""
    old, shape = CALLS - 1, (CALLS - 1, 1, SUMS)
    held = net.tensor("held", (2 * old, 1, SUMS), "int8", 0.5, -128)
    net.states.append(State("held", old, net.const("silence", np.full(shape, -128, np.int8))))
    net.node(Slice((0, 0, 0), shape), ["held"], net.tensor("before", shape, "int8", 0.5, -128), "read")
    net.node(Concat(0), ["before", "sums"], net.tensor("window", (CALLS, 1, SUMS), "int8", 0.5, -128), "window")
    net.node(Slice((1, 0, 0), shape), ["window"], net.tensor("after", shape, "int8", 0.5, -128), "write")
    net.node(Slice((0, 0, 0), shape), ["after"], held, "write")
    return "window"


def sounds(seed: int = 0) -> Array:
    """Three seconds of features, int8 (300, 40): noise, a falling whistle at 0.6 s and a rising one at 1.8 s."""
    rng = np.random.default_rng(seed)
    energies = rng.uniform(0, 4, (300, BANDS))
    for row in range(60):
        band = row * BANDS // 60
        energies[60 + row, BANDS - 1 - band] += 20
        energies[180 + row, band] += 20
    return np.clip(np.round(energies / 0.1) - 128, -128, 127).astype(np.int8)
