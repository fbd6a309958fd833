"""Nodes against the schemas of ONNX's own operators: how many operands, and attributes of which type."""

from __future__ import annotations

from typing import Any

import onnx

from ircompile.errors import CompileError

STANDARD = ("", "ai.onnx")
TYPES: dict[int, str] = {number: name for name, number in onnx.AttributeProto.AttributeType.items()}
HINT = "onnx.checker.check_model tells what else is wrong with the file"


def check_form(node: Any, version: int, where: str) -> None:
    """Raises CompileError where a node has not the form that its operator has in opset `version`.

    Operators of other domains than ONNX's own have no schema here, and pass.
    """
    if node.domain not in STANDARD or not onnx.defs.has(node.op_type, version, ""):
        return
    schema = onnx.defs.get_schema(node.op_type, version, "")
    low, high = schema.min_input, schema.max_input
    if not low <= len(node.input) <= high:
        count = f"{low}" if low == high else f"{low} to {high}" if high < 2**31 - 1 else f"{low} and more"
        raise CompileError(where, f"has {len(node.input)} operands", count, HINT)
    for name, formal in zip(node.input, schema.inputs, strict=False):
        if not name and formal.option == onnx.defs.OpSchema.FormalParameterOption.Single:
            raise CompileError(where, f"has no operand {formal.name!r}", "all that its operator needs", HINT)
    given = {attribute.name: attribute for attribute in node.attribute}
    for name, known in schema.attributes.items():
        if name in given and given[name].type != known.type.value:
            kind = TYPES.get(given[name].type, "unknown")
            raise CompileError(where, f"attribute {name} is of type {kind}", known.type.name, HINT)
        if known.required and name not in given:
            raise CompileError(where, f"has no attribute {name!r}", "all that its operator needs", HINT)
