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
        np.testing.assert_array_equal(
            reference.run_integer([recorded[f"{tag}_x0"]])[0], recorded[f"{tag}_y0_optall"]
        )


@pytest.mark.parametrize("model", MODELS)
def test_each_operator_alone_gives_what_it_gave_in_the_model(model: str, load: Load, golden: Golden) -> None:
    reference = load("ort", model)
    values = reference.intermediates([golden(model)["rand_x0"]])
    for operator in reference.operators:
        results = reference.run_operator(operator.index, [values[key] for key in operator.inputs])
        for key, result in zip(operator.outputs, results, strict=True):
            np.testing.assert_array_equal(result, values[key], err_msg=f"{operator}")


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


def requantized(accumulator: Any, multiplier: Any, zero_point: int) -> Any:
    scaled = accumulator.astype(np.float32) * np.float32(multiplier)
    return (np.rint(np.clip(scaled, -zero_point, 255 - zero_point)) + zero_point).astype(np.uint8)


@pytest.mark.parametrize("extreme", [False, True])
def test_gemm_and_pointwise_convolution_follow_the_formula(extreme: bool) -> None:
    """With all values extreme, products saturate on processors without VNNI if not guarded against."""
    pytest.importorskip("onnxruntime")
    from ircompile.verification.references import ort_ops

    random = np.random.default_rng(7)
    x = random.integers(0, 256, (6, 96)).astype(np.uint8)
    w = random.integers(-128, 128, (24, 96)).astype(np.int8)
    if extreme:
        x[:] = 255
        w[:] = np.where(np.arange(24) % 2, 127, -128)[:, None]
    bias = random.integers(-5000, 5000, 24).astype(np.int32)
    x_scale, w_scale, y_scale, y_zero_point = np.float32(0.021), np.float32(0.0037), np.float32(0.9), 117
    multiplier = np.float32(x_scale * w_scale) / y_scale
    accumulator = (x.astype(np.int64) - 3) @ w.T.astype(np.int64) + bias
    expected = requantized(accumulator, multiplier, y_zero_point)
    gemm = ort_ops.qgemm(x, x_scale, 3, w, w_scale, 0, y_scale, y_zero_point, bias, {"transB": 1})
    np.testing.assert_array_equal(gemm, expected)
    image = x.T.reshape(1, 96, 2, 3)
    conv = ort_ops.qlinear_conv(
        image, x_scale, 3, w[:, :, None, None], np.full(24, w_scale), 0, y_scale, y_zero_point, bias
    )
    np.testing.assert_array_equal(conv.reshape(24, 6).T, expected)


def test_elementwise_and_pooling_helpers_are_within_one_of_the_real_value() -> None:
    pytest.importorskip("onnxruntime")
    from ircompile.verification.references import ort_ops

    random = np.random.default_rng(3)
    a = random.integers(0, 256, (1, 8, 4, 5)).astype(np.uint8)
    b = random.integers(0, 256, (1, 8, 4, 5)).astype(np.uint8)
    left, right = (a.astype(float) - 12) * 0.5, (b.astype(float) - 200) * 0.25

    def check(result: Any, real: Any, scale: float, zero_point: int) -> None:
        wanted = np.clip(real / scale + zero_point, 0, 255)
        assert result.dtype == np.uint8
        assert np.abs(result - wanted).max() < 1.0

    check(ort_ops.qlinear_binary("QLinearAdd", a, 0.5, 12, b, 0.25, 200, 0.75, 60), left + right, 0.75, 60)
    check(ort_ops.qlinear_binary("QLinearMul", a, 0.5, 12, b, 0.25, 200, 40.0, 128), left * right, 40.0, 128)
    pooled = left.mean(axis=(2, 3), keepdims=True)
    check(ort_ops.qlinear_global_average_pool(a, 0.5, 12, 0.5, 9), pooled, 0.5, 9)
    shape = {"kernel_shape": [4, 5]}
    check(ort_ops.qlinear_average_pool(a, 0.5, 12, 0.5, 9, shape), pooled, 0.5, 9)
    joined = np.concatenate([left, right], axis=1)
    check(ort_ops.qlinear_concat([(a, 0.5, 12), (b, 0.25, 200)], 0.7, 30, 1), joined, 0.7, 30)
    sigmoid = 1 / (1 + np.exp(-(a.astype(float) - 128) * 0.04))
    check(ort_ops.qlinear_sigmoid(a, 0.04, 128, 1 / 256, 0), sigmoid, 1 / 256, 0)
    powers = np.exp((a.astype(float) - 128) * 0.04)
    softmax = powers / powers.sum(axis=-1, keepdims=True)
    check(ort_ops.qlinear_softmax(a, 0.04, 128, 1 / 256, 0), softmax, 1 / 256, 0)


def test_flip_is_its_own_inverse() -> None:
    pytest.importorskip("onnxruntime")
    from ircompile.verification.references.ort import flip

    codes = np.arange(-128, 128).astype(np.int8)
    assert flip(codes).tolist() == list(range(256))
    np.testing.assert_array_equal(flip(flip(codes)), codes)
