"""What models hold beside plain operators: tiles of rank 5, GELU, constant parts and outputs, Vela's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_compare import assert_equal_to, reference, simulate
from tflite_files import Op, T, const, one_op, write

from ircompile.errors import CompileError
from ircompile.importers import load


def codes(*shape: int, scale: float = 0.07, zero: int = 11) -> T:
    return T(shape, "int8", scale, zero)


def test_upsampling_as_keras_writes_it(tmp_path: Path) -> None:
    """UpSampling2D: RESHAPE to rank 5 or 6, TILE or BROADCAST_TO, RESHAPE."""
    for kind in ("TILE", "BROADCAST_TO"):
        split, wide = (1, 4, 1, 5, 3), (1, 4, 2, 5, 3)
        last = const((1, 1, 2, 1, 1) if kind == "TILE" else wide)
        tensors = [codes(1, 4, 5, 3), const(split), codes(*split), last, codes(*wide), const((1, 8, 5, 3))]
        tensors.append(codes(1, 8, 5, 3))
        ops = [Op("RESHAPE", [0, 1], [2]), Op(kind, [2, 3], [4]), Op("RESHAPE", [4, 5], [6])]
        assert_equal_to("litert-ref", write(tmp_path / "up.tflite", tensors, ops, [0], [6]), tensors[:1])


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_of_every_code(approximate: bool, tmp_path: Path) -> None:
    given = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        scales = np.exp(rng.uniform(np.log(0.001), np.log(0.5), 2))
        x, y = (codes(1, 256, scale=float(s), zero=int(rng.integers(-128, 128))) for s in scales)
        path = one_op(tmp_path / "gelu.tflite", "GELU", [x], [y], Approximate=approximate)
        (ours,), (theirs,) = simulate(load(path, "litert-ref"), [given]), reference("litert-ref", path).run([given])
        np.testing.assert_array_equal(ours, theirs)


def test_a_concatenation_with_computed_zeros(tmp_path: Path) -> None:
    """An audio front end pads a spectrum with FILL and CONCATENATION: constants that the converter did not fold."""
    for axis in (0, 1, 2):
        fill = [4, 5, 6]
        fill[axis] = 3
        joined = [4, 5, 6]
        joined[axis] = 4 + [4, 5, 6][axis] + 3
        first = list(fill)
        first[axis] = 1
        tensors = [
            codes(4, 5, 6), const(fill), const(-7, "int8", 0.07, 11), codes(*fill),
            const(np.full(first, 9), "int8", 0.07, 11), codes(*joined),
        ]  # fmt: skip
        ops = [Op("FILL", [1, 2], [3]), Op("CONCATENATION", [3, 4, 0, 3], [5], {"Axis": axis})]
        joined[axis] = 1 + [4, 5, 6][axis] + 6
        tensors[5] = codes(*joined)
        assert_equal_to("tflm", write(tmp_path / "fill.tflite", tensors, ops, [0], [5]), tensors[:1])


def test_constant_parts_that_differ_are_refused(tmp_path: Path) -> None:
    for part in (const([[1, 2, 3]], "int8", 0.07, 11), const([[1, 1, 1]], "int8", 0.05, 11)):
        path = one_op(tmp_path / "part.tflite", "CONCATENATION", [codes(1, 3), part], [codes(1, 6)], Axis=1)
        with pytest.raises(CompileError, match="constants of one value"):
            load(path)


def test_an_output_that_is_constant_is_left_to_the_caller(tmp_path: Path) -> None:
    """SSD networks give their anchors beside boxes and scores."""
    anchors, floats = const(np.arange(8).reshape(1, 8), "int8", 0.1, 0), T((1, 8), "float32")
    tensors = [codes(1, 8), codes(1, 8), anchors, floats]
    ops = [Op("RELU", [0], [1]), Op("DEQUANTIZE", [2], [3])]
    graph = load(write(tmp_path / "anchors.tflite", tensors, ops, [0], [1, 3]))
    assert [external.name for external in graph.outputs] == ["t1"]
    (notice,) = graph.notices
    assert "an output that is constant in the file" in notice


def test_a_file_that_vela_compiled_is_named(tmp_path: Path) -> None:
    path = one_op(tmp_path / "vela.tflite", "CUSTOM ethos-u", [codes(1, 8)], [codes(1, 8)])
    with pytest.raises(CompileError, match="Vela has compiled") as caught:
        load(path)
    assert "before Vela ran" in caught.value.hint
