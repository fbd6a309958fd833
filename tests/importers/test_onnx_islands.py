"""Functions of a code and a channel, and of the float input: exact as ONNX Runtime has them, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_compare import compared, kinds
from onnx_files import Net

from ircompile.errors import CompileError
from ircompile.importers.onnx import read_onnx

INT8, UINT8 = np.int8, np.uint8


def exact(net: Net, folder: Path) -> list[str]:
    """The graph's ops; fails where one code differs from ONNX Runtime's."""
    found = compared(net.save(folder))
    assert found.ends.elements
    assert found.ends.differing == 0
    return kinds(found.graph)


@pytest.mark.parametrize("seed", range(12))
def test_batch_normalization_alone(seed: int, tmp_path: Path) -> None:
    """Of fine and coarse scales, of both types, with and without a Relu behind it."""
    net = Net(seed)
    rng, dtype = net.rng, INT8 if seed % 2 else UINT8
    scale, zero = 10.0 ** rng.uniform(-3, 0), int(rng.integers(*((-128, 128) if seed % 2 else (0, 256))))
    x = net.qdq(net.input([1, 9, 16, 16]), scale, zero, dtype)
    parameters = net.normal(9, scale=1), net.normal(9, scale=1), net.normal(9, scale=1), rng.uniform(0.01, 3, 9)
    y = net.node("BatchNormalization", x, *(net.const(p, np.float32) for p in parameters))
    y = net.node("Relu", y) if seed % 3 == 0 else y
    net.output(net.qdq(y, scale * rng.uniform(0.2, 3), zero, dtype))
    assert exact(net, tmp_path)[0] in ("Depthwise", "PixelTable")


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Pow"])
@pytest.mark.parametrize("quantized", [False, True])
def test_a_constant_along_one_axis(kind: str, quantized: bool, tmp_path: Path) -> None:
    for axis, shape in enumerate([(7, 1, 1), (6, 1), (5,)]):
        net = Net(axis)
        x = net.qdq(net.input([1, 7, 6, 5]), 0.05, 9)
        number = net.dq(net.const(net.codes(*shape)), 0.02) if quantized else net.const(net.normal(*shape, scale=1))
        net.output(net.qdq(net.node(kind, x, number), 0.04, -3))
        exact(net, tmp_path)


def test_chain_of_channels(tmp_path: Path) -> None:
    """The mean taken away, divided by the deviation, rectified with a slope a channel: one table a channel."""
    net = Net(1)
    x = net.qdq(net.input([1, 5, 8, 8]), 0.02, 9)
    y = net.node("Div", net.node("Sub", x, net.const(net.normal(5, 1, 1))), net.const(net.normal(5, 1, 1)))
    net.output(net.qdq(net.node("PRelu", y, net.const(net.normal(5, 1, 1))), 0.04, -3))
    assert exact(net, tmp_path) == ["PixelTable"]


def test_a_float_constant_of_every_element_is_refused(tmp_path: Path) -> None:
    net = Net(2)
    x = net.qdq(net.input([1, 5, 8, 8]), 0.02, 9)
    net.output(net.qdq(net.node("Add", x, net.const(net.normal(5, 8, 8))), 0.04, -3))
    with pytest.raises(CompileError, match="varies along two axes"):
        read_onnx(net.save(tmp_path))


def test_training_is_refused(tmp_path: Path) -> None:
    for folded in (False, True):
        net = Net(3, opset=15)
        x = net.qdq(net.input([1, 3, 8, 8]), 0.02, 9)
        x = net.node("Conv", x, net.weights(3, 3, 1, 1)) if folded else x
        parameters = [net.const(np.ones(3), np.float32) for _ in range(4)]
        y = net.node("BatchNormalization", x, *parameters, outputs=3, training_mode=1)
        net.output(net.qdq(y[0], 0.04, -3))
        with pytest.raises(CompileError, match="its input's own mean"):
            read_onnx(net.save(tmp_path))


@pytest.mark.parametrize(("kind", "bounds"), [("Relu", []), ("Clip", [-0.5, 1.0]), ("Max", [0.3]), ("Min", [0.3])])
def test_clipped_input(kind: str, bounds: list[float], tmp_path: Path) -> None:
    """What only clips the float input clips its codes."""
    net = Net(4)
    y = net.node(kind, net.input([1, 3, 8, 8]), *(net.const(b, np.float32) for b in bounds))
    net.output(net.qdq(y, 0.02, 9))
    assert exact(net, tmp_path) == ["Table"]


@pytest.mark.parametrize("kind", ["HardSwish", "Sigmoid", "Abs", "Neg"])
def test_function_of_the_float_input_is_refused(kind: str, tmp_path: Path) -> None:
    net = Net(5, opset=14)
    net.output(net.qdq(net.node(kind, net.input([1, 3, 8, 8])), 0.02, 9))
    with pytest.raises(CompileError, match="computes with the float input 'x'"):
        read_onnx(net.save(tmp_path))


def test_output_of_the_float_input_alone_is_refused(tmp_path: Path) -> None:
    net = Net(6)
    x = net.input([1, 3, 8, 8])
    y = net.node("Relu", x)
    net.output(y)
    net.output(net.qdq(y, 0.02, 9))
    with pytest.raises(CompileError, match="computed from no quantized tensor"):
        read_onnx(net.save(tmp_path))


@pytest.mark.parametrize("kind", ["Log", "Sqrt"])
@pytest.mark.parametrize(("dtype", "zero"), [(INT8, 5), (UINT8, 77)])
def test_what_is_no_number_is_the_lowest_code(kind: str, dtype: Any, zero: int, tmp_path: Path) -> None:
    net = Net(7)
    x = net.qdq(net.input([1, 1, 16, 16]), 0.02, zero, dtype)
    net.output(net.qdq(net.node(kind, x), 0.02, zero, dtype))
    assert exact(net, tmp_path) == ["Table"]


@pytest.mark.parametrize(("dtype", "zero"), [(INT8, 5), (UINT8, 77)])
@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("place", ["half_pixel", "asymmetric"])
def test_resize_of_codes(dtype: Any, zero: int, factor: int, place: str, tmp_path: Path) -> None:
    """ONNX Runtime cuts off what lies behind the point of a resized code."""
    net = Net(8)
    x = net.q(net.input([1, 3, 5, 6]), 0.05, zero, dtype)
    scales = net.const([1, 1, factor, factor], np.float32)
    y = net.node("Resize", x, "", scales, mode="linear", coordinate_transformation_mode=place)
    net.output(net.dq(y, 0.05, zero, dtype))
    assert exact(net, tmp_path) == ["Resize"]


def test_resize_to_another_scale_is_refused(tmp_path: Path) -> None:
    net = Net(9)
    x = net.qdq(net.input([1, 3, 5, 6]), 0.05, 9)
    y = net.node("Resize", x, "", net.const([1, 1, 2, 2], np.float32), mode="linear")
    net.output(net.qdq(y, 0.04, 9))
    with pytest.raises(CompileError, match="between tensors of two scales"):
        read_onnx(net.save(tmp_path))


def test_windows_wholly_in_padding(tmp_path: Path) -> None:
    """A stride beyond the padded map's end: the first window and the last read nothing but padding."""
    net = Net(10)
    x = net.qdq(net.input([1, 3, 2, 2]), 0.05, 9)
    y = net.node("Conv", x, net.weights(4, 3, 1, 1), kernel_shape=[1, 1], pads=[2, 2, 2, 2], strides=[1, 1])
    net.output(net.qdq(y, 0.04, 9))
    assert exact(net, tmp_path) == ["Conv"]


