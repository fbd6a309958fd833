"""The two TFLite references against recorded outputs, and single operators against the whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ircompile.errors import CompileError
from ircompile.verification.references import base, open_reference

Load = Callable[[str, str], Any]
Golden = Callable[[str], dict[str, Any]]

MODELS = [
    "mlperf_vww_96_int8.tflite",
    "mlperf_ic_resnet8_int8.tflite",
    "mlperf_kws_dscnn_int8.tflite",
    "mlperf_ad01_int8.tflite",
    "tflm_person_detect.tflite",  # LiteRT refuses this one
    "cfu_mnv2_035_160_person.tflite",
    "mcunet_vww_tinyengine.tflite",  # float at both ends, two MEANs behind a TRANSPOSE
    "tinymaix_mbnet128_025.tflite",  # the shape of a RESHAPE computed at run time
]


def outputs(golden: dict[str, Any], tag: str) -> list[Any]:
    return [golden[key] for key in sorted(golden) if key.startswith(f"{tag}_y")]


@pytest.mark.parametrize("model", MODELS)
def test_tflm_equals_recorded_outputs(model: str, load: Load, golden: Golden) -> None:
    reference, recorded = load("tflm", model), golden(model)
    for tag in ("rand", "real"):
        results = reference.run([recorded[f"{tag}_x0"]])
        for result, expected in zip(results, outputs(recorded, tag), strict=True):
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["tflm", "litert-ref"])
@pytest.mark.parametrize("model", MODELS)
def test_each_operator_alone_gives_what_it_gave_in_the_model(
    name: str, model: str, load: Load, golden: Golden
) -> None:
    if (name, model) == ("litert-ref", "tflm_person_detect.tflite"):
        pytest.skip("LiteRT refuses its bias quantized_dimension")
    reference = load(name, model)
    values = reference.intermediates([golden(model)["rand_x0"]])
    for operator in reference.operators:
        results = reference.run_operator(operator.index, [values[key] for key in operator.inputs])
        for key, result in zip(operator.outputs, results, strict=True):
            np.testing.assert_array_equal(result, values[key], err_msg=f"{operator}")


def test_the_two_references_part_only_on_fully_connected(load: Load, golden: Golden) -> None:
    """LiteRT rounds FULLY_CONNECTED once, TFLite Micro twice."""
    model = "mlperf_ad01_int8.tflite"
    tflm, litert = load("tflm", model), load("litert-ref", model)
    values = tflm.intermediates([golden(model)["real_x0"]])
    differing = 0
    for operator in tflm.operators:
        inputs = [values[key] for key in operator.inputs]
        (ours,), (theirs,) = (r.run_operator(operator.index, inputs) for r in (tflm, litert))
        difference = np.abs(ours.astype(int) - theirs.astype(int))
        assert difference.max() <= 1
        differing += int((difference > 0).sum())
    assert differing > 0


def test_arena_is_the_published_one(load: Load) -> None:
    use = load("tflm", "mlperf_vww_96_int8.tflite").arena_use()
    assert use.head == 73728
    assert 20_000 < use.tail < 40_000  # differs a little between releases


def test_more_buffers_than_the_preserving_planner_holds(load: Load, golden: Golden) -> None:
    model = "cfu_hps_74ops.tflite"
    reference, recorded = load("tflm", model), golden(model)
    values = reference.intermediates([recorded["real_x0"]])
    np.testing.assert_array_equal(values[str(reference.file.outputs[0])], recorded["real_y0"])


def test_wrong_input_is_an_error_not_an_abort(load: Load) -> None:
    reference = load("tflm", "mlperf_vww_96_int8.tflite")
    with pytest.raises(ValueError, match="wanted int8"):
        reference.run([np.zeros((1, 96, 96, 3), np.uint8)])
    with pytest.raises(ValueError, match="0 inputs given, 1 wanted"):
        reference.run([])


@pytest.mark.parametrize("name", ["tflm", "litert-ref", "ort"])
def test_bad_files_are_named(name: str, tmp_path: Path) -> None:
    pytest.importorskip({"tflm": "tflite_micro", "litert-ref": "ai_edge_litert", "ort": "onnxruntime"}[name])
    with pytest.raises(CompileError, match="cannot be read"):
        open_reference(name, tmp_path / "absent")
    bad = tmp_path / "bad"
    bad.write_bytes(b"\x08\x00\x00\x00TFL3" + bytes(range(64)))
    with pytest.raises(CompileError, match="not a readable"):
        open_reference(name, bad)


def test_unknown_reference(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="tflm, litert-ref, ort"):
        open_reference("xnnpack", tmp_path / "model.tflite")


def test_missing_package_says_how_to_install() -> None:
    with pytest.raises(CompileError, match=r"hint: pip install 'ircompile\[verify\]'"):
        base.require("ircompile_has_no_such_module", "no-such-package", "model.tflite")
