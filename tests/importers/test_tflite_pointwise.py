"""Element-wise operators and functions of one code, one operator a file, against the frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_compare import assert_equal_to, reference, simulate
from tflite_files import Op, T, const, one_op, write

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.ir.ops import Table
from ircompile.passes import normalize

SHAPE = (1, 5, 7, 3)
BROADCASTS = [
    (SHAPE, SHAPE),
    (SHAPE, (1, 1, 1, 3)),
    ((1, 1, 1, 1), SHAPE),
    (SHAPE, (1, 5, 1, 1)),
    ((1, 4, 1, 3), (1, 1, 2, 3)),
    ((1, 9), (1, 9)),
    ((1, 6, 4), (1, 6, 4)),
]
PROFILES = [("tflm", "int8"), ("litert-ref", "int8"), ("litert-ref", "uint8")]


def quantized(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "int8", scale: float | None = None
) -> T:
    info = np.iinfo(dtype)
    zero = int(rng.choice([info.min, info.max, int(rng.integers(info.min, info.max + 1))]))
    return T(shape, dtype, float(rng.uniform(0.01, 0.2)) if scale is None else scale, zero)


def codes(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape)


@pytest.mark.thorough
@pytest.mark.parametrize(("profile", "dtype"), PROFILES)
@pytest.mark.parametrize("shapes", BROADCASTS)
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_arithmetic(kind: str, shapes: tuple[Any, Any], profile: str, dtype: str, tmp_path: Path) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        a, b = (quantized(rng, shape, dtype) for shape in shapes)
        y = quantized(rng, np.broadcast_shapes(*shapes), dtype)
        path = one_op(tmp_path / "op.tflite", kind, [a, b], [y], FusedActivationFunction=(0, 1, 3)[seed])
        assert_equal_to(profile, path, [a, b])


@pytest.mark.parametrize(("profile", "dtype"), PROFILES)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1, 3), (1, 5, 7, 1), SHAPE])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_arithmetic_with_a_constant(
    kind: str, first: bool, shape: tuple[int, ...], profile: str, dtype: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(len(shape))
    x, constant = quantized(rng, SHAPE, dtype), const(codes(rng, shape, dtype), dtype, 0.03, 7)
    operands = [constant, x] if first else [x, constant]
    path = one_op(tmp_path / "op.tflite", kind, operands, [quantized(rng, SHAPE, dtype)], FusedActivationFunction=0)
    graph = assert_equal_to(profile, path, [x])
    assert (
        isinstance(graph.nodes[-1].op, Table) == (int(np.prod(shape)) == 1 and dtype == "int8") or dtype == "uint8"
    )


@pytest.mark.parametrize("operand", [SHAPE, (3,), ()])
@pytest.mark.parametrize("kind", ["MINIMUM", "MAXIMUM"])
def test_extremes_of_two(kind: str, operand: tuple[int, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = T(SHAPE, "int8", 0.1, 3)
    other = x if operand == SHAPE else const(codes(rng, operand, "int8"), "int8", 0.1, 3)
    given = [x, x] if operand == SHAPE else [x]
    assert_equal_to("tflm", one_op(tmp_path / "op.tflite", kind, [x, other], [x]), given)


@pytest.mark.parametrize("slopes", [(1, 1, 3), (1, 1, 1), (5, 7, 3)])
@pytest.mark.parametrize(("profile", "dtype"), PROFILES)
def test_prelu(profile: str, dtype: str, slopes: tuple[int, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = quantized(rng, SHAPE, dtype), quantized(rng, SHAPE, dtype)
    alpha = const(codes(rng, slopes, dtype), dtype, 0.01, 9)
    assert_equal_to(profile, one_op(tmp_path / "op.tflite", "PRELU", [x, alpha], [y]), [x])


FUNCTIONS = [
    "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "TANH", "LOGISTIC", "ELU", "HARD_SWISH", "QUANTIZE",
    "LEAKY_RELU", "ABS",
]  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize(("profile", "dtype"), PROFILES)
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_function_of_every_code(kind: str, profile: str, dtype: str, tmp_path: Path) -> None:
    others = {"ELU": "tflm", "RELU_N1_TO_1": "litert-ref", "RELU_0_TO_1": "litert-ref"}
    if others.get(kind, profile) != profile or (kind == "ABS" and dtype == "uint8"):
        pytest.skip("the framework has no such kernel")
    info, shape = np.iinfo(dtype), (1, 1, 1, 256)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        scale = float(np.exp(rng.uniform(np.log(0.001), np.log(0.5))))
        x, y = quantized(rng, shape, dtype, scale), quantized(rng, shape, dtype)
        options: dict[str, Any] = {}
        if kind == "LEAKY_RELU":
            options["Alpha"] = float(rng.choice([0.1, 0.3, 1.5, -0.2] if profile == "tflm" else [0.1, 0.3, 1.5]))
        elif kind == "HARD_SWISH":
            y = quantized(rng, shape, dtype, scale * float(rng.uniform(0.3, 1.2)))
        elif kind == "LOGISTIC":
            y = T(shape, dtype, 1 / 256, info.min)
        elif kind == "TANH":
            y = T(shape, dtype, 1 / 128, info.min + 128)
        path = one_op(tmp_path / "op.tflite", kind, [x], [y], **options)
        given = [np.arange(info.min, info.max + 1).astype(dtype).reshape(shape)]
        (ours,) = simulate(normalize(load(path, profile)), given)
        (theirs,) = reference(profile, path).run(given)
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{x} {y} {options}")


@pytest.mark.parametrize("profile", ["tflm", "litert-ref"])
@pytest.mark.parametrize("power", [4, 6, 8, 10])
def test_curves_at_ties(power: int, profile: str, tmp_path: Path) -> None:
    """At scales of powers of two TFLite Micro's fixed point and LiteRT's float32 part."""
    shape, given = (1, 1, 1, 256), [np.arange(-128, 128).astype(np.int8).reshape(1, 1, 1, 256)]
    for kind, y in (("LOGISTIC", T(shape, "int8", 1 / 256, -128)), ("TANH", T(shape, "int8", 1 / 128, 0))):
        for zero in (-128, 0, 127):
            path = one_op(tmp_path / "op.tflite", kind, [T(shape, "int8", 2.0**-power, zero)], [y])
            (ours,), (theirs,) = simulate(load(path, profile), given), reference(profile, path).run(given)
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{kind} {zero}")


@pytest.mark.parametrize(("source", "target"), [("uint8", "int8"), ("int8", "uint8")])
@pytest.mark.parametrize("equal", [False, True])
def test_quantize_between_signed_and_unsigned(source: str, target: str, equal: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    x = quantized(rng, SHAPE, source)
    moved = x.zero + (128 if source == "int8" else -128)
    y = T(SHAPE, target, x.scale, moved) if equal else quantized(rng, SHAPE, target)
    graph = assert_equal_to("tflm", one_op(tmp_path / "op.tflite", "QUANTIZE", [x], [y]), [x])
    assert len(graph.nodes) == (1 if equal else 2)  # the Flip at the end, and the Table


@pytest.mark.parametrize("divisor", [-128, -127, -1, 1, 2, 3, 39, 127])
def test_division_by_a_constant(divisor: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(divisor % 7)
    shape = (1, 1, 1, 250)
    x = T(shape, "int8", 0.05, -128)
    y = quantized(rng, shape, scale=x.scale / (0.03 * abs(divisor)) * 1.3)
    path = one_op(tmp_path / "op.tflite", "DIV", [x, const([divisor], "int8", 0.03)], [y])
    # Near 0 the reference shifts by 32 and more, which C leaves undefined.
    given = [np.arange(-122, 128).astype(np.int8).reshape(shape)]
    (ours,), (theirs,) = simulate(normalize(load(path)), given), reference("tflm", path).run(given)
    np.testing.assert_array_equal(ours, theirs)


# A sum of 512 and more, all codes of 512 channels being equal, makes the reference stop at an assertion.
@pytest.mark.thorough
@pytest.mark.parametrize("channels", [1, 2, 5, 511])
@pytest.mark.parametrize("scale", [0.001, 0.05, 0.3, 3.0])
@pytest.mark.parametrize(("profile", "dtype"), PROFILES)
def test_softmax(profile: str, dtype: str, scale: float, channels: int, tmp_path: Path) -> None:
    info = np.iinfo(dtype)
    x, y = T((1, 2, 3, channels), dtype, scale, 5), T((1, 2, 3, channels), dtype, 1 / 256, info.min)
    for beta in (1.0, 0.5):
        assert_equal_to(profile, one_op(tmp_path / "op.tflite", "SOFTMAX", [x], [y], Beta=beta), [x])


def test_chains_of_functions_become_one_table(tmp_path: Path) -> None:
    """The preprocessing of cfu_mnv2: MUL and SUB by scalars; then a rectifier."""
    rng = np.random.default_rng(6)
    tensors = [
        quantized(rng, SHAPE), const(40, "int8", 0.02), quantized(rng, SHAPE), const([3], "int8", 0.4, -2),
        quantized(rng, SHAPE), quantized(rng, SHAPE),
    ]  # fmt: skip
    ops = [Op("MUL", [0, 1], [2]), Op("SUB", [2, 3], [4]), Op("RELU", [4], [5])]
    graph = assert_equal_to("tflm", write(tmp_path / "net.tflite", tensors, ops, [0], [5]), [tensors[0]])
    assert [type(node.op).__name__ for node in graph.nodes] == ["Table"]
    assert graph.nodes[0].op.function == "mul, sub, relu"  # type: ignore[union-attr]


@pytest.mark.parametrize("zero", [-128, -1, 0, 127])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 5), (1, 4, 6), (1, 3, 2, 300), (1, 8, 64, 3)])
def test_l2_normalization(shape: tuple[int, ...], zero: int, tmp_path: Path) -> None:
    """On any codes, and on those near the zero point, of which some pixels have no length or a length of one."""
    x, y = T(shape, "int8", 0.05, zero), T(shape, "int8", 1 / 128, 0)
    path = one_op(tmp_path / "op.tflite", "L2_NORMALIZATION", [x], [y])
    assert_equal_to("tflm", path, [x])
    oracle, graph, rng = reference("tflm", path), load(path), np.random.default_rng(zero + 128)
    for reach in (1, 2, 3):
        near = np.clip(zero + rng.integers(-reach, reach + 1, shape), -128, 127).astype(np.int8)
        np.testing.assert_array_equal(simulate(graph, [near])[0], oracle.run([near])[0])


@pytest.mark.thorough
def test_l2_normalization_of_a_million(tmp_path: Path) -> None:
    """1.8 million elements: random codes, the ends of their range, and codes near the zero point."""
    pixels = {1: 4096, 2: 65536, 3: 40000, 4: 30000, 7: 20000, 16: 10000, 64: 2500, 128: 1500, 300: 700, 1001: 200,
              4096: 60, 32768: 4}  # fmt: skip
    rng, elements = np.random.default_rng(0), 0
    for number, (channels, count) in enumerate(pixels.items()):
        zero, shape = (0, -128, 5, 127)[number % 4], (1, 1, count, channels)
        tensors = [T(shape, "int8", 0.05, zero)], [T(shape, "int8", 1 / 128, 0)]
        path, part = one_op(tmp_path / "op.tflite", "L2_NORMALIZATION", *tensors), count // 4
        given = rng.integers(-128, 128, shape)
        given[0, 0, :part] = np.clip(zero + rng.integers(-2, 3, (part, channels)), -128, 127)
        given[0, 0, part : 2 * part] = rng.choice([-128, 127], (part, channels))
        given = given.astype(np.int8)
        np.testing.assert_array_equal(simulate(load(path), [given])[0], reference("tflm", path).run([given])[0])
        elements += given.size
    assert elements > 10**6


def test_l2_normalization_of_another_scale(tmp_path: Path) -> None:
    x, y = T((1, 4), "int8", 0.05, 0), T((1, 4), "int8", 1 / 127, 0)
    with pytest.raises(CompileError, match="1/128"):
        load(one_op(tmp_path / "op.tflite", "L2_NORMALIZATION", [x], [y]))
