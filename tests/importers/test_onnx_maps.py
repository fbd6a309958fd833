"""Operators that move or resize maps, whoever writes them: layouts, padding, groups, upsampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper
from onnx_compare import compared, kinds, run
from onnx_files import Net, refused

from ircompile.importers.onnx import read_onnx
from ircompile.ir.ops import Binary, Depthwise, Gather, Mean, Pad
from ircompile.passes import normalize


def test_flattened_map_moves_the_weights_columns(tmp_path: Path) -> None:
    """NCHW flattened before a Gemm needs no transpose."""
    net = Net(6)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.03, -9)
    y = net.node("Gemm", net.node("Flatten", x), net.weights(7, 60), transB=1)
    net.output(net.qdq(y, 0.3, 0))
    assert kinds(compared(net.save(tmp_path)).graph) == ["Reshape", "Conv"]


def test_one_dimensional_network(tmp_path: Path) -> None:
    """N x C x W convolutions and pools as height 1."""
    net = Net(8)
    x = net.qdq(net.input([1, 2, 16]), 0.05, 0)
    y = net.qdq(net.node("Conv", x, net.weights(4, 2, 3), kernel_shape=[3], pads=[1, 1]), 0.06, 2)
    y = net.qdq(net.node("Conv", y, net.weights(4, 1, 5), kernel_shape=[5], group=4, dilations=[2]), 0.06, 2)
    y = net.qdq(net.node("MaxPool", y, kernel_shape=[2], strides=[2]), 0.06, 2)
    y = net.node("Squeeze", net.node("GlobalAveragePool", y), net.const([2]))
    net.output(net.qdq(y, 0.04, 0))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Conv", "Depthwise", "MaxPool", "Mean"]
    assert graph.tensors[graph.inputs[0].tensor].shape == (1, 16, 2)


def test_pad_before_a_convolution(tmp_path: Path) -> None:
    """Pad between DequantizeLinear and Conv, of space and of channels."""
    net = Net(9)
    x = net.qdq(net.input([1, 2, 5, 5]), 0.05, 7)
    padded = net.node("Pad", x, net.const([0, 0, 0, 0, 0, 2, 1, 1]), net.const(0.0, np.float32))
    y = net.node("Conv", net.qdq(padded, 0.05, 7), net.weights(3, 4, 3, 3), kernel_shape=[3, 3], strides=[2, 2])
    net.output(net.qdq(y, 0.1, 0))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Pad", "Conv"]
    assert isinstance(graph.nodes[0].op, Pad)
    assert graph.nodes[0].op.value == 7


def test_branches_of_different_layout_meet(tmp_path: Path) -> None:
    """Broadcasting of a gate, of constants a channel, and of a map that was turned twice."""
    net = Net(11)
    x = net.qdq(net.input([1, 4, 5, 6]), 0.05, -3)
    gate = net.qdq(net.node("ReduceMean", x, axes=[2, 3], keepdims=1), 0.05, 0)
    y = net.qdq(net.node("Mul", x, gate), 0.04, 1)
    turned = net.node("Transpose", net.node("Transpose", x, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2])
    y = net.qdq(net.node("Sub", y, turned), 0.06, 2)
    y = net.qdq(net.node("Mul", y, net.const(net.normal(1, 4, 1, 1))), 0.03, 0)
    y = net.qdq(net.node("Max", y, x), 0.05, 0)
    net.output(net.qdq(net.node("Add", y, net.dq(net.const(net.codes(5, 6)), 0.01)), 0.05, 0))
    graph = compared(net.save(tmp_path)).graph
    assert "Transpose" not in kinds(graph)
    assert {type(node.op) for node in graph.nodes} >= {Mean, Binary, Depthwise}


@pytest.mark.parametrize("size", [(2, 2), (3, 2)])
@pytest.mark.parametrize("place", ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"])
def test_resize_linear(size: tuple[int, int], place: str, tmp_path: Path) -> None:
    net = Net(15)
    x = net.qdq(net.input([1, 2, 5, 6]), 0.05, 9)
    scales = net.const([1, 1, *size], np.float32)
    y = net.node(
        "Resize", x, net.const([], np.float32), scales, mode="linear", coordinate_transformation_mode=place
    )
    net.output(net.qdq(y, 0.05, 9))
    assert kinds(compared(net.save(tmp_path)).graph) == ["Resize"]


def test_transposed_convolution(tmp_path: Path) -> None:
    net = Net(16)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    weights = net.dq(net.const(net.codes(3, 4, 3, 3)), 0.01)
    y = net.node("ConvTranspose", x, weights, net.const(net.normal(4)), kernel_shape=[3, 3], strides=[2, 2],
                 pads=[1, 1, 1, 1], output_padding=[1, 1])  # fmt: skip
    net.output(net.qdq(y, 0.05, 9))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["TransposeConv"]
    assert graph.outputs[0].shape == (1, 4, 8, 10)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode: str, tmp_path: Path) -> None:
    net = Net(17)
    x = net.qdq(net.input([1, 12, 3, 4]), 0.05, 9)
    y = net.node("DepthToSpace", x, blocksize=2, mode=mode)
    net.output(net.qdq(net.node("SpaceToDepth", net.qdq(y, 0.05, 9), blocksize=2), 0.05, 9))
    compared(net.save(tmp_path))


def test_groups_become_dense_weights(tmp_path: Path) -> None:
    net = Net(22)
    x = net.qdq(net.input([1, 6, 5, 5]), 0.05, 4)
    y = net.node("Conv", x, net.weights(9, 2, 3, 3), kernel_shape=[3, 3], group=3)
    net.output(net.qdq(y, 0.08, 0))
    assert kinds(compared(net.save(tmp_path)).graph) == ["Conv"]


def test_upsample(tmp_path: Path) -> None:
    """The older Resize."""
    net = Net(26, opset=10)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    net.output(net.qdq(net.node("Upsample", x, net.const([1, 1, 2, 3], np.float32), mode="nearest"), 0.05, 9))
    graph = read_onnx(net.save(tmp_path))
    assert kinds(graph) == ["Resize"]
    given = np.random.default_rng(0).uniform(-5, 5, (1, 3, 4, 5)).astype(np.float32)
    codes = np.clip(np.rint(given / np.float32(0.05)) + 9, -128, 127)
    expected = ((codes - 9) * np.float32(0.05)).repeat(2, axis=2).repeat(3, axis=3)
    np.testing.assert_array_equal(run(graph, given)[0], expected.astype(np.float32))


def test_shape_arithmetic_folds(tmp_path: Path) -> None:
    """Half the height, chosen by comparing: Size, Mod, ReduceProd, Where, Range and logic of constants."""
    net = Net(29)
    x = net.qdq(net.input([1, 2, 6, 4]), 0.05, 9)
    shape = net.node("Shape", x)
    height = net.node("Gather", shape, net.const(2), axis=0)
    odd = net.node("Equal", net.node("Mod", height, net.const(2)), net.const(1))
    large = net.node("Greater", net.node("Size", x), net.const(10))
    prod = net.node("Less", net.node("ReduceProd", shape, keepdims=0), net.const(1000))
    even = net.node("And", net.node("And", net.node("Not", odd), large), prod)
    rows = net.node("Where", even, net.node("Div", height, net.const(2)), height)
    counted = net.node("Range", net.const(0), rows, net.const(1))
    net.output(net.qdq(net.node("Gather", x, counted, axis=2), 0.05, 9))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph) == ["Slice"]
    assert graph.outputs[0].shape == (1, 2, 3, 4)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("places", [[1, 0], [2, 0, 0, 1], [-1, 0, 1]])
def test_gather_in_any_order(axis: int, places: list[int], tmp_path: Path) -> None:
    net = Net(31)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    net.output(net.qdq(net.node("Gather", x, net.const(places), axis=axis), 0.05, 9))
    assert "Gather" in kinds(compared(net.save(tmp_path)).graph)


def test_shuffled_channels_are_a_gather(tmp_path: Path) -> None:
    """Two groups of channels in turns, between two convolutions: Reshape, Transpose, Reshape."""
    net = Net(32)
    x = net.qdq(net.input([1, 6, 5, 4]), 0.05, 9)
    y = net.qdq(net.node("Conv", x, net.weights(6, 6, 1, 1)), 0.06, 1)
    grouped = net.node("Reshape", y, net.const([1, 2, 3, 5, 4]))
    shuffled = net.node("Reshape", net.node("Transpose", grouped, perm=[0, 2, 1, 3, 4]), net.const([1, 6, 5, 4]))
    net.output(net.qdq(net.node("Conv", net.qdq(shuffled, 0.06, 1), net.weights(3, 6, 1, 1)), 0.1, 0))
    graph = normalize(compared(net.save(tmp_path)).graph)
    assert kinds(graph) == ["Conv", "Gather", "Conv"]
    assert graph.nodes[1].op == Gather(2, (0, 3, 1, 4, 2, 5))


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize(
    ("kind", "given", "concats"),
    [
        ("Tile", [1, 2, 1, 3], 2),
        ("Tile", [1, 1, 2, 1], 1),
        ("Tile", [1, 1, 1, 1], 0),
        ("Expand", [1, 3, 4, 5], 1),
        ("Expand", [4, 1], 1),
    ],
)
def test_copies_along_axes(kind: str, given: list[int], concats: int, integers: bool, tmp_path: Path) -> None:
    net = Net(33)
    codes = net.q(net.input([1, 3, 1, 5]), 0.05, 9)
    counts = net.const(given, np.int64)
    real = "" if integers else net.node(kind, net.dq(codes, 0.05, 9), counts)
    copies = net.node(kind, codes, counts) if integers else net.q(real, 0.05, 9)
    net.output(net.qdq(net.node("Relu", net.dq(copies, 0.05, 9)), 0.07, -100))
    assert kinds(compared(net.save(tmp_path)).graph) == [*["Concat"] * concats, "Table"]


def test_copies_are_counted(tmp_path: Path) -> None:
    for kind, given in (("Tile", [1, 257, 1, 1]), ("Tile", [1, 0, 1, 1]), ("Expand", [1, 2, 4, 5])):
        net = Net(34)
        x = net.qdq(net.input([1, 3, 1, 5]), 0.05, 9)
        net.output(net.qdq(net.node(kind, x, net.const(given, np.int64)), 0.05, 9))
        refused(net.save(tmp_path), kind, "256 copies")


@pytest.mark.parametrize("mode", ["edge", "reflect", "wrap"])
@pytest.mark.parametrize("pads", [[0, 0, 2, 1, 0, 0, 1, 3], [0, 1, 0, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]])
def test_pads_by_what_is_there(mode: str, pads: list[int], tmp_path: Path) -> None:
    net = Net(35, opset=19)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    y = net.node("Pad", x, net.const(pads, np.int64), mode=mode)
    net.output(net.qdq(net.node("Relu", net.qdq(y, 0.05, 9)), 0.07, -100))
    graph = compared(net.save(tmp_path)).graph
    assert kinds(graph).count("Gather") == sum(map(bool, np.add(pads[:4], pads[4:])))


def test_pads_by_more_than_there_is(tmp_path: Path) -> None:
    net = Net(36, opset=19)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    y = net.node("Pad", x, net.const([0, 0, 4, 0, 0, 0, 0, 0], np.int64), mode="reflect")
    net.output(net.qdq(y, 0.05, 9))
    refused(net.save(tmp_path), "Pad", "pads 4 by 4 and 0, mode reflect")


@pytest.mark.parametrize("shape", [[1, 60], [1, 3, -1], [1, 3, 4, 5]])
def test_constants_that_are_nodes(shape: list[int], tmp_path: Path) -> None:
    net = Net(37)
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    counted = net.node("Constant", value=numpy_helper.from_array(np.array(shape, np.int64)))
    nothing = net.node("Constant", value=numpy_helper.from_array(np.zeros(0, np.float32)))
    y = net.node("Resize", net.node("Relu", x), nothing, net.const([1, 1, 1, 1], np.float32), mode="nearest")
    net.output(net.qdq(net.node("Reshape", net.qdq(y, 0.07, -100), counted), 0.07, -100))
    compared(net.save(tmp_path))
