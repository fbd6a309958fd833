"""Files that a mutation damaged: what each kind of damage is told as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx_files import Net, refused, small

from ircompile.errors import CompileError
from ircompile.importers.onnx.check import check_onnx


@pytest.mark.parametrize("field", ["op_type", "name", "output", "domain"])
def test_names_that_are_no_text(field: str, tmp_path: Path) -> None:
    """protobuf hands on a name that is no UTF-8 as bytes."""
    net, x = small()
    y = net.node("HardSigmoid", x, domain="com.microsoft")
    net.nodes[-1].name = "block_of_letters"
    net.output(net.qdq(y, 0.05, 0))
    value = getattr(net.nodes[-3], field) or getattr(net.nodes[2], field)
    word = (value[0] if field == "output" else value).encode()
    path = tmp_path / "net.onnx"
    path.write_bytes(net.model().SerializeToString().replace(word, b"\x80" * len(word)))
    refused(path, "is no text")
    with pytest.raises(CompileError):
        check_onnx(path)


def test_batch_of_four_is_checked(tmp_path: Path) -> None:
    """`check` tells of the batch; it cannot go on with a tensor that has four long axes."""
    net = Net(1)
    x = net.qdq(net.input([4, 3, 8, 8]), 0.05, 0)
    y = net.qdq(net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3]), 0.05, 0)
    net.output(net.qdq(net.node("Relu", y), 0.05, 0))
    findings = check_onnx(net.save(tmp_path))
    assert [f.name for f in findings if "batch 1" in f.supported] == ["x"]
    refused(net.save(tmp_path), "batch 1")


def test_an_output_that_is_an_input(tmp_path: Path) -> None:
    net, x = small()
    net.output(net.qdq(net.node("Relu", x), 0.05, 0))
    net.output(x)
    refused(net.save(tmp_path), "is an input of the model")


def test_an_attribute_without_a_value(tmp_path: Path) -> None:
    net, x = small()
    y = net.node("HardSigmoid", x)
    net.nodes[-1].attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.TYPE_PROTO))
    net.output(net.qdq(y, 0.05, 0))
    refused(net.save(tmp_path), "attribute alpha is of type TYPE_PROTO")


def test_a_location_that_is_too_long(tmp_path: Path) -> None:
    net, x = small()
    y = net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3])
    net.output(net.qdq(y, 0.05, 0))
    for location in ("a" * 5000, "a/" * 3000 + "b", "../b", "a\0b"):
        model = net.model()
        tensor = model.graph.initializer[2]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=location))
        path = tmp_path / "net.onnx"
        path.write_bytes(model.SerializeToString())
        refused(path)


def test_a_size_below_zero_does_not_end_the_process(tmp_path: Path) -> None:
    """ONNX's own shape inference aborts on a Slice of a tensor of negative size."""
    net, x = small()
    y = net.node("Conv", x, net.weights(4, 3, 2, 2), kernel_shape=[2, 2], dilations=[32768, 1])
    y = net.node("Slice", y, *(net.const([v]) for v in (0, 1, 2, 1)))
    net.output(net.qdq(net.node("Reshape", y, net.node("Shape", y)), 0.05, 0))
    refused(net.save(tmp_path))
    check_onnx(net.save(tmp_path))


def test_complex_constants_are_refused(tmp_path: Path) -> None:
    net, x = small()
    net.output(net.qdq(net.node("Mul", x, net.const(1 + 2j, "complex64")), 0.05, 0))
    refused(net.save(tmp_path), "is complex")


def _one_operand(node: Any) -> None:
    del node.input[1:]


def _no_first_operand(node: Any) -> None:
    node.input[0] = ""


def _list_for_a_number(node: Any) -> None:
    node.attribute.append(onnx.helper.make_attribute("group", [1, 2]))


def _unknown_type(node: Any) -> None:
    node.attribute.append(onnx.AttributeProto(name="auto_pad", type=0))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_one_operand, "has 1 operands (supported: 2 to 3)"),
        (_no_first_operand, "has no operand 'X'"),
        (_list_for_a_number, "attribute group is of type INTS (supported: INT)"),
        (_unknown_type, "attribute auto_pad"),
    ],
)
def test_forms_that_an_operator_has_not(damage: Callable[[Any], None], told: str, tmp_path: Path) -> None:
    net, x = small()
    y = net.node("Conv", x, net.weights(4, 3, 3, 3), kernel_shape=[3, 3])
    damage(net.nodes[-1])
    net.output(net.qdq(y, 0.05, 0))
    refused(net.save(tmp_path), "Conv", told)


def test_an_attribute_that_is_needed(tmp_path: Path) -> None:
    net, x = small()
    net.output(net.qdq(net.node("DepthToSpace", x), 0.05, 0))
    refused(net.save(tmp_path), "DepthToSpace", "has no attribute 'blocksize'")


def test_bounds_of_two_numbers(tmp_path: Path) -> None:
    net, x = small()
    net.output(net.qdq(net.node("Clip", x, net.const([0.1, 0.2], np.float32)), 0.05, 0))
    refused(net.save(tmp_path), "Clip", "its bounds are 2 and 1 numbers")
