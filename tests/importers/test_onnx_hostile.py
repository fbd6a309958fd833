"""Bad files give one clear message that names the node, never a traceback, a hang or a huge allocation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_files
import pytest
from onnx import TensorProto, helper
from onnx_files import Net, refused, small

from ircompile.errors import CompileError
from ircompile.importers.onnx import read_onnx


def test_truncated_file(tmp_path: Path) -> None:
    whole = onnx_files.mobilenet().model().SerializeToString()
    path = tmp_path / "cut.onnx"
    for size in range(0, len(whole), max(len(whole) // 60, 1)):
        path.write_bytes(whole[:size])
        refused(path)


def test_bit_flips(tmp_path: Path) -> None:
    """Whatever a damaged file reads as, it is a graph or a CompileError."""
    net, x = small()
    y = net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3])
    net.output(net.qdq(y, 0.05, 0))
    whole = bytearray(net.model().SerializeToString())
    rng = np.random.default_rng(0)
    path = tmp_path / "flipped.onnx"
    for _ in range(400):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with contextlib.suppress(CompileError):
            read_onnx(path)


def test_foreign_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "picture.onnx"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    refused(path, "ONNX")
    refused(tmp_path / "absent.onnx", "cannot be read")
    refused(tmp_path, "cannot be read")


def test_float_model(tmp_path: Path) -> None:
    refused(onnx_files.mobilenet().save(tmp_path), "not quantized", "hint")


def test_cycle(tmp_path: Path) -> None:
    net, x = small()
    y = net.node("Add", x, "later")
    net.nodes.append(helper.make_node("Relu", [y], ["later"], name="loop"))
    net.output(net.qdq(y, 0.05, 0))
    refused(net.save(tmp_path), "node 2", "depends on its own output")


def test_two_writers_and_a_missing_one(tmp_path: Path) -> None:
    net, x = small()
    net.output(net.qdq(net.node("Add", x, "nowhere"), 0.05, 0))
    refused(net.save(tmp_path), "'nowhere', which nothing writes")
    net, x = small()
    y = net.node("Relu", x)
    net.nodes.append(helper.make_node("Relu", [x], [y], name="again"))
    net.output(net.qdq(y, 0.05, 0))
    refused(net.save(tmp_path), "'again'", "writes")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "link.bin", "", "absent.bin"])
def test_external_data(location: str, tmp_path: Path) -> None:
    """Weights outside of the folder are not read, not even through a link."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    net, x = small()
    y = net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3])
    net.output(net.qdq(y, 0.05, 0))
    model = net.model()
    tensor = next(i for i in model.graph.initializer if list(i.dims) == [4, 3, 3, 3])
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    refused(folder / "net.onnx", "outside of the model's folder" if location != "absent.bin" else "cannot be read")


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    path = onnx_files.quantized(onnx_files.mobilenet(), tmp_path)
    inside = read_onnx(path)
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert read_onnx(outside).nodes == inside.nodes


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (["n", 3, "height", 8], ("dimension 2 (height)", "make_dynamic_shape_fixed")),
        ([4, 3, 8, 8], ("batch 1",)),
        ([1, 3, 2**20, 2**20], ("2^26",)),
        ([1, 3, 2**31, 2**40], ("2^26",)),
    ],
)
def test_input_shapes(shape: list[Any], words: tuple[str, ...], tmp_path: Path) -> None:
    net = Net(2)
    x = net.qdq(net.input(shape), 0.05, 0)
    net.output(net.qdq(net.node("Relu", x), 0.05, 0))
    refused(net.save(tmp_path), *words)


@pytest.mark.parametrize("scale", [0.0, -0.1, float("nan"), float("inf"), 1e-42])
def test_scales(scale: float, tmp_path: Path) -> None:
    net = Net(3)
    x = net.qdq(net.input([1, 3, 8, 8]), scale, 0)
    net.output(net.qdq(net.node("Relu", x), 0.05, 0))
    refused(net.save(tmp_path), "node 0", "scale is")


def huge_tile(net: Net, x: str) -> str:
    return net.node("Add", x, net.node("Tile", net.const([1.0], np.float32), net.const([2**40])))


def huge_expand(net: Net, x: str) -> str:
    return net.node("Add", x, net.node("Expand", net.const([1.0], np.float32), net.const([2**20, 2**20, 2])))


def huge_fill(net: Net, x: str) -> str:
    return net.node("Add", x, net.node("ConstantOfShape", net.const([2**30, 2**30])))


def huge_range(net: Net, x: str) -> str:
    return net.node("Add", x, net.node("Range", net.const(0), net.const(2**62), net.const(1)))


