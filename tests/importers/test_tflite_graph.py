"""What the TFLite importer makes of a file: names, ends, layouts, folded arithmetic, notices."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tflite_compare import assert_equal_to, simulate
from tflite_files import Op, T, const, one_op, write

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.importers.ir import parse_ir, print_ir
from ircompile.importers.tflite import LOWERINGS, legality
from ircompile.ir.graph import Graph
from ircompile.ir.names import Names, short
from ircompile.ir.validate import validate
from ircompile.passes import normalize

RNG = np.random.default_rng(0)
CONV = {
    "Padding": 0, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1,
    "FusedActivationFunction": 1,
}  # fmt: skip


def kinds(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


def weights(*shape: int) -> T:
    return const(RNG.integers(-127, 128, shape), "int8", 0.01)


def test_the_text_of_a_small_network(tmp_path: Path) -> None:
    tensors = [
        T((1, 4, 4, 2), "int8", 0.5, -1, name="serving_default_image:0"),
        const(np.ones((3, 3, 3, 2)), "int8", [0.25, 0.5, 1.0]),
        T((1, 4, 4, 3), "int8", 0.5, -128, name="model/stem_conv/Relu;model/stem_bn/FusedBatchNormV3"),
        T((1, 1, 1, 3), "int8", 0.5, -128, name="model/average_pooling2d/AvgPool"),
        const([1, 3]), T((1, 3), "int8", 0.5, -128, name="model/flatten/Reshape"),
        const(np.ones((2, 3)), "int8", 0.125), T((1, 2), "int8", 0.5, 4, name="StatefulPartitionedCall:0"),
    ]  # fmt: skip
    pool = {"Padding": 1, "StrideH": 4, "StrideW": 4, "FilterHeight": 4, "FilterWidth": 4}
    ops = [
        Op("CONV_2D", [0, 1], [2], CONV), Op("AVERAGE_POOL_2D", [2], [3], pool), Op("RESHAPE", [3, 4], [5]),
        Op("FULLY_CONNECTED", [5, 6], [7]),
    ]  # fmt: skip
    graph = normalize(load(write(tmp_path / "tiny.tflite", tensors, ops, [0], [7])))
    text = re.sub(r"scale='\w+'", "scale='...'", print_ir(graph))
    assert text == (
        "graph tiny numerics=tflm\n"
        "tensor serving_default_image (4, 4, 2) int8 scale=0.5 zero_point=-1\n"
        "tensor stem_conv (4, 4, 3) int8 scale=0.5 zero_point=-128\n"
        "tensor average_pooling2d (1, 1, 3) int8 scale=0.5 zero_point=-128\n"
        "tensor fc_3 (1, 1, 2) int8 scale=0.5 zero_point=4\n"
        "input IoBinding(tensor='serving_default_image', name='serving_default_image:0', shape=(1, 4, 4, 2), "
        "dtype='int8', axes=(1, 2, 3), half_even=False)\n"
        "node stem_conv = Conv(window=Window(kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1), dilation=(1, 1)), "
        "weights='stem_conv_weights', bias='stem_conv_bias', requant=Requant(rounding='double', scale='...', "
        "zero_point=-128, low=-128, high=127)) "
        "(serving_default_image) -> stem_conv  "
        "# node 0 'model/stem_conv/Relu;model/stem_bn/FusedBatchNormV3' CONV_2D\n"
        "node average_pooling2d = Mean(axes='hw', rounding='code', low=-128, high=127, lookup=None) "
        "(stem_conv) -> "
        "average_pooling2d  # node 1 'model/average_pooling2d/AvgPool' AVERAGE_POOL_2D\n"
        "node fc_3 = Conv(window=Window(kernel=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1)), "
        "weights='fc_3_weights', bias='fc_3_bias', requant=Requant(rounding='double', scale='...', zero_point=4, "
        "low=-128, high=127)) "
        "(average_pooling2d) -> fc_3  # node 3 'StatefulPartitionedCall:0' FULLY_CONNECTED\n"
        "output IoBinding(tensor='fc_3', name='StatefulPartitionedCall:0', shape=(1, 2), dtype='int8', "
        "axes=(-1, -1, 1), half_even=False)\n"
    )
    assert print_ir(parse_ir(print_ir(graph), dict(graph.consts))) == print_ir(graph)
    np.testing.assert_array_equal(graph.consts["stem_conv_scale"], [0.25, 0.5, 1.0])
    assert graph.consts["stem_conv_bias"].dtype == np.int32


def test_names() -> None:
    assert short("MobilenetV1/Conv2d_3_pointwise/Relu6", "conv_3") == "Conv2d_3_pointwise"
    assert short("MobilenetV1/MobilenetV1/Conv2d_0/Relu6", "dw_0") == "Conv2d_0"
    assert short("net/block_3/conv2d_7/Relu6", "conv_3") == "block_3"
    assert short("model/block_1_expand/Conv2D;model/b/FusedBatchNormV3", "x") == "block_1_expand"
    assert short("model/add_2/add", "add_2") == "add_2"
    assert short("", "conv_0") == "conv_0"
    assert short("b3/dw;x", "f") == "dw"
    assert short("14/Größe des Kopfs!", "f") == "Gr_e_des_Kopfs"
    assert short("net/3x3", "conv_7") == "conv_7_3x3"
    names = Names()
    assert [names.unique(n) for n in ("a", "A", "a", "a_2", "b")] == ["a", "A_2", "a_3", "a_2_2", "b"]


@pytest.mark.thorough
def test_names_stay_unique_and_quick(tmp_path: Path) -> None:
    """Thousands of tensors of one name, and names that differ only in what is no letter."""
    tensors = [T((1, 2, 2, 1), "int8", 0.1, 0, name=n) for n in ["x", *["same name", "same-name"] * 1500]]
    ops = [Op("RELU", [n], [n + 1]) for n in range(3000)]
    graph = load(write(tmp_path / "net.tflite", tensors, ops, [0], [3000]))
    assert len({name.lower() for name in graph.tensors}) == len(graph.tensors) == 3001


def test_unsigned_ends(tmp_path: Path) -> None:
    """uint8 at both ends, int8 within, as the TF2 converter writes it: a Flip at each end and nothing else."""
    tensors = [
        T((1, 3, 3, 2), "uint8", 0.1, 130), T((1, 3, 3, 2), "int8", 0.1, 2), weights(4, 1, 1, 2),
        T((1, 3, 3, 4), "int8", 0.2, -5), T((1, 3, 3, 4), "uint8", 0.2, 123),
    ]  # fmt: skip
    ops = [Op("QUANTIZE", [0], [1]), Op("CONV_2D", [1, 2], [3], CONV), Op("QUANTIZE", [3], [4])]
    graph = assert_equal_to("tflm", write(tmp_path / "net.tflite", tensors, ops, [0], [4]), [tensors[0]])
    assert kinds(graph) == ["Flip", "Conv", "Flip"]
    first, last = graph.tensors[graph.input_names[0]], graph.tensors[graph.output_names[0]]
    assert (first.dtype, first.zero_point, last.dtype, last.zero_point) == ("uint8", 130, "uint8", 123)
    assert [e.dtype for e in (*graph.inputs, *graph.outputs)] == ["uint8", "uint8"]


@pytest.mark.parametrize(("dtype", "zero"), [("int8", 2), ("uint8", 130)])
def test_float_ends_are_cut(dtype: str, zero: int, tmp_path: Path) -> None:
    x, q = T((1, 3, 3, 2), "float32", name="image"), T((1, 3, 3, 2), dtype, 0.1, zero)
    tensors = [x, q, replace(q, name="relu"), replace(x, name="real"), replace(x, name="softmax")]
    ops = [
        Op("QUANTIZE", [0], [1]), Op("RELU", [1], [2]), Op("DEQUANTIZE", [2], [3]),
        Op("SOFTMAX", [3], [4], {"Beta": 1.0}),
    ]  # fmt: skip
    path = tmp_path / "net.tflite"
    graph = load(write(path, tensors, ops[:3], [0], [3]))
    assert kinds(graph) == ["Table"]
    assert [(e.name, e.dtype) for e in (*graph.inputs, *graph.outputs)] == [
        ("image", "float32"),
        ("real", "float32"),
    ]
    assert {t.dtype for t in graph.tensors.values()} == {"int8"}
    assert graph.notices == ()
    real = RNG.normal(size=x.shape).astype(np.float32)
    (found,) = simulate(graph, [real])
    assert np.abs(found - np.maximum(real, 0)).max() <= 0.051
    cut = load(write(path, tensors, ops, [0], [4]))
    assert [e.name for e in cut.outputs] == ["real"]
    assert cut.notices == ("node 3 'softmax' SOFTMAX: left to the caller, behind the last quantized tensor",)


def test_a_custom_tail_is_cut(tmp_path: Path) -> None:
    """SSD: the raw heads come out with their scales, box decoding stays with the caller."""
    boxes, scores = T((1, 9, 4), "uint8", 0.1, 120, name="boxes"), T((1, 9, 3), "uint8", 1 / 256, 0, name="scores")
    tensors = [
        boxes, scores, replace(boxes, name="b"), replace(scores, name="s"), const(np.ones((9, 4)), "uint8", 0.1),
        T((1, 9, 4), "float32", name="found"), T((1,), "float32", name="count"),
    ]  # fmt: skip
    ops = [
        Op("RELU", [0], [2]),
        Op("LOGISTIC", [1], [3]),
        Op("CUSTOM TFLite_Detection_PostProcess", [2, 3, 4], [5, 6]),
    ]
    graph = load(write(tmp_path / "net.tflite", tensors, ops, [0, 1], [5, 6]))
    assert [(e.name, e.shape, e.dtype) for e in graph.outputs] == [
        ("b", (1, 9, 4), "uint8"),
        ("s", (1, 9, 3), "uint8"),
    ]
    assert "CUSTOM TFLite_Detection_PostProcess: left to the caller" in graph.notices[0]
    with pytest.raises(CompileError, match="CUSTOM Mine"):
        load(write(tmp_path / "net.tflite", [*tensors, boxes], [Op("CUSTOM Mine", [4], [7])], [0, 1], [7]))


def test_outputs_in_the_middle_twice_and_of_an_input(tmp_path: Path) -> None:
    x = T((1, 3, 3, 2), "int8", 0.1, 2)
    tensors = [x, replace(x, scale=0.2), replace(x, scale=0.3)]
    ops = [Op("RELU", [0], [1]), Op("TANH", [1], [2])]
    tensors[2] = replace(x, scale=1 / 128, zero=0)
    path = write(tmp_path / "net.tflite", tensors, ops, [0], [1, 2, 1])
    graph = assert_equal_to("tflm", path, [x])
    assert len(graph.outputs) == 3
    graph = load(write(path, tensors, ops, [0], [0, 2]))
    assert graph.output_names[0] == graph.input_names[0]


def test_unread_and_constant_parts_vanish(tmp_path: Path) -> None:
    """Keras' Reshape: SHAPE, STRIDED_SLICE, PACK; and an operator that nobody reads."""
    x = T((1, 2, 3, 4), "int8", 0.1, 2)
    tensors = [
        x, T((4,), "int32"), const([0]), const([1]), const([1]), T((), "int32"), const(24), T((2,), "int32"),
        T((1, 24), "int8", 0.1, 2), T((1, 24), "int8", 0.2, 2), T((1, 24), "int8", 0.3, 2),
    ]  # fmt: skip
    ops = [
        Op("SHAPE", [0], [1]), Op("STRIDED_SLICE", [1, 2, 3, 4], [5], {"ShrinkAxisMask": 1}),
        Op("PACK", [5, 6], [7], {"ValuesCount": 2}), Op("RESHAPE", [0, 7], [8]), Op("RELU", [8], [9]),
        Op("RELU", [8], [10]),
    ]  # fmt: skip
    graph = assert_equal_to("tflm", write(tmp_path / "net.tflite", tensors, ops, [0], [9]), [x])
    assert kinds(graph) == ["Reshape", "Table"]


