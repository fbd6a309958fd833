"""Raw pixels as input: every pixel of every channel gives the code that the model's framework gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net

from ircompile.cli import main
from ircompile.errors import CompileError
from ircompile.importers.ir import write_ir
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.numerics import quantize
from ircompile.ir.simulate import run_graph
from ircompile.passes import normalize
from ircompile.passes.fold_pixels import codes_of_pixels, fold_pixels

IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"


def network(scale: float, zero: int, half_even: bool = False, unsigned: bool = False) -> Graph:
    """Four rows of 64 pixels, so that all 256 fit; a uint8 input as importers give it: with a Flip behind."""
    net = Net((4, 64, 3))
    dtype = "uint8" if unsigned else "int8"
    net.tensors["x"] = replace(net.tensors["x"], scale=scale, zero_point=zero, dtype=dtype)
    net.conv(net.add("flip", ops.Flip(), ("x",), scale, zero - 128) if unsigned else "x", 4, (3, 3), (2, 2))
    graph = net.graph()
    inputs = (replace(graph.inputs[0], dtype="float32", half_even=half_even),)
    return normalize(replace(graph, inputs=inputs))


def every_pixel() -> np.ndarray:
    ramp = np.arange(256).reshape(4, 64)
    return np.stack([ramp, ramp[::-1], (ramp * 7 + 3) % 256], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("half_even", [False, True])
@pytest.mark.parametrize(("unsigned", "zero"), [(False, -14), (True, 114)])
@pytest.mark.parametrize(
    ("mean", "std"), [IMAGENET, ((127.5,), (127.5,)), ((0.0,), (255.0,)), ((10.0, 20.0, 30.0), (1.0,))]
)
def test_the_codes_are_the_framework_s(
    mean: tuple[float, ...], std: tuple[float, ...], unsigned: bool, zero: int, half_even: bool
) -> None:
    graph = network(0.0187, zero, half_even, unsigned)
    folded = normalize(fold_pixels(graph, mean, std))
    pixels = every_pixel()
    real = (pixels.astype(np.float32) - np.float32(mean)) / np.float32(std)
    codes = quantize(real, 0.0187, zero, "uint8" if unsigned else "int8", half_even)
    assert np.array_equal(codes_of_pixels(graph, mean, std, pixels), codes)
    out = graph.output_names[0]
    assert np.array_equal(run_graph(folded, {"x": pixels})[out], run_graph(graph, {"x": codes})[out])
    assert folded.tensors["x"].dtype == folded.inputs[0].dtype == "uint8"
    assert [type(node.op).__name__ for node in folded.nodes] == ["PixelTable", "Conv"]
    tables = folded.consts[folded.nodes[0].op.tables]  # type: ignore[union-attr]
    assert len(tables) == (1 if len(set(mean)) == len(set(std)) == 1 else 3)


def test_a_forgotten_std_is_noticed() -> None:
    """Most pixels are the lowest or the highest code then; with the std they are not."""
    (notice,) = fold_pixels(network(1 / 127.5, 0), (127.5,), (1.0,)).notices
    assert notice == "with this --mean and --std 254 of 256 pixels become the lowest or the highest code"
    assert fold_pixels(network(1 / 127.5, 0), (127.5,), (127.5,)).notices == ()


@pytest.mark.parametrize(
    ("scale", "zero", "mean", "std"),
    [(1 / 255, -128, 0.0, 255.0), (1.0, 0, 128.0, 1.0), (1.0, -128, 0.0, 1.0), (2 / 255, 0, 128.0, 127.5)],
)
def test_where_codes_are_pixels_less_128_it_is_an_xor(scale: float, zero: int, mean: float, std: float) -> None:
    folded = normalize(fold_pixels(network(scale, zero), (mean,), (std,)))
    assert [type(node.op).__name__ for node in folded.nodes] == ["Flip", "Conv"]
    assert (folded.tensors["x"].scale, folded.tensors["x"].zero_point) == (scale, zero + 128)


def test_a_uint8_model_that_takes_pixels_as_they_are_stays() -> None:
    graph = network(1 / 255, 0, unsigned=True)
    folded = normalize(fold_pixels(graph, (0.0,), (255.0,)))
    assert [node.op for node in folded.nodes] == [node.op for node in graph.nodes]


def test_half_way_is_not_an_xor() -> None:
    """(p - 127.5) / 127.5 at scale 1 / 127.5 lies half-way between two codes: away from zero, -127.5 is -128."""
    folded = normalize(fold_pixels(network(1 / 127.5, -1), (127.5,), (127.5,)))
    assert [type(node.op).__name__ for node in folded.nodes] == ["PixelTable", "Conv"]


@pytest.mark.toolchain
@pytest.mark.parametrize("mean", [(127.5,), IMAGENET[0]])
def test_the_ladder_with_pixels(mean: tuple[float, ...], tmp_path: Path) -> None:
    folded = normalize(fold_pixels(network(0.0187, -14), mean, IMAGENET[1]))
    for mode in ("resident", "rows"):
        rungs = ("gcc", "cortex-m4", "cortex-m55") if mode == "resident" else ("clang", "cortex-m0plus")
        climb(folded, tmp_path / mode, mode, [{"x": every_pixel()}], rungs)  # type: ignore[arg-type]


@pytest.mark.thorough
def test_the_command_line_folds_and_verifies_against_the_framework(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    words = [str(EXAMPLE), "--target", "host", "--mean", "33.3", "--std", "77.7"]
    assert main([*words, "-o", str(tmp_path / "out"), "--name", "net"]) == 0
    header = (tmp_path / "out" / "net.h").read_text()
    assert "uint8_t *net_input(void *arena);" in header
    assert main(["verify", *words, "--on", "numpy", "--against", "ort"]) == 0
    assert "graph = ort        equal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mean", "std", "says"),
    [
        ((1.0, 2.0), (1.0,), "2 values .supported: one, or one a channel of 3"),
        ((1.0,), (0.0,), "--std above 0"),
        ((float("nan"),), (1.0,), "finite numbers"),
        ((1.0,), (-3.0,), "--std above 0"),
    ],
)
def test_numbers_that_make_no_sense(mean: tuple[float, ...], std: tuple[float, ...], says: str) -> None:
    with pytest.raises(CompileError, match=says):
        fold_pixels(network(0.1, 3), mean, std)


def test_words_that_are_no_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ir(network(0.1, 3), tmp_path / "net.ir")
    assert main([str(tmp_path / "net.ir"), "--target", "host", "--mean", "1;2"]) == 2
    assert "no list of numbers" in capsys.readouterr().err


def test_several_inputs_are_refused() -> None:
    graph = network(0.1, 3)
    with pytest.raises(CompileError, match="2 inputs"):
        fold_pixels(replace(graph, inputs=graph.inputs * 2), (1.0,), (1.0,))
