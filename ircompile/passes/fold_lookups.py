"""A function of codes as part of the mean that reads it."""

from dataclasses import replace

from ircompile.ir.graph import Graph
from ircompile.ir.ops import Lookup, Mean, Table
from ircompile.ir.rewrite import writers


def fold_lookups(graph: Graph) -> Graph:
    """Folds a Table that a Mean alone reads into the Mean, so that its output is never stored.

    t = Table(hard swish) (x)
    y = Mean (t)                 ->    y = Mean(lookup=hard swish) (x)
    """
    written, readers = writers(graph), graph.consumers()
    folded = {}
    gone = set()
    for node in graph.nodes:
        before = written.get(node.inputs[0]) if node.inputs else None
        if before is None or not isinstance(node.op, Mean) or not isinstance(before.op, Table) or node.op.lookup:
            continue
        if len(readers[before.output]) == 1 and before.output not in graph.lasting:
            codes = graph.tensors[before.output]
            lookup = Lookup(before.op.table, codes.scale, codes.zero_point)
            folded[node.name] = replace(node, op=replace(node.op, lookup=lookup), inputs=before.inputs)
            gone.add(before.name)
    return graph.rebuilt(folded.get(node.name, node) for node in graph.nodes if node.name not in gone)
