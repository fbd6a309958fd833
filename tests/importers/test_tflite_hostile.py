"""Damaged, foreign and unsupported TFLite files: one clear message, no traceback, no hang."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_files import Op, T, build, const, one_op, write

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.passes import normalize

X = T((1, 6, 6, 2), "int8", 0.1, 3, name="picture")
Y = T((1, 6, 6, 4), "int8", 0.2, -1, name="net/conv1/Relu")
WEIGHTS = const(np.ones((4, 1, 1, 2)), "int8", np.full(4, 0.01))
OPTIONS: dict[str, Any] = {
    "Padding": 0, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1,
    "FusedActivationFunction": 0,
}  # fmt: skip


def refused(path: Path) -> str:
    with pytest.raises(CompileError) as caught:
        normalize(load(path))
    return str(caught.value)


def conv(
    tmp_path: Path, x: T = X, weights: T = WEIGHTS, y: T = Y, extra: tuple[T, ...] = (), **options: Any
) -> str:
    path = one_op(tmp_path / "net.tflite", "CONV_2D", [x, weights, *extra], [y], **(OPTIONS | options))
    return refused(path)


def test_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    assert "cannot be read" in refused(path)
    path.write_bytes(b"")
    assert "is not a TFLite file" in refused(path)
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    assert "is not a TFLite file" in refused(path)
    path.write_bytes(b"\xff\xff\xff\x7fTFL3" + bytes(100))
    assert "is damaged" in refused(path)


def test_every_truncation(tmp_path: Path) -> None:
    data = build([X, WEIGHTS, Y], [Op("CONV_2D", [0, 1], [2], OPTIONS)], [0], [2])
    path = tmp_path / "net.tflite"
    for size in range(0, len(data) - 1, 7):
        path.write_bytes(data[:size])
        refused(path)


@pytest.mark.thorough
def test_random_damage(tmp_path: Path) -> None:
    """Whatever bytes change, the file is read or refused: nothing else is raised, and quickly."""
    bias = const(np.arange(4), "int32", np.full(4, 0.001))
    tensors = [X, WEIGHTS, bias, Y, const([1, 2]), T((1, 4), "int8", 0.2, -1)]
    ops = [Op("CONV_2D", [0, 1, 2], [3], OPTIONS), Op("MEAN", [3, 4], [5], {"KeepDims": False})]
    data = build(tensors, ops, [0], [5])
    path, generator = tmp_path / "net.tflite", random.Random(0)
    start = time.monotonic()
    for _ in range(600):
        damaged = bytearray(data)
        for _ in range(generator.choice([1, 2, 8])):
            place = generator.randrange(8, len(damaged))
            damaged[place] = generator.choice([0, 1, 127, 128, 255, generator.randrange(256)])
        path.write_bytes(damaged)
        with suppress(CompileError):
            normalize(load(path))
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("scale", [0.0, -0.1, float("nan"), float("inf")])
def test_scales_of_activations(scale: float, tmp_path: Path) -> None:
    for place, message in [
        ("input 'picture'", conv(tmp_path, x=replace(X, scale=scale))),
        ("node 0 'net/conv1/Relu' CONV_2D", conv(tmp_path, y=replace(Y, scale=scale))),
    ]:
        assert place in message
        assert f"has scale {np.float32(scale):g}"[:13] in message
        assert "supported: finite scales above 0" in message


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_scales_of_weights(scale: float, tmp_path: Path) -> None:
    assert "supported: finite scales, not 0" in conv(tmp_path, weights=replace(WEIGHTS, scale=np.full(4, scale)))


def test_quantization_is_missing(tmp_path: Path) -> None:
    assert "has no quantization" in conv(tmp_path, y=replace(Y, scale=None))
    assert "have no scale" in conv(tmp_path, weights=replace(WEIGHTS, scale=None))
    assert "has 2 scales" in conv(tmp_path, y=replace(Y, scale=np.ones(2)))
    assert "3 weight scales for 4 channels" in conv(tmp_path, weights=replace(WEIGHTS, scale=np.ones(3)))
    assert "zero point 200" in conv(tmp_path, y=replace(Y, zero=200))


def test_types(tmp_path: Path) -> None:
    picture = T((1, 6, 6, 2), "float32", name="picture")
    message = conv(tmp_path, x=picture, y=T((1, 6, 6, 4), "float32"))
    assert "is a float network: none of" in message
    assert "hint: 'ircompile quantize FLOAT" in message
    message = conv(tmp_path, x=picture)
    assert "'picture' is float32" in message
    assert "hint: quantize" in message
    assert "zero point" in conv(tmp_path, x=replace(X, dtype="int16", zero=3))
    assert "Conv of int8 to int16" in conv(tmp_path, y=replace(Y, dtype="int16", zero=0))
    assert "weights" in conv(tmp_path, weights=const(np.ones((4, 1, 1, 2)), "float32"))
    assert "is a variable" in conv(tmp_path, x=replace(X, variable=True))


def test_shapes(tmp_path: Path) -> None:
    assert "dynamic" in conv(tmp_path, x=replace(X, signature=(-1, -1, -1, 2)))
    assert "batch 1" in conv(tmp_path, x=replace(X, shape=(2, 6, 6, 2)))
    assert "is damaged" in conv(tmp_path, y=replace(Y, shape=(1, 2**30, 2**30, 4)))
    assert "is damaged" in conv(tmp_path, y=replace(Y, shape=(1, -6, 6, 4)))
    assert "where the file says [1, 5, 6, 4]" in conv(tmp_path, y=replace(Y, shape=(1, 5, 6, 4)))
    assert "on 2 channels" in conv(tmp_path, weights=const(np.ones((4, 1, 1, 3)), "int8", 0.1))
    assert "has 8 bytes" in conv(tmp_path, weights=replace(WEIGHTS, shape=(4, 9, 9, 2)))
    assert "bias is int32 of 3" in conv(tmp_path, extra=(const([1, 2, 3]),))
    assert "bias is not a constant" in conv(tmp_path, extra=(T((4,), "int8", 0.1),))


def test_options(tmp_path: Path) -> None:
    assert "stride (0, 1)" in conv(tmp_path, StrideH=0)
    assert "fused activation TANH (supported: NONE, RELU" in conv(tmp_path, FusedActivationFunction=4)
    big = const(np.ones((4, 7, 7, 2)), "int8", 0.1)
    assert "kernel (7, 7) on a map of 6 x 6" in conv(tmp_path, weights=big, Padding=1)


def test_order_of_operators(tmp_path: Path) -> None:
    """A cycle, a reader before its writer, and two writers."""
    path, z = tmp_path / "net.tflite", replace(X, name="z")
    write(path, [X, z], [Op("RELU", [1], [1])], [0], [1])
    assert "computed by no operator before it" in refused(path)
    write(path, [X, z, z], [Op("RELU", [1], [2]), Op("RELU", [0], [1])], [0], [2])
    assert "computed by no operator before it" in refused(path)
    write(path, [X, z], [Op("RELU", [0], [1]), Op("RELU", [0], [1])], [0], [1])
    assert "a second time" in refused(path)
    write(path, [X, z], [Op("RELU", [0], [0])], [0], [1])
    assert "a second time" in refused(path)
    write(path, [X, z], [], [0], [1])
    assert "output 'z': is computed by no operator" in refused(path)


def test_operators(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    message = refused(one_op(path, "UNIDIRECTIONAL_SEQUENCE_LSTM", [X], [X]))
    assert "node 0 't1' UNIDIRECTIONAL_SEQUENCE_LSTM" not in message  # the tensor has a name
    assert (
        "node 0 'picture' UNIDIRECTIONAL_SEQUENCE_LSTM: is not a supported operator (supported: ABS, ADD" in message
    )
    assert "hint: train a network of convolutions over time" in message
    assert "--outputs" not in message  # nothing stands before it
    z = replace(X, name="z")
    write(path, [X, z, z], [Op("RELU", [0], [1]), Op("SVDF", [1], [2])], [0], [2])
    assert "or cut the model before it: --outputs z" in refused(path)
    assert "malformed" in refused(one_op(path, "ADD", [X], [X])) or "missing" in refused(path)
    write(path, [X], [Op("RELU", [], [0])], [0], [0])
    assert "RELU" in refused(path)
    write(path, [X], [Op("RELU", [0], [])], [0], [0])
    assert "RELU" in refused(path)
    write(path, [X], [Op("RELU", [0], [7])], [0], [0])
    assert "is damaged" in refused(path)


def test_float_in_the_middle(tmp_path: Path) -> None:
    f = T((1, 6, 6, 2), "float32")
    ops = [Op("DEQUANTIZE", [0], [1]), Op("RELU", [1], [2]), Op("QUANTIZE", [2], [3])]
    message = refused(write(tmp_path / "net.tflite", [X, f, f, replace(X, name="q")], ops, [0], [3]))
    assert "float32 arithmetic in the middle" in message


def test_constants_that_explode(tmp_path: Path) -> None:
    """A few hundred bytes that ask for gigabytes."""
    path, out = tmp_path / "net.tflite", T((4,), "int32")
    start = time.monotonic()

    def folded(kind: str, operands: list[T]) -> str:
        numbers = range(1, 1 + len(operands))
        return refused(write(path, [X, *operands, out], [Op(kind, numbers, [numbers.stop])], [0], [0]))

    assert "elements" in folded("FILL", [const([2**15, 2**15, 2**15]), const([1])])
    assert "elements" in folded("TILE", [const([1, 2]), const([2**30])])
    assert "elements" in folded("RANGE", [const([0]), const([2**31 - 1]), const([1])])
    assert "elements" in folded("BROADCAST_TO", [const([1]), const([2**20, 2**20])])
    row, column = const(np.ones((1, 30000))), const(np.ones((30000, 1)))
    assert "elements" in folded("ADD", [row, column])
    many = [Op("FILL", [1, 2], [n]) for n in range(3, 40)]
    tensors = [X, const([2**12, 2**12]), const([1]), *[out] * 37]
    assert "many times the size of the file" in refused(write(path, tensors, many, [0], [0]))
    groups, wide = const(np.ones((8192, 1, 1, 2)), "int8", 0.1), T((1, 1, 1, 8192), "int8", 0.1)
    assert "4096 groups" in refused(one_op(path, "CONV_2D", [wide, groups], [wide], **OPTIONS))
    assert time.monotonic() - start < 20
