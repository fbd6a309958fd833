"""A TFLite model cut at tensors of its inside, which become its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.importers.findings import no_tensor
from ircompile.importers.tflite.reader import TfModel


def cut_at(model: TfModel, names: Sequence[str]) -> TfModel:
    """The model whose outputs are the tensors `names`, without operators and inputs that they do not need.

    Raises CompileError where an operator computes no tensor of that name, or several do.
    """
    if not names:
        return model
    outputs = tuple(_index(model, name) for name in names)
    needed, kept = set(outputs), []
    for operator in reversed(model.operators):
        if needed & set(operator.outputs):
            needed |= set(operator.inputs)
            kept.append(operator)
    inputs = tuple(index for index in model.inputs if index in needed)
    return replace(model, operators=tuple(reversed(kept)), inputs=inputs, outputs=outputs)


def _index(model: TfModel, name: str) -> int:
    """The tensor of a name."""
    computed = [index for operator in model.operators for index in operator.outputs]
    found = [index for index in dict.fromkeys(computed) if model.tensors[index].name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise CompileError(f"--outputs {name}", f"{len(found)} tensors have this name", "names of one tensor")
    known = [model.tensors[index].name for index in computed]
    raise no_tensor(name, known)