def test_transposes_that_only_tell_layout_vanish(tmp_path: Path) -> None:
    """A network in NCHW clothes: the caller's layout is told by `axes`, nothing moves."""
    x, inner = T((1, 2, 5, 6), "int8", 0.1, 2), T((1, 5, 6, 2), "int8", 0.1, 2)
    y, outer = T((1, 5, 6, 4), "int8", 0.2, -3), T((1, 4, 5, 6), "int8", 0.2, -3)
    tensors = [x, const([0, 2, 3, 1]), inner, weights(4, 3, 3, 2), y, const([0, 3, 1, 2]), outer]
    ops = [Op("TRANSPOSE", [0, 1], [2]), Op("CONV_2D", [2, 3], [4], CONV), Op("TRANSPOSE", [4, 5], [6])]
    graph = assert_equal_to("tflm", write(tmp_path / "net.tflite", tensors, ops, [0], [6]), [x])
    assert kinds(graph) == ["Conv"]
    assert graph.inputs[0].axes == graph.outputs[0].axes == (2, 3, 1)
    assert graph.tensors[graph.input_names[0]].shape == (5, 6, 2)


def test_a_chain_of_means_behind_a_transpose(tmp_path: Path) -> None:
    x = T((1, 5, 6, 4), "int8", 0.1, 2)
    tensors = [
        x, const([0, 3, 1, 2]), T((1, 4, 5, 6), "int8", 0.1, 2), const([3]), T((1, 4, 5), "int8", 0.07, 1),
        const([2]), T((1, 4), "int8", 0.05, -9),
    ]  # fmt: skip
    ops = [Op("TRANSPOSE", [0, 1], [2]), Op("MEAN", [2, 3], [4]), Op("MEAN", [4, 5], [6])]
    graph = assert_equal_to("tflm", write(tmp_path / "net.tflite", tensors, ops, [0], [6]), [x])
    assert [(type(n.op).__name__, n.op.axes) for n in graph.nodes] == [("Mean", "w"), ("Mean", "h")]  # type: ignore[union-attr]


