"""The ONNX graph as plain data: nodes in execution order, constants, sizes of inputs; nothing dead, no cycle."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import helper

from ircompile.errors import CompileError
from ircompile.importers.damaged_files import printable
from ircompile.importers.findings import NoTensor
from ircompile.importers.onnx import proto
from ircompile.ir.tensor import Array

HINT_SHAPE = "export it with fixed sizes; python -m onnxruntime.tools.make_dynamic_shape_fixed sets them in a file"


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """One node of the file. `kind` is the operator, of whatever domain; a missing input is ''.

    A QLinearConv is read as a Conv between quantizers: then `label` keeps the file's name of the operator.
    """

    index: int
    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    label: str = ""

    @property
    def where(self) -> str:
        """The node as messages and `Node.source` name it."""
        return f"node {self.index} {self.name or self.outputs[0]!r} {self.label or self.kind}"

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or its default."""
        return self.attributes.get(name, default)

    def ints(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An attribute that is a list of integers of the default's length; raises CompileError otherwise."""
        value = tuple(self.get(name, ()) or default)
        if len(value) != len(default) or not all(isinstance(v, int) and abs(v) < 2**31 for v in value):
            raise CompileError(self.where, f"attribute {name} is {value!r}", f"{len(default)} integers")
        return value

    def axis(self, rank: int, default: int) -> int:
        """The attribute `axis`, not negative; raises CompileError outside of the rank."""
        given = self.get("axis", default)
        axis = given if given >= 0 else given + rank
        if not 0 <= axis < rank:
            raise CompileError(self.where, f"axis {given} of a tensor of rank {rank}", "axes of the tensor")
        return int(axis)


@dataclass(frozen=True)
class Port:
    """A graph input or output as declared: dtype by NumPy's name, '' where it is not given."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Model:
    """A whole file."""

    path: Path
    name: str
    opset: int
    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def read_model(path: Path, cut: Sequence[str] = ()) -> Model:
    """Reads a file, up to the tensors `cut` if they are given.

    Raises CompileError where it is damaged, cyclic or of unknown size, or computes no tensor of a name.
    """
    model = proto.load(path)
    version = proto.opset(model, path)
    graph, folder = model.graph, path.parent
    nodes = [_raw(index, node, folder, version) for index, node in enumerate(graph.node)]
    declared = {value.name: _loose(value) for value in (*graph.value_info, *graph.output)}
    computed = [name for node in nodes for name in node.outputs if name]
    for name in cut:
        if name not in computed:
            raise NoTensor(name, computed)
    outputs = list(cut) or [o.name for o in graph.output]
    live = _live(nodes, outputs, str(path))
    needed = {name for node in live for name in node.inputs} | set(outputs)
    constants = {i.name: proto.to_array(i, folder, f"{path}") for i in graph.initializer if i.name in needed}
    inputs = [i for i in graph.input if i.name not in constants and i.name in needed]
    ends = tuple(declared.get(name, Port(name, (), "")) for name in outputs)
    return Model(
        path, graph.name, version, tuple(_sorted(live, {*constants, *(i.name for i in inputs), ""}, str(path))),
        constants, tuple(map(_port, inputs)), ends,
    )  # fmt: skip


def _raw(index: int, node: Any, folder: Path, version: int) -> OnnxNode:
    kind, name = printable(node.op_type), printable(node.name)
    where = f"node {index} {name or ''.join(node.output[:1])!r} {kind}"
    if not node.output:
        raise CompileError(where, "has no output")
    proto.check_form(node, version, where)
    attributes = proto.attributes(node, folder, where)
    return OnnxNode(index, kind, name, tuple(node.input), tuple(node.output), attributes)


def _live(nodes: Sequence[OnnxNode], outputs: Sequence[str], path: str) -> list[OnnxNode]:
    """The nodes that an output depends on, in the file's order; raises CompileError where two write one name."""
    writer: dict[str, OnnxNode] = {}
    for node in nodes:
        for name in node.outputs:
            if name and name in writer:
                raise CompileError(node.where, f"writes {name!r}, which {writer[name].where} writes", "one writer")
            writer[name] = node
    wanted, found = [o for o in outputs if o in writer], set[int]()
    while wanted:
        node = writer[wanted.pop()]
        if node.index not in found:
            found.add(node.index)
            wanted += [name for name in node.inputs if name in writer]
    return [node for node in nodes if node.index in found]


def _sorted(nodes: Sequence[OnnxNode], known: set[str], path: str) -> Iterator[OnnxNode]:
    """The nodes in an order in which they can run, near the file's own."""
    readers: dict[str, list[int]] = {}
    missing: list[int] = []
    made = {name for node in nodes for name in node.outputs}
    for position, node in enumerate(nodes):
        absent = {name for name in node.inputs if name not in known}
        if not absent <= made:
            raise CompileError(node.where, f"reads {sorted(absent - made)[0]!r}, which nothing writes", path)
        missing.append(len(absent))
        for name in absent:
            readers.setdefault(name, []).append(position)
    ready = [position for position, count in enumerate(missing) if not count]
    done = 0
    while ready:
        position = heapq.heappop(ready)
        done += 1
        yield nodes[position]
        for name in nodes[position].outputs:
            for reader in readers.get(name, []):
                missing[reader] -= 1
                if not missing[reader]:
                    heapq.heappush(ready, reader)
    if done < len(nodes):
        stuck = next(node for node, count in zip(nodes, missing, strict=True) if count)
        raise CompileError(stuck.where, "depends on its own output", "graphs without cycles")


def _port(value: Any) -> Port:
    """An input with every size known: the batch is 1, others from the file."""
    where, name = f"input {value.name!r}", value.name
    if not value.type.HasField("tensor_type"):
        raise CompileError(where, "is no tensor", "tensors")
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        raise CompileError(where, "has no shape", "known sizes", HINT_SHAPE)
    sizes = [d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim]
    if len(sizes) > 1 and sizes[0] < 1:
        sizes[0] = 1
    for axis, size in enumerate(sizes):
        if size < 1:
            label = kind.shape.dim[axis].dim_param or "unknown"
            raise CompileError(where, f"dimension {axis} ({label}) has no size", "known sizes", HINT_SHAPE)
    if proto.product(sizes) > proto.MAX_ELEMENTS:
        raise CompileError(where, f"shape {sizes}", "up to 2^26 elements")
    return Port(name, tuple(sizes), _dtype(kind.elem_type))


def _loose(value: Any) -> Port:
    """An output; its declared sizes are not relied on."""
    kind = value.type.tensor_type
    return Port(value.name, (), _dtype(kind.elem_type))


def _dtype(elem_type: int) -> str:
    try:
        return str(helper.tensor_dtype_to_np_dtype(elem_type)) if elem_type else ""
    except (KeyError, ValueError):
        return ""