def huge_pad(net: Net, x: str) -> str:
    return net.node("Pad", x, net.const([0, 0, 0, 0, 0, 0, 2**40, 2**40]))


def huge_resize(net: Net, x: str) -> str:
    scales = net.const([1, 1, 2.0**20, 2.0**20], np.float32)
    return net.node("Resize", x, net.const([], np.float32), scales, mode="nearest")


def unknown(net: Net, x: str) -> str:
    return net.node("GridSample", x, net.const(np.zeros((1, 8, 8, 2)), np.float32))


def control_flow(net: Net, x: str) -> str:
    branch = helper.make_graph([helper.make_node("Relu", [x], ["b"])], "branch", [], [])
    return net.node("If", net.const(True, np.bool_), then_branch=branch, else_branch=branch)


def grouped(net: Net, x: str) -> str:
    return net.node("Conv", x, net.weights(4, 2, 3, 3), kernel_shape=[3, 3], group=2)  # of 3 channels


def wrong_weights(net: Net, x: str) -> str:
    return net.node("Conv", x, net.weights(4, 5, 3, 3), kernel_shape=[3, 3])


def float_weights(net: Net, x: str) -> str:
    return net.node("Sigmoid", net.conv(x, 3, 4, 3))  # ONNX Runtime computes it in float32


def no_quantizer_between(net: Net, x: str) -> str:
    y = net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3])
    return net.node("Conv", y, net.weights(4, 4, 3, 3), kernel_shape=[3, 3])


def computed_scale(net: Net, x: str) -> str:
    return net.node("DequantizeLinear", net.q(x, 0.1), net.node("ReduceMean", x, keepdims=0))


def strange_pads(net: Net, x: str) -> str:
    return net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3], pads=[1, 1, 1])


def negative_stride(net: Net, x: str) -> str:
    return net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3], strides=[0, -1])


def kernel_larger_than_map(net: Net, x: str) -> str:
    return net.node("MaxPool", x, kernel_shape=[9, 9])


def reshape_that_does_not_fit(net: Net, x: str) -> str:
    return net.node("Reshape", x, net.const([1, 7, -1]))


def bad_permutation(net: Net, x: str) -> str:
    return net.node("Transpose", x, perm=[0, 1, 1, 9])


def sixteen_bits(net: Net, x: str) -> str:
    return net.dq(net.q(x, 0.1, 0, np.int16), 0.1, 0, np.int16)


def per_channel_activation(net: Net, x: str) -> str:
    return net.node("QuantizeLinear", x, net.const([0.1, 0.2, 0.3], np.float32), net.const([0, 0, 0], np.int8))


def two_activations(net: Net, x: str) -> str:
    return net.node("MatMul", x, net.node("Transpose", x, perm=[0, 1, 3, 2]))


def not_a_number(net: Net, x: str) -> str:
    return net.node("Conv", x, net.weights(4, 3, 1, 1), net.const([np.nan] * 4, np.float32), kernel_shape=[1, 1])


BAD = {
    f.__name__: f
    for f in (
        huge_tile, huge_expand, huge_fill, huge_range, huge_pad, huge_resize, unknown, control_flow, grouped,
        wrong_weights, float_weights, no_quantizer_between, computed_scale, strange_pads, negative_stride,
        kernel_larger_than_map, reshape_that_does_not_fit, bad_permutation, sixteen_bits, per_channel_activation,
        two_activations, not_a_number,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_operators(name: str, tmp_path: Path) -> None:
    """Each is refused, naming the node."""
    make: Callable[[Net, str], str] = BAD[name]
    net, x = small(opset=16)
    y = make(net, x)
    net.output(net.qdq(y, 0.05, 0))
    error = refused(net.save(tmp_path), "node ")
    assert error.supported or error.hint or "does not fit" in error.problem or "weights" in error.problem


def test_old_opset(tmp_path: Path) -> None:
    net, x = small(opset=9)
    net.output(net.qdq(net.node("Relu", x), 0.05, 0))
    refused(net.save(tmp_path), "opset 9", "supported")


@pytest.mark.thorough
def test_deep_nesting(tmp_path: Path) -> None:
    net, x = small()
    for _ in range(5000):
        x = net.node("Tanh", x)
    net.output(net.qdq(x, 0.05, 0))
    refused(net.save(tmp_path), "too deeply")


def test_unknown_profile(tmp_path: Path) -> None:
    net, x = small()
    net.output(net.qdq(net.node("Relu", x), 0.05, 0))
    path = net.save(tmp_path)
    with pytest.raises(CompileError, match="tflm"):
        read_onnx(path, numerics="tflm")
