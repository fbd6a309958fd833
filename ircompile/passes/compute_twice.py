"""Computes anew, for a gate, what would be stored whole until its mean is known. No output changes by a bit.

    a = Resize(x)                          a = Resize(x);        b = Conv(1x1) (a)
    b = Conv(1x1) (a)                      m = Mean(b)
    m = Mean(b)                      =>    a_again = Resize(x);  b_again = Conv(1x1) (a_again)
    y = Binary(mul) (b, m)                 y = Binary(mul) (b_again, m)

A mean over all rows breaks the pipeline: what it is computed from and what is read behind it, too, must be stored
whole. If little stands at the source of such a tensor, or what does is stored anyway, that is kept and the tensor
streams twice. Looked at is the pipeline breaker with most bytes, until that cannot be lowered.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from ircompile.analyses.pipeline_breakers import PipelineBreaker, pipeline_breakers
from ircompile.ir.graph import Graph, Node
from ircompile.ir.rewrite import writers
from ircompile.ir.validate import validate

MOST_MACS = 0.2  # of the graph's own, that may be added in all
ENDING = "_again"


def compute_twice(graph: Graph) -> Graph:
    """The graph with all clones that lower its highest pipeline breaker; itself where there are none."""
    left = MOST_MACS * graph.macs()
    best, changed, least = graph, graph, None
    while found := pipeline_breakers(changed):
        highest = max(found, key=lambda breaker: _bytes(changed, breaker.kept))
        height = _bytes(changed, highest.kept)
        if least is None or height < least:
            best, least = changed, height
        lower = [
            (size, len(chain), chain)
            for size, chain in _offers(changed, highest)
            if size < height and _macs(changed, chain) <= left
        ]
        if not lower:
            break
        _, _, chain = min(lower, key=lambda offer: offer[:2])
        left -= _macs(changed, chain)
        changed = _cloned(changed, chain, highest.behind)
    return best


def _bytes(graph: Graph, names: frozenset[str]) -> int:
    return sum(graph.tensors[name].bytes for name in names)


def _macs(graph: Graph, chain: tuple[Node, ...]) -> int:
    return sum(node.op.macs(graph.site(node)) for node in chain)


def _offers(graph: Graph, breaker: PipelineBreaker) -> Iterator[tuple[int, tuple[Node, ...]]]:
    """Bytes at a breaker, rows in between included, where a chain of nodes that ends in a kept tensor is cloned."""
    writer = writers(graph)
    for name in sorted(breaker.kept - graph.lasting):
        chain: tuple[Node, ...] = ()
        source, beside, between = name, frozenset[str](), 0
        while (node := writer.get(source)) and not node.op.sum_bytes(graph.site(node)):
            source = max(node.inputs, key=lambda t: graph.tensors[t].bytes)
            chain = (node, *chain)
            beside |= {t for t in node.inputs if t != source}
            between += _rows_held(graph, node, source) * graph.tensors[source].row_bytes
            if not {source, *beside} & set(graph.input_names):
                yield _bytes(graph, (breaker.kept - {name}) | {source} | beside) + between, chain


def _rows_held(graph: Graph, node: Node, name: str) -> int:
    """The most rows of an input that a step of the node reads."""
    site, position = graph.site(node), node.inputs.index(name)
    needs = (node.op.needs(site, step)[position] for step in range(node.op.steps(site)))
    return max(stop - first for first, stop in needs)


def _cloned(graph: Graph, chain: tuple[Node, ...], behind: frozenset[str]) -> Graph:
    """With the chain once more; what stands behind the pipeline breaker reads that."""
    last, tensors = chain[-1].output, dict(graph.tensors)
    endings = (ENDING * times for times in count(1))
    ending = next(e for e in endings if not any(node.output + e in tensors for node in chain))
    names = {node.output: node.output + ending for node in chain}
    tensors |= {new: replace(tensors[old], name=new) for old, new in names.items()}
    clones = [
        Node(
            node.name + ending,
            node.op,
            tuple(names.get(i, i) for i in node.inputs),
            names[node.output],
            node.source,
        )
        for node in chain
    ]
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.output in behind and last in node.inputs:
            nodes, clones = [*nodes, *clones], []
            node = replace(node, inputs=tuple(names[last] if i == last else i for i in node.inputs))
        nodes.append(node)
    notice = (
        f"{last!r} is computed twice ({sum(n.op.macs(graph.site(n)) for n in chain):,} multiply-accumulates more), "
        f"so that it need not be stored until a mean over it is known"
    )
    return validate(graph.rebuilt(nodes, tensors=tensors, notices=(*graph.notices, notice)))
