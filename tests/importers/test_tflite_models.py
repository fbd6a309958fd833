"""Real TFLite models: recorded outputs, and the frameworks on other inputs; 0 differing bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_compare import PATTERNS, patterned, reference, simulate

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.importers.ir import read_ir, write_ir
from ircompile.ir.graph import Graph
from ircompile.passes import normalize

FOLDER = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[3] / "shared" / "models")
REFUSED = {"tflm_keyword_scrambled_8bit": "SVDF", "tflm_mnist_lstm_int8": "UNIDIRECTIONAL_SEQUENCE_LSTM"}
MODELS = sorted(path for path in FOLDER.glob("*.tflite") if path.stem not in REFUSED)
UNSIGNED = ("coral_deeplabv3_mnv2_dm05", "coral_mobilenet_v1_025_128_uint8")  # TFLite Micro has no uint8 kernels
SLOW = ("cfu_hps_74ops", "infineon_deeplabv3_mnv3", "mcunet_320kb_1mb_imagenet", "openmv_blazeface_front_128")
LARGE = (*UNSIGNED, "coral_tf2_mobilenet_v2_100_224_ptq", "openmv_fast_depth_224")

needs_models = pytest.mark.skipif(not MODELS, reason="no models: set IRCOMPILE_MODELS to a folder of them")


def inputs_for(graph: Graph, rng: np.random.Generator, pattern: str) -> list[Any]:
    found = []
    for external in graph.inputs:
        tensor = graph.tensors[external.tensor]
        codes = patterned(rng, external.shape, tensor.dtype, pattern)
        if external.dtype == "float32":
            codes = (codes.astype(np.float32) - np.float32(tensor.zero_point)) * np.float32(tensor.scale)
        found.append(codes)
    return found


@pytest.mark.thorough
@needs_models
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_recorded_outputs(path: Path) -> None:
    with np.load(FOLDER / "golden" / f"{path.stem}.npz") as archive:
        recorded = dict(archive)
    graph = normalize(load(path))
    for tag in ("real",) if path.stem in LARGE else ("rand", "real"):
        if f"{tag}_x0" not in recorded:
            continue
        given = [recorded[f"{tag}_x{n}"].reshape(e.shape) for n, e in enumerate(graph.inputs)]
        for number, ours in enumerate(simulate(graph, given)):
            expected = recorded[f"{tag}_y{number}"]
            assert ours.dtype == expected.dtype
            np.testing.assert_array_equal(ours, expected.reshape(ours.shape))


def marked(path: Path) -> Any:
    return pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in (*LARGE, *SLOW) else [])


@pytest.mark.thorough
@needs_models
@pytest.mark.parametrize("profile", ["tflm", "litert-ref"])
@pytest.mark.parametrize("path", [marked(path) for path in MODELS])
def test_equal_to_the_framework(path: Path, profile: str) -> None:
    if profile == "tflm" and path.stem in UNSIGNED:
        pytest.skip("TFLite Micro has no uint8 convolution")
    if profile == "litert-ref" and path.stem == "tflm_person_detect":
        pytest.skip("LiteRT refuses its bias quantized_dimension")
    oracle, graph = reference(profile, path), normalize(load(path, profile))
    rng = np.random.default_rng(1)
    for pattern in PATTERNS[: 1 if path.stem in LARGE else 2]:
        given = inputs_for(graph, rng, pattern)
        for ours, theirs in zip(simulate(graph, given), oracle.run(given), strict=True):
            np.testing.assert_array_equal(ours.reshape(-1), theirs.reshape(-1), err_msg=pattern)


@pytest.mark.thorough
@needs_models
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_through_our_own_format(path: Path, tmp_path: Path) -> None:
    graph = normalize(load(path))
    write_ir(graph, tmp_path / "model.ir")
    again = read_ir(tmp_path / "model.ir")
    assert (again.nodes, again.inputs, again.outputs) == (graph.nodes, graph.inputs, graph.outputs)
    assert set(again.consts) == set(graph.consts)
    assert all(np.array_equal(again.consts[name], value) for name, value in graph.consts.items())


@needs_models
@pytest.mark.parametrize(("stem", "reason"), REFUSED.items())
def test_refused(stem: str, reason: str) -> None:
    with pytest.raises(CompileError, match=reason):
        load(FOLDER / f"{stem}.tflite")
