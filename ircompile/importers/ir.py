"""ircompile's own format: a text that people can read, NAME.ir, and the constants in NAME.npz beside it.

graph digits numerics=ort
tensor x (32, 32, 1) int8 scale=0.0078125 zero_point=0
input IoBinding(tensor='x', name='input', ...)
node conv1 = Conv(window=Window(kernel=(3, 3), ...), ...) (x) -> y  # 3 Conv
output IoBinding(...)
"""

import ast
import io
import math
import re
import zipfile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from ircompile.errors import CompileError
from ircompile.importers.damaged_files import printable, refusing_damage
from ircompile.ir import ops
from ircompile.ir.graph import Graph, IoBinding, Node, State
from ircompile.ir.numerics import PROFILES, Requant
from ircompile.ir.ops.limits import checked
from ircompile.ir.tensor import Array, Tensor
from ircompile.ir.validate import validate

CLASSES = {cls.__name__: cls for cls in (*ops.OPS, ops.Window, ops.Constant, ops.Lookup, Requant, IoBinding, State)}
T = TypeVar("T")
TEXT_BYTES, CONSTANT_BYTES = 2**24, 2**27
"""What a text and its constants, unpacked, may have; more is refused unread."""
TENSOR = re.compile(r"([A-Za-z0-9_]+) (\(.*\)) (\w+) scale=(\S+) zero_point=(-?\d+)$")
NODE = re.compile(r"([A-Za-z0-9_]+) = (.*) \(([^()]*)\) -> (\S+)(?:  # (.*))?$")


def print_ir(graph: Graph) -> str:
    """The graph as text; with its constants it is the whole of it."""
    lines = [f"graph {graph.name} numerics={graph.numerics}"]
    lines += [f"notice {text}" for text in graph.notices]
    for t in graph.tensors.values():
        lines.append(f"tensor {t.name} {t.shape} {t.dtype} scale={t.scale!r} zero_point={t.zero_point}")
    lines += [f"state {state!r}" for state in graph.states]
    lines += [f"input {external!r}" for external in graph.inputs]
    for node in graph.nodes:
        comment = f"  # {node.source}" if node.source else ""
        lines.append(f"node {node.name} = {node.op!r} ({', '.join(node.inputs)}) -> {node.output}{comment}")
    lines += [f"output {external!r}" for external in graph.outputs]
    return "\n".join(lines) + "\n"


def write_ir(graph: Graph, path: Path) -> None:
    """Writes NAME.ir and NAME.npz beside it, byte for byte the same for the same graph."""
    path.write_text(print_ir(graph))
    with zipfile.ZipFile(path.with_suffix(".npz"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(graph.consts):
            buffer = io.BytesIO()
            np.save(buffer, graph.consts[name])
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)


def read_ir(path: Path) -> Graph:
    """Reads NAME.ir and NAME.npz; raises CompileError naming the line that is wrong."""
    constants = path.with_suffix(".npz")
    if path.is_file() and not constants.exists():
        raise CompileError(str(path), f"{constants.name} is missing beside it, with its constants")
    with refusing_damage(path, f"text with {constants.name} beside it"):
        if path.stat().st_size > TEXT_BYTES:
            raise ValueError(f"more than {TEXT_BYTES:,} bytes")
        text = path.read_text("utf-8")
        with zipfile.ZipFile(constants) as archive:
            if sum(info.file_size for info in archive.infolist()) > CONSTANT_BYTES:
                raise ValueError(f"more than {CONSTANT_BYTES:,} bytes of constants")
            consts = {info.filename.removesuffix(".npy"): _array(archive.read(info)) for info in archive.infolist()}
        return parse_ir(text, consts, str(path))


def _array(data: bytes) -> Array:
    """The array of an .npy file, checked before any memory is asked for."""
    file = io.BytesIO(data)
    header = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}[read_magic(file)]
    shape, fortran, dtype = header(file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"an array of {dtype}, shape {shape}, in {len(data)} bytes")
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if fortran else "C")


def parse_ir(text: str, consts: dict[str, Array], where: str = "ir") -> Graph:
    """The graph of a text that `print_ir` wrote, and of its constants."""
    name, numerics = "", ""
    parts: dict[str, list[Any]] = {"notice": [], "tensor": [], "state": [], "input": [], "node": [], "output": []}
    for number, line in enumerate(text.split("\n"), 1):
        keyword, _, rest = printable(line).partition(" ")
        try:
            if keyword == "graph":
                name, numerics = rest.split(" numerics=")
            elif keyword in ("input", "output"):
                parts[keyword].append(_called(rest, IoBinding))
            elif keyword == "state":
                parts["state"].append(_called(rest, State))
            elif keyword == "tensor":
                parts["tensor"].append(_tensor(rest))
            elif keyword == "node":
                parts["node"].append(_node(rest))
            elif keyword == "notice":
                parts["notice"].append(rest)
            elif line.strip():
                raise ValueError(f"unknown keyword {keyword!r}")
        except (ValueError, SyntaxError, TypeError, LookupError, RecursionError, MemoryError) as error:
            raise CompileError(
                f"{where} line {number}", f"cannot be read: {printable(str(error))}", "what `ircompile dump` prints"
            ) from None
    names = [t.name for t in parts["tensor"]]
    if len(set(names)) < len(names):
        raise CompileError(where, "declares a tensor twice")
    graph = Graph(
        name,
        tuple(parts["node"]),
        {t.name: t for t in parts["tensor"]},
        consts,
        tuple(parts["input"]),
        tuple(parts["output"]),
        numerics,
        tuple(parts["notice"]),
        states=tuple(parts["state"]),
    )
    if not graph.inputs or not graph.outputs:
        raise CompileError(where, "has no inputs or no outputs", "one of each and more")
    if numerics not in PROFILES:
        raise CompileError(where, f"numerics {numerics!r}", ", ".join(PROFILES))
    return validate(graph)


def _tensor(text: str) -> Tensor:
    match = TENSOR.match(text)
    if not match:
        raise ValueError("not a tensor line")
    name, shape, dtype, scale, zero_point = match.groups()
    return checked(Tensor(name, ast.literal_eval(shape), dtype, float(scale), int(zero_point)))


def _called(text: str, kind: type[T]) -> T:
    held = _value(ast.parse(text, mode="eval").body)
    if not isinstance(held, kind):
        raise ValueError(f"not a {kind.__name__}")
    return held


def _node(text: str) -> Node:
    match = NODE.match(text)
    if not match:
        raise ValueError("not a node line")
    name, op, inputs, output, source = match.groups()
    names = tuple(part for part in inputs.split(", ") if part)
    held = _value(ast.parse(op, mode="eval").body)
    if not isinstance(held, ops.OPS):
        raise ValueError(f"{held!r} is no operator")
    return Node(name, held, names, output, source or "")


def _value(node: ast.expr) -> Any:
    """The value of a constant expression in which only our own dataclasses are called."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        return checked(CLASSES[node.func.id](**{str(k.arg): _value(k.value) for k in node.keywords}))
    return ast.literal_eval(node)
