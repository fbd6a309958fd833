"""Biases at the ends of int32, as converters leave them on dead channels, and accumulators that wrap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net
from tflite_compare import assert_equal_to, patterned
from tflite_files import Op, T, const, one_op, write

from ircompile.analyses.intervals import analyze
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir import ops
from ircompile.ir.bindings import to_graph
from ircompile.ir.graph import Graph
from ircompile.passes.notice_overflow import check_overflow

ENDS = (-(2**31), 2**31 - 1, -(2**31) + 5000, 2**31 - 5000)


def layer(path: Path, depth: bool, dead: bool, fill: int) -> tuple[Path, T]:
    """A convolution whose second channel has an extreme bias, and no weights where it is dead."""
    rng, count = np.random.default_rng(abs(fill)), 4 if depth else 6
    weights = rng.integers(-127, 128, (1, 3, 3, 4) if depth else (count, 3, 3, 4))
    bias = rng.integers(-500, 500, count)
    bias[1] = fill
    if dead:
        weights[(..., 1) if depth else 1] = 0
    x, y = T((1, 5, 6, 4), "int8", 0.05, -3), T((1, 5, 6, count), "int8", 0.1, 5)
    scales = np.full(count, 0.01)
    tensors = [x, const(weights, "int8", scales, axis=3 if depth else 0), const(bias, "int32", 0.0005), y]
    kind = "DEPTHWISE_CONV_2D" if depth else "CONV_2D"
    options = {"StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1}
    op = Op(kind, [0, 1, 2], [3], options | ({"DepthMultiplier": 1} if depth else {}))
    return write(path / "layer.tflite", tensors, [op], [0], [3]), x


def vectors(graph: Graph, x: T) -> list[dict[str, np.ndarray]]:
    (external,) = graph.inputs
    rng = np.random.default_rng(3)
    given = [patterned(rng, x.shape, x.dtype, pattern) for pattern in ("random", "ends", "lowest", "highest")]
    return [{external.tensor: to_graph(external, graph.tensors[external.tensor], array)} for array in given]


@pytest.mark.parametrize("fill", ENDS)
@pytest.mark.parametrize("dead", [True, False])
@pytest.mark.parametrize("depth", [True, False])
def test_the_simulation_wraps_as_the_framework(depth: bool, dead: bool, fill: int, tmp_path: Path) -> None:
    path, x = layer(tmp_path, depth, dead, fill)
    graph = assert_equal_to("tflm", path, [x])
    assert bool(check_overflow(graph, analyze(graph))) is not dead


@pytest.mark.toolchain
@pytest.mark.parametrize("fill", ENDS)
@pytest.mark.parametrize("dead", [True, False])
@pytest.mark.parametrize("depth", [True, False])
def test_every_core_wraps(depth: bool, dead: bool, fill: int, tmp_path: Path) -> None:
    path, x = layer(tmp_path, depth, dead, fill)
    graph = assert_equal_to("tflm", path, [x])
    climb(graph, tmp_path, vectors=vectors(graph, x), rungs=("cortex-m0plus", "cortex-m4", "cortex-m55"))


@pytest.mark.toolchain
@pytest.mark.parametrize("rounding", ["double", "single", "float32_even"])
def test_few_codes_of_sums_that_wrap(rounding: str, tmp_path: Path) -> None:
    """Of all int32 accumulators, the least and the greatest among them, some codes are left out at either end."""
    net = Net((4, 5, 8), 2, rounding)
    output = net.conv("x", 4, (3, 3))
    net.consts["b0"][1:3] = ENDS[:2]
    net.consts["s0"][:] = np.float32(60.0) / np.float32(2.0**31)
    op = net.nodes[0].op
    assert isinstance(op, ops.Conv)
    net.nodes[0] = replace(net.nodes[0], op=replace(op, requant=replace(op.requant, low=-100, high=72)))
    climb(net.graph(output), tmp_path, rungs=("gcc", "cortex-m0plus", "cortex-m4", "cortex-m55"))


@pytest.mark.parametrize("kind", ["ADD", "MUL", "SUB", "PRELU", "MEAN", "CONV_2D", "LEAKY_RELU", "QUANTIZE", "ABS"])
def test_multipliers_that_no_shift_can_hold(kind: str, tmp_path: Path) -> None:
    """Such output scales come from layers that were never calibrated; C does not define what they give."""
    x, y = T((1, 4, 4, 2), "int8", 0.05, -3), T((1, 4, 4, 2), "int8", 3e-35, 5)
    slopes, filters = const(np.ones((1, 1, 2)), "int8", 0.5), const(np.ones((2, 1, 1, 2)), "int8", np.full(2, 0.1))
    operands = {"ADD": [x, x], "MUL": [x, x], "SUB": [x, x], "PRELU": [x, slopes], "CONV_2D": [x, filters]}
    options = {"CONV_2D": {"StrideW": 1, "StrideH": 1}, "LEAKY_RELU": {"Alpha": 0.1}}.get(kind, {})
    if kind == "MEAN":
        operands["MEAN"], y = [x, const([1])], T((1, 4, 2), "int8", 3e-35, 5)
    path = one_op(tmp_path / "op.tflite", kind, operands.get(kind, [x]), [y], **options)
    with pytest.raises(CompileError, match="a left shift of"):
        load(path)
