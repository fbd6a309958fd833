"""Read and cut TFLite flatbuffers, to run one operator of a model alone.

Works on the object API of the schema module which each framework brings along, so that a cut model
is written by the very schema that reads it.
"""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from ircompile.errors import CompileError
from ircompile.verification.references.base import Operator, read_model


class TfliteFile:
    """A TFLite model taken apart: its operators, its tensors, and models of one operator each."""

    def __init__(self, path: Path, schema: Any) -> None:
        self.path = path
        self.data = read_model(path)
        self._schema = schema
        names = vars(schema.BuiltinOperator).items()
        self._kinds = {code: name for name, code in names if not name.startswith("_")}
        self._model = _unpack(path, self.data, schema)
        self._graph = self._model.subgraphs[0]
        if self._settle():
            self.data = pack(self._model)
        self.inputs: tuple[int, ...] = tuple(int(i) for i in self._graph.inputs)
        self.outputs: tuple[int, ...] = tuple(int(i) for i in self._graph.outputs)
        self.operators = tuple(self._describe(index) for index in range(len(self._graph.operators or [])))

    def _settle(self) -> bool:
        """Makes constants of inputs that only ask TRANSPOSE_CONV for its output's shape; whether there were any."""
        known = {int(index): self._shape_asked(int(index)) for index in self._graph.inputs}
        for index, shape in known.items():
            if shape is not None:
                buffer = self._schema.BufferT()
                buffer.data = np.array(shape, "<i4").view(np.uint8)
                self._graph.tensors[index].buffer = len(self._model.buffers)
                self._model.buffers.append(buffer)
        self._graph.inputs = [index for index, shape in known.items() if shape is None]
        return len(self._graph.inputs) < len(known)

    def _shape_asked(self, index: int) -> Any:
        readers = [operator for operator in self._graph.operators or [] if index in operator.inputs]
        if not readers or any(self._kind(r) != "TRANSPOSE_CONV" or r.inputs[0] != index for r in readers):
            return None
        return self._graph.tensors[readers[0].outputs[0]].shape

    def activations(self) -> tuple[int, ...]:
        """The tensors which hold run-time values: the model's inputs and every operator's outputs."""
        found = dict.fromkeys(self.inputs)
        for operator in self._graph.operators or []:
            found.update(dict.fromkeys(int(i) for i in operator.outputs if i >= 0))
        return tuple(found)

    def tensor_name(self, index: int) -> str:
        """The name the file gives a tensor; need not be unique, can be empty."""
        name = self._graph.tensors[index].name or b""
        return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)

    def elements(self) -> int:
        """How many elements all tensors of the model have, a bound for sizing arenas."""
        shapes = [() if tensor.shape is None else tensor.shape for tensor in self._graph.tensors]
        return sum(math.prod(max(1, int(extent)) for extent in shape) for shape in shapes)

    def cut(self, index: int) -> bytes:
        """A model of operator `index` alone: its activations become the model's inputs and outputs."""
        source = self._graph.operators[index]
        used = list(dict.fromkeys(int(i) for i in [*source.inputs, *source.outputs] if i >= 0))
        place = {old: new for new, old in enumerate(used)}
        buffers = [self._schema.BufferT()]
        tensors = []
        for old in used:
            tensor = copy.copy(self._graph.tensors[old])
            tensor.buffer = 0
            if self._constant(old):
                tensor.buffer = len(buffers)
                buffers.append(self._model.buffers[self._graph.tensors[old].buffer])
            tensors.append(tensor)
        operator = copy.copy(source)
        operator.opcodeIndex = 0
        operator.inputs = [place[int(i)] if i >= 0 else -1 for i in source.inputs]
        operator.outputs = [place[int(i)] for i in source.outputs]
        graph = self._schema.SubGraphT()
        graph.name = "operator"
        graph.tensors, graph.operators = tensors, [operator]
        graph.inputs = [place[int(key)] for key in self.operators[index].inputs]
        graph.outputs = list(operator.outputs)
        model = self._schema.ModelT()
        model.version = self._model.version
        model.operatorCodes = [self._model.operatorCodes[source.opcodeIndex]]
        model.subgraphs, model.buffers = [graph], buffers
        return pack(model)

    def upto(self, outputs: Sequence[int], inputs: Sequence[str]) -> bytes:
        """The model with these tensors as its outputs, without the operators that they do not need.

        It keeps the inputs of these names, also those that only a removed operator read; and all operators of a
        model with variables, as any of them may compute what a variable is set to.
        """
        needed, kept = set(outputs), []
        remembers = any(operator.kind == "VAR_HANDLE" for operator in self.operators)
        for operator in reversed(self._graph.operators or []):
            if remembers or needed & {int(i) for i in operator.outputs}:
                needed |= {int(i) for i in operator.inputs}
                kept.append(copy.copy(operator))
        codes = sorted({operator.opcodeIndex for operator in kept})  # frameworks refuse unknown ones, used or not
        codes = list(range(len(self._model.operatorCodes))) if remembers else codes  # its other subgraphs use them
        for operator in kept:
            operator.opcodeIndex = codes.index(operator.opcodeIndex)
        graph, model = copy.copy(self._graph), copy.copy(self._model)
        graph.operators, graph.outputs = kept[::-1], list(outputs)
        graph.inputs = [i for i in self.inputs if self.tensor_name(i) in inputs]
        others = self._model.subgraphs[1:] if remembers else []
        model.subgraphs, model.signatureDefs = [graph, *others], None
        model.operatorCodes = [self._model.operatorCodes[code] for code in codes]
        return pack(model)

    def _constant(self, index: int) -> bool:
        data = self._model.buffers[self._graph.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def _kind(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        return self._kinds.get(max(int(code.builtinCode), int(code.deprecatedBuiltinCode)), "UNKNOWN")

    def _describe(self, index: int) -> Operator:
        operator = self._graph.operators[index]
        activations = (int(i) for i in operator.inputs if i >= 0 and not self._constant(int(i)))
        outputs = tuple(int(i) for i in operator.outputs)
        return Operator(
            index=index,
            kind=self._kind(operator),
            name=self.tensor_name(outputs[0]) if outputs else "",
            inputs=tuple(str(i) for i in dict.fromkeys(activations)),
            outputs=tuple(str(i) for i in outputs),
        )


def pack(model: Any) -> bytes:
    """The flatbuffer of a schema's `ModelT`."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _unpack(path: Path, data: bytes, schema: Any) -> Any:
    try:
        if data[4:8] != b"TFL3":
            raise ValueError("no TFL3 identifier")
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        if not model.subgraphs or model.subgraphs[0].inputs is None or model.subgraphs[0].outputs is None:
            raise ValueError("no subgraph with inputs and outputs")
    except Exception as error:  # a damaged flatbuffer raises struct.error, IndexError, TypeError, ...
        raise CompileError(
            str(path), f"is not a readable TFLite model ({error})", "a TFLite flatbuffer, schema version 3",
            "check that the file is complete",
        ) from error  # fmt: skip
    return model
