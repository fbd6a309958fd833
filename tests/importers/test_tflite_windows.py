"""Convolutions, fully connected layers and pools, one operator a file, against the frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_compare import assert_equal_to
from tflite_files import Op, T, const, one_op, write

from ircompile.importers import load

Geometry = tuple[int, int, int, int, int, int, int, int]

# height, width, kernel h and w, stride h and w, dilation h and w
GEOMETRIES: list[Geometry] = [
    (1, 1, 1, 1, 1, 1, 1, 1),
    (1, 1, 3, 3, 1, 1, 1, 1),
    (7, 5, 3, 3, 2, 2, 1, 1),
    (8, 8, 3, 3, 2, 2, 1, 1),
    (5, 9, 1, 1, 1, 1, 1, 1),
    (6, 4, 1, 1, 2, 3, 1, 1),
    (9, 1, 5, 1, 1, 1, 1, 1),
    (10, 11, 4, 2, 3, 1, 1, 1),
    (9, 9, 3, 3, 1, 1, 2, 2),
    (12, 10, 2, 3, 1, 1, 3, 2),
]


def quantized(rng: np.random.Generator, shape: tuple[int, ...], zero: int | None = None, dtype: str = "int8") -> T:
    info = np.iinfo(dtype)
    chosen = int(rng.choice([info.min, 0, info.max])) if zero is None else zero
    return T(shape, dtype, float(rng.uniform(0.01, 0.2)), chosen)


def output_size(g: Geometry, padding: int) -> tuple[int, int]:
    h, w, kh, kw, sh, sw, dh, dw = g
    if padding == 0:
        return -(-h // sh), -(-w // sw)
    return (h - (kh - 1) * dh - 1) // sh + 1, (w - (kw - 1) * dw - 1) // sw + 1


def window_options(g: Geometry, padding: int, activation: int) -> dict[str, Any]:
    return {
        "Padding": padding, "StrideH": g[4], "StrideW": g[5], "DilationHFactor": g[6], "DilationWFactor": g[7],
        "FusedActivationFunction": activation,
    }  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("g", GEOMETRIES)
@pytest.mark.parametrize("kind", ["conv", "groups", "singles", "depthwise"])
def test_convolution(kind: str, g: Geometry, padding: int, tmp_path: Path) -> None:
    size = output_size(g, padding)
    if min(size) < 1:
        pytest.skip("the kernel does not fit without padding")
    rng = np.random.default_rng(GEOMETRIES.index(g) * 2 + padding)
    channels, outputs = {"conv": (3, 5), "groups": (6, 4), "singles": (3, 6), "depthwise": (3, 6)}[kind]
    outer, inner = {"conv": (5, 3), "groups": (4, 3), "singles": (6, 1), "depthwise": (1, 6)}[kind]
    shape = (outer, *g[2:4], inner)
    weights = rng.choice([-127, 127], shape) if padding else rng.integers(-128, 128, shape)  # saturating, or any
    scales = np.exp(rng.uniform(np.log(1e-4), np.log(0.1), outputs))
    x, y = quantized(rng, (1, *g[:2], channels)), quantized(rng, (1, *size, outputs))
    operands = [x, const(weights, "int8", scales, axis=3 if kind == "depthwise" else 0)]
    if kind != "groups":
        operands.append(const(rng.integers(-(2**15), 2**15, outputs), "int32", x.scale * scales))
    options = window_options(g, padding, activation=int(rng.choice([0, 1, 2, 3])))
    if kind == "depthwise":
        options["DepthMultiplier"] = 2
    name = "DEPTHWISE_CONV_2D" if kind == "depthwise" else "CONV_2D"
    assert_equal_to("tflm", one_op(tmp_path / "op.tflite", name, operands, [y], **options), [x])


@pytest.mark.parametrize("g", GEOMETRIES[:6])
def test_uint8_convolution(g: Geometry, tmp_path: Path) -> None:
    rng = np.random.default_rng(GEOMETRIES.index(g))
    x, y = quantized(rng, (1, *g[:2], 3), dtype="uint8"), quantized(rng, (1, *output_size(g, 0), 5), dtype="uint8")
    bias = const(rng.integers(-9999, 9999, 5), "int32", np.float32(x.scale) * np.float32(0.004))
    weights = const(rng.integers(0, 256, (5, *g[2:4], 3)), "uint8", 0.004, 131)
    path = one_op(tmp_path / "op.tflite", "CONV_2D", [x, weights, bias], [y], **window_options(g, 0, 3))
    assert_equal_to("litert-ref", path, [x])


def test_int4_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-8, 8, 5 * 9 * 4)
    packed = ((codes[0::2] & 15) | ((codes[1::2] & 15) << 4)).astype(np.uint8).tobytes()
    scales = np.full(5, 0.01)
    x, y = quantized(rng, (1, 5, 5, 4)), quantized(rng, (1, 5, 5, 5))
    operands = [x, T((5, 3, 3, 4), "int4", scales, 0, packed), const(np.arange(5), "int32", x.scale * scales)]
    path = one_op(tmp_path / "op.tflite", "CONV_2D", operands, [y], **window_options(GEOMETRIES[1], 0, 0))
    assert_equal_to("tflm", path, [x])


@pytest.mark.parametrize("per_channel", [False, True])
def test_int4_fully_connected(per_channel: bool, tmp_path: Path) -> None:
    """An odd number of weights: half of the last byte is none. TFLite Micro takes one scale only with 4 bits."""
    rng = np.random.default_rng(per_channel)
    codes = np.append(rng.integers(-8, 8, 9 * 7), 0)
    packed = ((codes[0::2] & 15) | ((codes[1::2] & 15) << 4)).astype(np.uint8).tobytes()
    x, y = quantized(rng, (1, 7)), quantized(rng, (1, 9))
    scales = rng.uniform(0.01, 0.05, 9) if per_channel else np.float64(0.02)
    bias = const(rng.integers(-500, 500, 9), "int32", x.scale * scales)
    four, eight = T((9, 7), "int4", scales, 0, packed), const(codes[:-1].reshape(9, 7), "int8", scales)
    path = one_op(tmp_path / "four.tflite", "FULLY_CONNECTED", [x, four, bias], [y])
    wide = one_op(tmp_path / "eight.tflite", "FULLY_CONNECTED", [x, eight, bias], [y])
    assert_equal_to("tflm", wide if per_channel else path, [x])
    graphs = [load(file, None) for file in (path, wide)]
    for name, array in graphs[0].consts.items():
        np.testing.assert_array_equal(array, graphs[1].consts[name])


@pytest.mark.parametrize("profile", ["tflm", "litert-ref"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("rows", [1, 3])
def test_fully_connected(profile: str, per_channel: bool, rows: int, tmp_path: Path) -> None:
    """Biases over the whole of int32 show every bit of the multiplier."""
    rng = np.random.default_rng(rows)
    x, y = quantized(rng, (rows, 7), zero=0), quantized(rng, (rows, 500))
    scale = y.scale * 2.0**-23.3 / x.scale
    scales = np.full(500, scale) * rng.uniform(0.5, 2, 500) if per_channel else scale
    bias = const(rng.integers(-(2**30), 2**30, 500), "int32", x.scale * scales if per_channel else None)
    weights = const(rng.integers(-127, 128, (500, 7)), "int8", scales)
    path = one_op(tmp_path / "op.tflite", "FULLY_CONNECTED", [x, weights, bias], [y])
    assert_equal_to(profile, path, [x])


@pytest.mark.parametrize("keep", [False, True])
def test_fully_connected_on_a_map(keep: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x, y = quantized(rng, (1, 3, 4, 5)), quantized(rng, (1, 3, 4, 6) if keep else (1, 6))
    weights = const(rng.integers(-127, 128, (6, 5 if keep else 60)), "int8", 0.003)
    path = one_op(tmp_path / "op.tflite", "FULLY_CONNECTED", [x, weights], [y], KeepNumDims=keep)
    graph = assert_equal_to("tflm", path, [x])
    kernel = (1, 1) if keep else (3, 4)
    assert [node.op.window.kernel for node in graph.nodes] == [kernel]  # type: ignore[union-attr]


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("g", [(7, 5, 7, 5, 1, 1, 1, 1), (4, 4, 4, 4, 1, 1, 1, 1), *GEOMETRIES[:8]])
@pytest.mark.parametrize(("kind", "profile", "dtype"), [
    ("AVERAGE_POOL_2D", "tflm", "int8"), ("MAX_POOL_2D", "tflm", "int8"),
    ("AVERAGE_POOL_2D", "litert-ref", "uint8"), ("MAX_POOL_2D", "litert-ref", "uint8"),
])  # fmt: skip
def test_pool(kind: str, profile: str, dtype: str, g: Geometry, padding: int, tmp_path: Path) -> None:
    size = output_size(g, padding)
    if min(size) < 1:
        pytest.skip("the kernel does not fit without padding")
    rng = np.random.default_rng(1)
    x = quantized(rng, (1, *g[:2], 3), dtype=dtype)
    y = T((1, *size, 3), dtype, x.scale, x.zero)
    options = {
        "Padding": padding, "StrideH": g[4], "StrideW": g[5], "FilterHeight": g[2], "FilterWidth": g[3],
        "FusedActivationFunction": 1,
    }  # fmt: skip
    assert_equal_to(profile, one_op(tmp_path / "op.tflite", kind, [x], [y], **options), [x])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("g", [(1, 1, 1, 1, 1, 1), (3, 4, 3, 3, 2, 2), (5, 2, 2, 4, 3, 1), (4, 4, 1, 2, 2, 3)])
def test_transpose_convolution(g: tuple[int, ...], padding: int, bias: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    h, w, kh, kw, sh, sw = g
    size = (h * sh, w * sw) if padding == 0 else ((h - 1) * sh + kh, (w - 1) * sw + kw)
    scales = np.exp(rng.uniform(np.log(1e-4), np.log(0.1), 5))
    x, y = quantized(rng, (1, h, w, 3)), quantized(rng, (1, *size, 5))
    operands = [const([1, *size, 5]), const(rng.integers(-128, 128, (5, kh, kw, 3)), "int8", scales), x]
    operands += [const(rng.integers(-9999, 9999, 5), "int32", x.scale * scales)] if bias else []
    options = {"Padding": padding, "StrideH": sh, "StrideW": sw}
    assert_equal_to("tflm", one_op(tmp_path / "op.tflite", "TRANSPOSE_CONV", operands, [y], **options), [x])


def test_shape_of_a_transposed_convolution_as_an_input(tmp_path: Path) -> None:
    """Models cut out of larger ones ask for the shape that the output has anyway."""
    rng = np.random.default_rng(5)
    x, y = quantized(rng, (1, 4, 3, 3)), quantized(rng, (1, 8, 6, 5))
    operands = [T((4,), "int32", name="shape"), const(rng.integers(-128, 128, (5, 3, 3, 3)), "int8", 0.01), x]
    path = one_op(tmp_path / "op.tflite", "TRANSPOSE_CONV", operands, [y], Padding=0, StrideH=2, StrideW=2)
    graph = assert_equal_to("tflm", path, [x])
    assert [external.shape for external in graph.inputs] == [x.shape]


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(("h", "w", "block"), [(5, 7, 2), (6, 6, 3), (4, 9, 4)])
def test_space_to_batch_is_dilation(kind: str, h: int, w: int, block: int, tmp_path: Path) -> None:
    """DeepLab as TF1 writes it: SPACE_TO_BATCH_ND, a VALID convolution, BATCH_TO_SPACE_ND."""
    rng = np.random.default_rng(4)
    x = quantized(rng, (1, h, w, 4))
    tall, wide = (-(-(size + 2 * block) // block) * block for size in (h, w))
    y = quantized(rng, (block**2, tall // block - 2, wide // block - 2, 4))
    weights = const(rng.integers(-127, 128, (4 if kind == "CONV_2D" else 1, 3, 3, 4)), "int8", 0.01)
    tensors = [
        x, const([block, block]), const([[block, tall - h - block], [block, wide - w - block]]),
        T((block**2, tall // block, wide // block, 4), "int8", x.scale, x.zero),
        weights, const(np.zeros(4), "int32", x.scale * 0.01),
        y, const([[0, tall - 2 * block - h], [0, wide - 2 * block - w]]), T((1, h, w, 4), "int8", y.scale, y.zero),
    ]  # fmt: skip
    options = window_options((0, 0, 0, 0, 1, 1, 1, 1), 1, 1)
    options |= {"DepthMultiplier": 1} if kind != "CONV_2D" else {}
    ops = [
        Op("SPACE_TO_BATCH_ND", [0, 1, 2], [3]),
        Op(kind, [3, 4, 5], [6], options),
        Op("BATCH_TO_SPACE_ND", [6, 1, 7], [8]),
    ]
    graph = assert_equal_to("tflm", write(tmp_path / "net.tflite", tensors, ops, [0], [8]), [x])
    assert [node.op.window.dilation for node in graph.nodes] == [(block, block)]  # type: ignore[union-attr]
