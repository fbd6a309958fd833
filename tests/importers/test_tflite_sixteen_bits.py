"""Operators on codes of 16 bits, with weights of 8 bits, each alone against TensorFlow Lite Micro."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_compare import assert_equal_to, reference, simulate
from tflite_files import T, const, one_op

from ircompile.errors import CompileError
from ircompile.importers import load

SHAPE = (1, 6, 7, 5)
RNG = np.random.default_rng(16)
SAME = {"StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1}
Case = tuple[str, list[T], list[T], dict[str, Any]]


def codes(shape: tuple[int, ...] = SHAPE, scale: float = 0.0011, dtype: str = "int16", zero: int = 0) -> T:
    return T(shape, dtype, float(np.float32(scale)), zero)


def weights(*shape: int, axis: int = 0) -> T:
    scales = RNG.uniform(0.001, 0.01, shape[axis]).astype(np.float32)
    return const(RNG.integers(-127, 128, shape), "int8", scales, np.zeros(shape[axis]), axis)


def bias(count: int, dtype: str = "int64", bits: int = 20) -> T:
    return const(RNG.integers(-(2**bits), 2**bits, count), dtype, 0.001)


def windowed(kind: str, count: int, kernel: T, *rest: T, **options: int) -> Case:
    return kind, [codes(), kernel, *rest], [codes((1, 6, 7, count), 0.003)], {**SAME, **options}


def unary(kind: str, output: T, source: T | None = None, **options: Any) -> Case:
    return kind, [source or codes()], [output], options


def pooled(kind: str) -> Case:
    pool = {"StrideW": 2, "StrideH": 1, "FilterWidth": 2, "FilterHeight": 3, "FusedActivationFunction": 1}
    return kind, [codes()], [codes((1, 6, 4, 5))], pool


FULLY = [codes((3, 300)), weights(4, 300)]
CASES: dict[str, Case] = {
    "CONV_2D": windowed("CONV_2D", 4, weights(4, 3, 3, 5), bias(4), FusedActivationFunction=1),
    "CONV_2D, no bias": windowed("CONV_2D", 4, weights(4, 3, 3, 5)),
    "CONV_2D, large biases": windowed("CONV_2D", 4, weights(4, 1, 1, 5), bias(4, bits=40)),
    "CONV_2D, bias of 32 bits": windowed("CONV_2D", 4, weights(4, 3, 2, 5), bias(4, "int32")),
    "DEPTHWISE_CONV_2D": windowed(
        "DEPTHWISE_CONV_2D", 10, weights(1, 3, 3, 10, axis=3), bias(10), DepthMultiplier=2
    ),
    "TRANSPOSE_CONV": (
        "TRANSPOSE_CONV",
        [const([1, 12, 14, 3]), weights(3, 3, 3, 5), codes(), bias(3, "int16", 14)],
        [codes((1, 12, 14, 3), 0.003)],
        {"StrideW": 2, "StrideH": 2},
    ),
    "FULLY_CONNECTED": ("FULLY_CONNECTED", [*FULLY, bias(4, bits=36)], [codes((3, 4), 0.01)], {}),
    "FULLY_CONNECTED, bias of 32 bits": ("FULLY_CONNECTED", [*FULLY, bias(4, "int32")], [codes((3, 4), 0.01)], {}),
    "ADD": ("ADD", [codes(), codes(scale=0.0007)], [codes(scale=0.0013)], {}),
    "ADD, a constant": ("ADD", [codes(), const(RNG.integers(-9999, 9999, 5), "int16", 0.002)], [codes()], {}),
    "SUB": ("SUB", [codes(), codes(scale=0.0031)], [codes()], {"FusedActivationFunction": 1}),
    "MUL": ("MUL", [codes(), codes((1, 1, 1, 5))], [codes(scale=0.03)], {}),
    "SQUARED_DIFFERENCE": ("SQUARED_DIFFERENCE", [codes(), codes(scale=0.0007)], [codes(scale=0.02)], {}),
    "SQUARED_DIFFERENCE of 8 bits": (
        "SQUARED_DIFFERENCE",
        [codes(scale=0.1, dtype="int8", zero=4), codes(scale=0.07, dtype="int8", zero=-9)],
        [codes(scale=0.4, dtype="int8", zero=-100)],
        {},
    ),
    "MAXIMUM": ("MAXIMUM", [codes(), codes()], [codes()], {}),
    "MINIMUM": ("MINIMUM", [codes(), codes((5,))], [codes()], {}),
    "AVERAGE_POOL_2D": pooled("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": pooled("MAX_POOL_2D"),
    "MEAN": ("MEAN", [codes(), const([1, 2])], [codes((1, 5), 0.0009)], {}),
    "PAD": ("PAD", [codes(), const([[0, 0], [1, 0], [2, 1], [0, 1]])], [codes((1, 7, 10, 6))], {}),
    "PADV2": (
        "PADV2",
        [codes(), const([[0, 0], [1, 0], [2, 1], [0, 1]]), const(-999, "int16", 0.0011)],
        [codes((1, 7, 10, 6))],
        {},
    ),
    "SLICE": ("SLICE", [codes(), const([0, 1, 2, 1]), const([1, 4, 3, 3])], [codes((1, 4, 3, 3))], {}),
    "STRIDED_SLICE": (
        "STRIDED_SLICE",
        [codes(), const([0, 1, 0, 0]), const([1, 6, 7, 5]), const([1, 2, 3, 2])],
        [codes((1, 3, 3, 3))],
        {},
    ),
    "CONCATENATION": ("CONCATENATION", [codes(), codes((1, 6, 7, 2))], [codes((1, 6, 7, 7))], {"Axis": 3}),
    "SPLIT": ("SPLIT", [const(1), codes()], [codes((1, 3, 7, 5))] * 2, {"NumSplits": 2}),
    "RESHAPE": ("RESHAPE", [codes(), const([1, 7, 6, 5])], [codes((1, 7, 6, 5))], {}),
    "TRANSPOSE": ("TRANSPOSE", [codes(), const([0, 3, 1, 2])], [codes((1, 5, 6, 7))], {}),
    "QUANTIZE": unary("QUANTIZE", codes(scale=0.3, dtype="int8", zero=-11)),
    "QUANTIZE from 8 bits": unary("QUANTIZE", codes(), codes(scale=0.2, dtype="int8", zero=9)),
    "QUANTIZE from uint8": unary("QUANTIZE", codes(scale=0.3, dtype="int8", zero=-11), codes(scale=0.002)),
    "QUANTIZE to another scale": unary("QUANTIZE", codes(scale=0.0017)),
    "QUANTIZE from 32 bits": unary("QUANTIZE", codes(), codes(scale=2e-8, dtype="int32")),
    "LEAKY_RELU": unary("LEAKY_RELU", codes(scale=0.0009), Alpha=0.3),
    "RELU": unary("RELU", codes(scale=0.0009)),
    "RELU6": unary("RELU6", codes()),
    "LOGISTIC": unary("LOGISTIC", codes(scale=2.0**-15)),
    "LOGISTIC, a power of two": unary("LOGISTIC", codes(scale=2.0**-15), codes(scale=2.0**-12)),
    "TANH": unary("TANH", codes(scale=2.0**-15)),
    "TANH, a power of two": unary("TANH", codes(scale=2.0**-15), codes(scale=2.0**-11)),
    "SOFTMAX": unary("SOFTMAX", codes(scale=2.0**-15), Beta=1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_equal_to_tflite_micro(name: str, tmp_path: Path) -> None:
    kind, inputs, outputs, options = CASES[name]
    path = one_op(tmp_path / "x.tflite", kind, inputs, outputs, **options)
    assert_equal_to("tflm", path, [t for t in inputs if t.data is None])


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_every_code_of_a_function(kind: str, tmp_path: Path) -> None:
    """All 65,536 codes."""
    every = np.arange(-(2**15), 2**15).astype(np.int16).reshape(1, 256, 256, 1)
    shape = (1, 256, 256, 1)
    path = one_op(tmp_path / "x.tflite", kind, [codes(shape, 0.0004)], [codes(shape, 2.0**-15)])
    np.testing.assert_array_equal(simulate(load(path), [every])[0], reference("tflm", path).run([every])[0])


def test_fully_connected_of_a_million(tmp_path: Path) -> None:
    """Sums of 1 to 300 products of random codes, of ends, of small ones; biases of 64 and 32 bits, and none."""
    rng, elements, rows, channels = np.random.default_rng(1), 0, 4096, 64
    for number, (depth, bits) in enumerate([(1, 20), (16, 20), (16, 0), (64, 31), (300, 44)]):
        one_scale = number % 2 > 0
        scales = 0.004 if one_scale else (2.0 ** rng.uniform(-12, -6, channels)).astype(np.float32)
        zeros = 0 if one_scale else np.zeros(channels)
        kernel = const(rng.integers(-127, 128, (channels, depth)), "int8", scales, zeros)
        kind = "int32" if bits == 31 else "int64"
        biases = [
            const(
                rng.integers(-(2 ** min(bits, 29)), 2 ** min(bits, 29), channels) << max(bits - 31, 0), kind, 4e-6
            )
        ]
        given, out = codes((rows, depth)), codes((rows, channels), float(2.0 ** rng.uniform(-11, -8)))
        path = one_op(tmp_path / "op.tflite", "FULLY_CONNECTED", [given, kernel, *biases[: bits > 0]], [out])
        x = rng.integers(-(2**15), 2**15, (rows, depth))
        x[: rows // 4] = rng.choice([-(2**15), 2**15 - 1], (rows // 4, depth))
        x[-rows // 4 :] = rng.integers(-300, 300, (rows // 4, depth))
        x = x.astype(np.int16)
        np.testing.assert_array_equal(simulate(load(path), [x])[0], reference("tflm", path).run([x])[0])
        elements += rows * channels
    assert elements > 10**6


REFUSED: dict[str, tuple[Callable[[], Case], str]] = {
    "zero point": (lambda: unary("RELU", codes(), codes(zero=5)), "zero point 5"),
    "HARD_SWISH": (lambda: unary("HARD_SWISH", codes()), "int16 activations"),
    "depthwise": (
        lambda: windowed("DEPTHWISE_CONV_2D", 5, weights(1, 3, 3, 5, axis=3), bias(5, "int32"), DepthMultiplier=1),
        "bias is int32",
    ),
    "LOGISTIC": (lambda: unary("LOGISTIC", codes(scale=0.001)), "of scale"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    make, problem = REFUSED[name]
    kind, inputs, outputs, options = make()
    path = one_op(tmp_path / "x.tflite", kind, inputs, outputs, **options)
    with pytest.raises(CompileError, match=problem):
        load(path)


def test_of_the_other_profile(tmp_path: Path) -> None:
    path = one_op(tmp_path / "x.tflite", "RELU", [codes()], [codes()])
    with pytest.raises(CompileError, match="int16 with --numerics tflm"):
        load(path, "litert-ref")


@pytest.mark.parametrize("fill", [2**47, -(2**48), 2**62])
def test_biases_that_the_framework_does_not_define_are_refused(fill: int, tmp_path: Path) -> None:
    kernel, biases = weights(4, 1, 1, 5), const([7, fill, 0, -3], "int64", 0.001)
    path = one_op(
        tmp_path / "op.tflite", "CONV_2D", [codes(), kernel, biases], [codes((1, 6, 7, 4), 0.003)], **SAME
    )
    with pytest.raises(CompileError, match="a sum of channel 1 can reach") as refusal:
        load(path)
    assert "CONV_2D" in refusal.value.where
    assert "dead channel" in refusal.value.hint
