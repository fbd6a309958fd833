"""ONNX Runtime against recorded outputs, and its operators alone against the whole and against a formula."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Load = Callable[[str, str], Any]
Golden = Callable[[str], dict[str, Any]]

MODELS = [
    "kaijiang_vww_mnv1_qdq.onnx",
    "kaijiang_ic_resnet8_qdq.onnx",  # int8 with residuals: partly float by default
    "kaijiang_ad_autoencoder_qdq.onnx",
    "mnv2_035_128_flowers_qdq_s8s8_pc.onnx",
    "mnv2_035_128_flowers_qdq_sym.onnx",
    "mnv2_035_128_flowers_qop_u8s8_pc.onnx",
    "emmtrix_micro_kws_m_qoperator.onnx",  # QOperator with int8 activations
]


@pytest.mark.parametrize("model", MODELS)
def test_run_equals_recorded_outputs(model: str, load: Load, golden: Golden) -> None:
    reference, recorded = load("ort", model), golden(model)
    for tag in ("rand", "real"):
        if f"{tag}_x0" not in recorded:
            continue
        results = reference.run([recorded[f"{tag}_x0"]])
        for index, result in enumerate(results):
            np.testing.assert_array_equal(result, recorded[f"{tag}_y{index}_optall"])
        inner = reference.intermediates([recorded[f"{tag}_x0"]])
        np.testing.assert_array_equal(inner[reference.fused.graph.output[0].name], recorded[f"{tag}_y0_optall"])


def test_every_convolution_of_an_int8_model_is_an_integer_one(load: Load, golden: Golden) -> None:
    model = "mnv2_035_128_flowers_qdq_s8s8_pc.onnx"
    reference = load("ort", model)
    kinds = [operator.kind for operator in reference.operators]
    assert kinds.count("QLinearConv") == 52
    assert kinds.count("QLinearAdd") == 10
    assert "Conv" not in kinds
    values = reference.intermediates([golden(model)["rand_x0"]])
    convolution = reference.operators[kinds.index("QLinearConv")]
    assert values[convolution.outputs[0]].dtype == np.int8


def test_flip_is_its_own_inverse() -> None:
    pytest.importorskip("onnxruntime")
    from ircompile.verification.references.ort import flip

    codes = np.arange(-128, 128).astype(np.int8)
    assert flip(codes).tolist() == list(range(256))
    np.testing.assert_array_equal(flip(flip(codes)), codes)