def test_a_reshape_that_changes_the_scale_copies_bytes(tmp_path: Path) -> None:
    """The last operator of mcunet_320kb; the frameworks do not requantize there."""
    x, y = T((1, 1, 1, 4), "int8", 0.1, 2), T((1, 4), "int8", 0.3, -7)
    graph = assert_equal_to("tflm", one_op(tmp_path / "net.tflite", "RESHAPE", [x, const([1, 4])], [y]), [x])
    assert "quantized differently" in graph.notices[0]
    assert graph.tensors[graph.output_names[0]].zero_point == -7


def test_squeeze_and_excite(tmp_path: Path) -> None:
    x = T((1, 5, 6, 8), "int8", 0.1, 2)
    tensors = [
        x, const([1, 2]), T((1, 1, 1, 8), "int8", 0.05, 0), weights(4, 1, 1, 8), T((1, 1, 1, 4), "int8", 0.1, -128),
        weights(8, 1, 1, 4), T((1, 1, 1, 8), "int8", 0.1, 0), T((1, 1, 1, 8), "int8", 1 / 256, -128),
        T((1, 5, 6, 8), "int8", 0.08, 5),
    ]  # fmt: skip
    ops = [
        Op("MEAN", [0, 1], [2], {"KeepDims": True}), Op("CONV_2D", [2, 3], [4], CONV),
        Op("CONV_2D", [4, 5], [6], CONV), Op("LOGISTIC", [6], [7]), Op("MUL", [0, 7], [8]),
    ]  # fmt: skip
    graph = assert_equal_to("tflm", write(tmp_path / "net.tflite", tensors, ops, [0], [8]), [x])
    assert kinds(graph) == ["Mean", "Conv", "Conv", "Table", "Binary"]


