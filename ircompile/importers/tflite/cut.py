"""A TFLite model cut at tensors of its inside, which become its outputs."""

from collections.abc import Sequence
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.importers.findings import NoTensor
from ircompile.importers.tflite.reader import TfModel, TfOperator


def cut_at(model: TfModel, names: Sequence[str]) -> TfModel:
    """The model whose outputs are the tensors `names`, without operators and inputs that they do not need.

    Raises CompileError where an operator computes no tensor of that name, or several do.
    """
    if not names:
        return model
    outputs = tuple(_index(model, name) for name in names)
    needed, before = set(outputs), set[int]()
    while needed != before:  # what a variable is set to may be computed behind the operator that reads it
        before = set(needed)
        for operator in reversed(model.operators):
            if _is_needed(operator, needed):
                needed |= set(operator.inputs)
    kept = tuple(operator for operator in model.operators if _is_needed(operator, needed))
    inputs = tuple(index for index in model.inputs if index in needed)
    return replace(model, operators=kept, inputs=inputs, outputs=outputs)


def _is_needed(operator: TfOperator, needed: set[int]) -> bool:
    """Whether an operator gives any of these tensors, or sets one of these variables."""
    sets = operator.kind == "ASSIGN_VARIABLE" and operator.inputs[:1] and operator.inputs[0] in needed
    return bool(needed & set(operator.outputs) or sets or operator.kind == "CALL_ONCE")


def _index(model: TfModel, name: str) -> int:
    """The tensor of a name."""
    computed = [index for operator in model.operators for index in operator.outputs]
    found = [index for index in dict.fromkeys(computed) if model.tensors[index].name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise CompileError(f"--outputs {name}", f"{len(found)} tensors have this name", "names of one tensor")
    known = [model.tensors[index].name for index in computed]
    raise NoTensor(name, known)
