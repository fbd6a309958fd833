"""Damaged and hostile TFLite and IR files: an answer, or one clear error, within moments and little memory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz_files import attempt, inference
from nets import Net
from onnx_files import Net as OnnxNet
from tflite_files import Op, T, const, one_op, write

import ircompile
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.importers.ir import read_ir, write_ir
from ircompile.importers.onnx import folding
from ircompile.report.support import check_model


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", ["tflite", "onnx", "ir"])
@pytest.mark.parametrize("first", range(0, 200, 50))
def test_damaged_files(kind: str, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxruntime")  # which quantizes the files that are then damaged
    monkeypatch.setattr(folding.subprocess, "run", inference)
    ends = {attempt(kind, seed, tmp_path) for seed in range(first, first + 50)}
    assert ends == {"read", "refused"}


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", [88702920, 88707179])
def test_scales_whose_codes_are_shifted_by_more_than_64_bits(seed: int, tmp_path: Path) -> None:
    assert attempt("onnx", seed, tmp_path, whole=True) == "compiled"


def refused(path: Path) -> str:
    """The error of a file, which `check` gives, too."""
    assert not check_model(path).supported
    with pytest.raises(CompileError) as caught:
        ircompile.compile(str(path), "cortex-m4")
    return str(caught.value)


def codes(*shape: int) -> T:
    return T(shape, "int8", 0.1, 3)


def test_an_output_that_is_the_input(tmp_path: Path) -> None:
    x = codes(1, 4, 4, 2)
    path = write(tmp_path / "same.tflite", [x, codes(1, 4, 4, 2)], [Op("QUANTIZE", [0], [1])], [0], [1])
    assert "no operator that computes anything" in refused(path)
    path = write(tmp_path / "none.tflite", [x], [], [0], [0])
    assert "no operator that computes anything" in refused(path)


def test_an_operator_that_writes_its_own_input(tmp_path: Path) -> None:
    path = write(tmp_path / "own.tflite", [codes(1, 4)], [Op("DEQUANTIZE", [0], [0])], [0], [0])
    assert "a second time" in refused(path)


def test_a_signature_longer_than_the_shape(tmp_path: Path) -> None:
    x = T((), "int8", 0.1, 3, signature=(-1, 4))
    refused(one_op(tmp_path / "rank.tflite", "MEAN", [x, const([1])], [codes(1)]))


def test_sizes_out_of_all_proportion(tmp_path: Path) -> None:
    huge = codes(1, 2**28 - 1)
    path = one_op(tmp_path / "wide.tflite", "RELU", [huge], [huge])
    assert "has shape (1, 1, 268435455)" in refused(path)
    options = {"StrideW": 1, "StrideH": 1, "FilterWidth": 2**28, "FilterHeight": 2, "Padding": 0}
    x = codes(1, 4, 4, 1)
    path = one_op(tmp_path / "pool.tflite", "MAX_POOL_2D", [x], [x], **options)
    assert "MaxPool" in refused(path)


def test_a_window_mostly_in_padding_is_looked_at_in_moments(tmp_path: Path) -> None:
    options = {"StrideW": 1, "StrideH": 1, "FilterWidth": 40_000, "FilterHeight": 1, "Padding": 0}
    x = codes(1, 1, 60_000, 1)
    refused(one_op(tmp_path / "pool.tflite", "AVERAGE_POOL_2D", [x], [x], **options))


def test_a_kind_of_an_onnx_node_cannot_steer_a_terminal(tmp_path: Path) -> None:
    net = OnnxNet()
    y = net.node("\x1b[31mRelu", net.qdq(net.input([1, 4]), 0.1))
    net.output(net.qdq(y, 0.1))
    text = refused(net.save(tmp_path, "kind.onnx"))
    assert "?[31mRelu" in text
    assert text.replace("\n", " ").isprintable()


def test_an_attribute_cannot_steer_a_terminal(tmp_path: Path) -> None:
    net = OnnxNet()
    sizes = net.const([1, 1, 4, 4], np.int64)
    x = net.qdq(net.input([1, 1, 2, 2]), 0.1)
    y = net.node("Resize", x, "", "", sizes, coordinate_transformation_mode="\x1b[31m")
    net.output(net.qdq(y, 0.1))
    assert "coordinate_transformation_mode ?[31m" in refused(net.save(tmp_path, "attribute.onnx"))


def test_names_cannot_steer_a_terminal(tmp_path: Path) -> None:
    x = T((1, 4), "int8", 0.1, 3, name="\x1b[31mred\x07\u202e")
    path = one_op(tmp_path / "name.tflite", "UNIQUE", [x], [x])
    assert "'?[31mred??'" in refused(path)
    graph = load(one_op(tmp_path / "relu.tflite", "RELU", [x], [codes(1, 4)]))
    assert graph.inputs[0].name == "?[31mred??"


@pytest.fixture
def ir(tmp_path: Path) -> Path:
    net = Net((6, 6, 3))
    net.conv("x", 4, (3, 3))
    path = tmp_path / "net.ir"
    write_ir(net.graph(), path)
    return path


def changed(ir: Path, old: str, new: str) -> str:
    text = ir.read_text()
    assert old in text
    ir.write_text(text.replace(old, new))
    return refused(ir)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(6, 6, 3)", "(6, None, 3)"),
        ("(6, 6, 3)", "(6, 6.0, 3)"),
        ("(6, 6, 3)", "[6, 6, 3]"),
        ("kernel=(3, 3)", "kernel=('3', 3)"),
        ("kernel=(3, 3)", "kernel=(0, 3)"),
        ("scale=0.05", "scale=nan"),
        ("rounding='double'", "rounding='triple'"),
        ("low=-128", "low=300"),
        ("weights='", "weights='x"),
        ("Conv(", "Window("),
        ("dtype='int8'", "dtype='int64'"),
        ("axes=(1, 2, 3)", "axes=(1, 1, 3)"),
        ("axes=(1, 2, 3)", "axes=(1, 2, 9)"),
        ("stride=(1, 1)", "stride=(99999999, 1)"),
        ("numerics=tflm", "numerics=none"),
        ("output ", "notice "),
        ("input ", "tensor "),
    ],
)
def test_values_of_other_types(old: str, new: str, ir: Path) -> None:
    text = changed(ir, old, new)
    assert "ircompile failed" not in text


def test_two_nodes_of_one_name(tmp_path: Path) -> None:
    net = Net((6, 6, 3))
    net.conv(net.conv("x", 4, (3, 3)), 4, (3, 3))
    graph = net.graph()
    path = tmp_path / "net.ir"
    write_ir(graph, path)
    first, second = (node.name for node in graph.nodes)
    assert "two nodes called" in changed(path, f"node {second} ", f"node {first} ")


def rewritten(ir: Path, name: str, data: bytes) -> str:
    constants = ir.with_suffix(".npz")
    with zipfile.ZipFile(constants) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    found = next(part for part in parts if name in part)
    with zipfile.ZipFile(constants, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, data if part == found else content)
    return refused(ir)


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_constants_of_other_kinds(ir: Path) -> None:
    (scale,) = (name for name in read_ir(ir).consts if name.startswith("s"))
    assert "no number" in rewritten(ir, scale, saved(np.full(4, np.nan)))
    assert "constant of float32" in rewritten(ir, scale, saved(np.ones(4, np.float32)))
    assert "biases" in rewritten(ir, scale, saved(np.ones(3)))
    vast = saved(np.ones(4)).replace(b"(4,)", b"(9" + b"9" * 12 + b",)").replace(b" " * 13 + b"\n", b"\n")
    assert "is damaged" in rewritten(ir, scale, vast)
    assert "is damaged" in rewritten(ir, scale, b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((  ")


@pytest.mark.thorough
def test_constants_that_are_no_archive(ir: Path) -> None:
    constants = ir.with_suffix(".npz")
    data = bytearray(constants.read_bytes())
    for place in range(30, len(data), 5):
        broken = data.copy()
        broken[place] ^= 0x5A
        constants.write_bytes(broken)
        try:
            load(ir)
        except CompileError:
            continue
    constants.write_bytes(b"")
    assert "is damaged" in refused(ir)
    with zipfile.ZipFile(constants, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", bytes(2**27 + 1))
    assert "bytes of constants" in refused(ir)


def test_windows_that_take_in_more_than_can_be_computed(tmp_path: Path) -> None:
    x = codes(1, 1000, 1000, 16)
    options = {"StrideW": 1, "StrideH": 1, "FilterWidth": 999, "FilterHeight": 999}
    for kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        assert "its windows take in" in refused(one_op(tmp_path / "pool.tflite", kind, [x], [x], **options))