def picked(net: Net, kind: str) -> str:
    """An activation that an operator moved or picked between a DequantizeLinear and the function behind it."""
    x = net.qdq(net.input([1, 3, 4, 5]), 0.05, 9)
    bounds = [net.const([n]) for n in (1, 3, 1)]
    return {
        "Slice": lambda: net.node("Slice", x, *bounds),
        "MaxPool": lambda: net.node("MaxPool", x, kernel_shape=[2, 2]),
        "Concat": lambda: net.node("Concat", x, x, axis=1),
        "Transpose": lambda: net.node("Transpose", net.node("Slice", x, *bounds), perm=[0, 2, 3, 1]),
    }[kind]()


@pytest.mark.parametrize("kind", ["Slice", "MaxPool", "Concat", "Transpose"])
@pytest.mark.parametrize("first", [False, True])
def test_arithmetic_behind_what_picks_codes(kind: str, first: bool, tmp_path: Path) -> None:
    """Sub was taken for a product there."""
    for function in ("Add", "Sub", "Mul", "Max", "Min", *([] if first else ["Div"])):
        for quantized in (False, True):
            net = Net(38)
            x = picked(net, kind)
            number = net.dq(net.const([[[[90]]]], np.int8), 0.014) if quantized else net.const(1.3, np.float32)
            y = net.node(function, *((number, x) if first else (x, number)))
            net.output(net.qdq(y, 0.04, -20))
            compared(net.save(tmp_path))


@pytest.mark.parametrize("kind", ["Slice", "MaxPool", "Concat", "Transpose"])
def test_functions_behind_what_picks_codes(kind: str, tmp_path: Path) -> None:
    for function in ("Exp", "LeakyRelu", "Sigmoid", "Softplus", "HardSwish"):
        net = Net(39, opset=14)
        net.output(net.qdq(net.node("Relu", net.node(function, picked(net, kind))), 0.04, -128))
        compared(net.save(tmp_path))


def test_a_tail_behind_what_picks_codes_is_left_to_the_caller(tmp_path: Path) -> None:
    net = Net(40)
    x = picked(net, "Slice")
    net.output(net.node("Erf", x))
    graph = compared(net.save(tmp_path)).graph
    assert graph.outputs[0].name == x
    assert any("left to the caller" in text for text in graph.notices)
