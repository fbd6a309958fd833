"""Functions of one code: constants folded in, chains made one."""

from dataclasses import replace

import numpy as np

from ircompile.ir.graph import Graph, Node
from ircompile.ir.ops import Binary, Reshape, Table
from ircompile.ir.rewrite import unique, writers
from ircompile.ir.tensor import Array, Rows
from ircompile.qtype import INT8

CODES = INT8.codes().astype(INT8.dtype).reshape(1, INT8.count, 1)


def scalar_tables(graph: Graph) -> Graph:
    """Makes a Binary with one constant for all elements a Table, its 256 codes computed by the op itself.

    y = Binary(mul, constant=k) (x)    ->    y = Table(mul) (x)
    """
    nodes: list[Node] = []
    consts: dict[str, Array] = {}
    for node in graph.nodes:
        op = node.op
        if not isinstance(op, Binary) or op.constant is None or graph.tensors[node.output].qtype != INT8:
            nodes.append(node)
            continue
        if graph.consts[op.constant.name].size != 1:
            nodes.append(node)
            continue
        value = graph.consts[op.constant.name].reshape(1, 1, 1)
        site = graph.site(node)
        operands = (value, CODES) if op.constant.first else (CODES, value)
        name = unique(f"{node.name}_table", graph.consts)
        consts[name] = op.combine(site, *operands).reshape(INT8.count)
        nodes.append(replace(node, op=Table(name, op.kind)))
    return graph.rebuilt(nodes, consts={**graph.consts, **consts})


def merge_tables(graph: Graph) -> Graph:
    """Makes a Table of a Table one, and a Binary of two functions of one tensor a Table.

    t = Table(mul) (x)                 t = Table(hard sigmoid) (x)
    y = Table(sub) (t)                 y = Binary(mul) (x, t)

    y = Table(mul, sub) (x)            y = Table(hard sigmoid, mul) (x)

    A Reshape to the same shape, which stands where codes are taken for other numbers, is a function like these.
    """
    written = writers(graph)
    nodes: list[Node] = []
    consts = dict(graph.consts)

    def function_of(name: str) -> tuple[str, Array, tuple[str, ...]]:
        """What a tensor is a function of, its 256 codes as (1, 256, 1), and the function's name."""
        node = written.get(name)
        if node is not None and _relabels(graph, node):
            return node.inputs[0], CODES, ()
        if node is None or not isinstance(node.op, Table):
            return name, CODES, ()
        return node.inputs[0], consts[node.op.table].reshape(1, INT8.count, 1), (node.op.function,)

    for node in graph.nodes:
        op, site = node.op, graph.site(node)._replace(consts=consts)
        sources, codes, names = zip(*map(function_of, node.inputs), strict=True) if node.inputs else ((), (), ())
        merged: Array | None = None
        last: tuple[str, ...] = ()
        if isinstance(op, Table) and sources[0] != node.inputs[0]:
            merged, last = np.asarray(op.simulate(site, [Rows(codes[0])], 0, 1)), (op.function,)
        elif _relabels(graph, node) and names[0]:
            merged, last = codes[0], ()
        elif (
            isinstance(op, Binary) and site.output.qtype == INT8 and sources[0] == sources[-1] and len(sources) == 2
        ):
            merged, last = op.combine(site, *codes), (op.kind,)
        if merged is not None:
            name = unique(f"{node.name}_merged", consts)
            consts[name] = merged.reshape(INT8.count)
            function = ", ".join(dict.fromkeys((*sum(names, ()), *last)))
            node = replace(node, op=Table(name, function), inputs=sources[:1])
            written[node.output] = node
        nodes.append(node)
    return graph.rebuilt(nodes, consts=consts)


def _relabels(graph: Graph, node: Node) -> bool:
    """Whether a node changes nothing but how its codes are quantized."""
    source = graph.tensors.get(node.inputs[0]) if node.inputs else None
    return isinstance(node.op, Reshape) and source is not None and source.shape == node.op.shape
