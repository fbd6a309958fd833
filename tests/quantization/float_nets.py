"""Small float networks and samples for them, made up by seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_files import mobilenet
from tflite_files import Op, T, const, write


def float_tflite(folder: Path) -> Path:
    """A convolution with ReLU and a fully connected layer, in float32."""
    rng = np.random.default_rng(3)
    tensors = [
        T((1, 6, 6, 3), "float32", name="picture"),
        const(rng.normal(size=(4, 3, 3, 3)), "float32"),
        const(rng.normal(size=4), "float32"),
        T((1, 4, 4, 4), "float32", name="features"),
        const(rng.normal(size=(5, 64)) / 8, "float32"),
        const(rng.normal(size=5), "float32"),
        T((1, 5), "float32", name="scores"),
    ]
    window = {"StrideH": 1, "StrideW": 1, "Padding": 1, "FusedActivationFunction": 1}
    ops = [Op("CONV_2D", [0, 1, 2], [3], window), Op("FULLY_CONNECTED", [3, 4, 5], [6])]
    return write(folder / "float.tflite", tensors, ops, [0], [6])


def float_onnx(folder: Path) -> Path:
    return mobilenet().save(folder, "float.onnx")


def samples(folder: Path, shape: tuple[int, ...], count: int = 12) -> Path:
    """Seeded arrays in class folders 0 and 1."""
    rng = np.random.default_rng(7)
    for i in range(count):
        (folder / str(i % 2)).mkdir(parents=True, exist_ok=True)
        np.save(folder / str(i % 2) / f"{i}.npy", rng.normal(size=shape).astype(np.float32))
    return folder


def separable(path: Path, clipped: bool) -> Path:
    """Depthwise 3 x 3 on 4 channels, a thousand thousand times apart, ReLU or ReLU6, pointwise to 3."""
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(3)
    first = rng.normal(size=(4, 1, 3, 3)).astype(np.float32) * np.float32([[[[1]]], [[[1e3]]], [[[1e-3]]], [[[5]]]])
    arrays = {"w1": first, "b1": rng.normal(size=4).astype(np.float32), "w2": rng.normal(size=(3, 4, 1, 1))}
    bounds = {"low": np.float32(0), "high": np.float32(6)} if clipped else {}
    middle = ("Clip", ["y", "low", "high"]) if clipped else ("Relu", ["y"])
    make = onnx.helper.make_node
    nodes = [
        make("Conv", ["x", "w1", "b1"], ["y"], group=4, pads=[1, 1, 1, 1]),
        make(*middle, ["z"]),
        make("Conv", ["z", "w2"], ["out"]),
    ]
    ends = [onnx.helper.make_tensor_value_info(n, 1, [1, c, 8, 8]) for n, c in (("x", 4), ("out", 3))]
    constants = {**arrays, **bounds}
    tensors = [onnx.numpy_helper.from_array(np.asarray(a, np.float32), n) for n, a in constants.items()]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)]), path)
    return path