def test_weights_of_negative_scale(tmp_path: Path) -> None:
    """As some converters write them, mcunet_320kb among them."""
    x, y = T((1, 4, 4, 2), "int8", 0.1, 2), T((1, 4, 4, 3), "int8", 0.3, -7)
    scaled = const(RNG.integers(-127, 128, (3, 3, 3, 2)), "int8", [0.02, -0.03, -0.001])
    assert_equal_to("tflm", one_op(tmp_path / "net.tflite", "CONV_2D", [x, scaled], [y], **CONV), [x])


def test_profiles(tmp_path: Path) -> None:
    path = one_op(tmp_path / "net.tflite", "FULLY_CONNECTED", [T((1, 2), "int8", 0.1, 2), weights(3, 2)],
                  [T((1, 3), "int8", 0.3, -7)])  # fmt: skip
    for profile, rounding in [(None, "double"), ("tflm", "double"), ("litert-ref", "float64_away")]:
        graph = load(path, profile)
        assert graph.numerics == (profile or "tflm")
        assert graph.nodes[0].op.requant.rounding == rounding  # type: ignore[union-attr]
    for wrong in ("ort", "xnnpack"):
        with pytest.raises(CompileError, match=wrong):
            load(path, wrong)


def test_any_file_name(tmp_path: Path) -> None:
    x = T((1, 2, 2, 1), "int8", 0.1, 0)
    path = one_op(tmp_path / "model", "RELU", [x], [x])
    assert validate(load(path)).nodes


def test_every_rule_is_stated() -> None:
    rules = legality()
    assert set(rules) == set(LOWERINGS)
    assert all(rule.endswith(".") and len(rule) > 5 for rule in rules.values())
