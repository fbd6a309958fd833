"""Functions of one code: constants folded in, chains made one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ircompile.graph import Graph, Node
from ircompile.ops import Binary, Table
from ircompile.passes.rewrite import unique, writers
from ircompile.tensor import Array, Rows

CODES = np.arange(-128, 128).astype(np.int8).reshape(1, 256, 1)


def scalar_tables(graph: Graph) -> Graph:
    """Makes a Binary with one constant for all elements a Table, its 256 codes computed by the op itself.

    y = Binary(mul, constant=k) (x)    ->    y = Table(mul) (x)
    """
    nodes: list[Node] = []
    consts: dict[str, Array] = {}
    for node in graph.nodes:
        op = node.op
        if not isinstance(op, Binary) or op.constant is None or graph.consts[op.constant.name].size != 1:
            nodes.append(node)
            continue
        value = graph.consts[op.constant.name].reshape(1, 1, 1)
        site = graph.site(node)
        operands = (value, CODES) if op.constant.first else (CODES, value)
        name = unique(graph, f"{node.name}_table")
        consts[name] = op.combine(site, *operands).reshape(256)
        nodes.append(replace(node, op=Table(name, op.kind)))
    return graph.rebuilt(nodes, consts={**graph.consts, **consts})


def merge_tables(graph: Graph) -> Graph:
    """Makes a Table of a Table one.

    t = Table(mul) (x)
    y = Table(sub) (t)    ->    y = Table(mul, sub) (x)
    """
    written = writers(graph)
    nodes: list[Node] = []
    consts = dict(graph.consts)
    for node in graph.nodes:
        before = written.get(node.inputs[0]) if node.inputs else None
        if before is not None and isinstance(node.op, Table) and isinstance(before.op, Table):
            inner = consts[before.op.table].reshape(1, 256, 1)
            name = unique(graph, f"{node.name}_merged")
            site = graph.site(node)._replace(consts=consts)
            consts[name] = np.asarray(node.op.simulate(site, [Rows(inner)], 0, 1)).reshape(256)
            op = Table(name, f"{before.op.function}, {node.op.function}")
            node = replace(node, op=op, inputs=before.inputs)
            written[node.output] = node
        nodes.append(node)
    return graph.rebuilt(nodes, consts=consts)
