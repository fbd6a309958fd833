"""Every layer alone against the model's own framework: fed the framework's tensors, its output is compared.

So errors do not add up, and a difference names the operator that makes it. The graph is taken as the importer
leaves it, before any pass; what the passes make of it, the ladder of `verify` compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ircompile.importers import trace
from ircompile.importers.places import Place, Trace
from ircompile.ir.bindings import to_graph
from ircompile.ir.tensor import Array, Rows, Tensor
from ircompile.qtype import FLIP
from ircompile.verification.references import Reference, open_reference
from ircompile.verification.rounding_ties import Interval, Span, carried, exact_interval, is_tie, may_be

NO_CODE = "(no code)"
"""What stands for our op where the framework's operator only renames bytes."""

Exact = Callable[[], Interval | None]


@dataclass(frozen=True)
class Layer:
    """An operator of the framework and the op of ours that gives its output, over all inputs so far.

    `ties` of the `differing` elements are off by one where the exact value is half way between two codes, here or
    in an operator before it whose codes the framework does not keep.
    """

    name: str
    source: str
    kind: str
    op: str
    compared: int = 0
    differing: int = 0
    ties: int = 0
    largest: int = 0

    @property
    def unexplained(self) -> int:
        """Differing elements that are no ties."""
        return self.differing - self.ties

    def plus(self, ours: Array, theirs: Array, exact: Exact, span: Span | None = None) -> Layer:
        """With more codes compared.

        `exact` gives between which real values, in codes, the result lies, or None where nothing is rounded; `span`
        the codes that the framework may have as well, because of what came before.
        """
        distance = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
        real = exact() if distance.any() else None
        ties = np.zeros(distance.shape, bool) if real is None else is_tie(real, ours, theirs)
        if span is not None:
            ties |= (distance > 0) & (span[0] <= theirs) & (theirs <= span[1])
        return replace(
            self,
            compared=self.compared + distance.size,
            differing=self.differing + int(np.count_nonzero(distance)),
            ties=self.ties + int(np.count_nonzero(ties)),
            largest=max(self.largest, int(distance.max(initial=0))),
        )


class LayerComparison:
    """A model in both worlds."""

    def __init__(self, traced: Trace, reference: Reference) -> None:
        self.graph, self.reference, self._bias_rests = traced.graph, reference, traced.bias_rests
        graph = traced.graph
        self.kinds = {key: operator.kind for operator in reference.operators for key in operator.outputs}
        self._places: dict[str, dict[str, Place]] = {}
        for key, place in traced.places.items():
            self._places.setdefault(place.tensor, {})[key] = place
        ends = graph.outputs if graph.numerics == "ort" else ()  # whose tensors have names, as outputs have
        self._ends = {e.tensor: e for e in ends if e.dtype == "float32" and not e.rounded}
        self._found: dict[str, Layer] = {}

    @property
    def layers(self) -> list[Layer]:
        """What was compared so far, in the order of execution."""
        return list(self._found.values())

    @property
    def missing(self) -> dict[str, int]:
        """The framework's operators, by kind, that no layer stands for: folded, fused, or in float at the ends."""
        return dict(Counter(o.kind for o in self.reference.operators if not set(o.outputs) & set(self._found)))

    def run(self, feeds: Sequence[Array]) -> None:
        """Compares every layer that has a counterpart, on one set of inputs as the framework takes them."""
        graph, theirs = self.graph, self.reference.intermediates(feeds)
        values: dict[str, Array] = {}
        spans: dict[str, Span] = {}
        for external, array in zip(graph.inputs, feeds, strict=True):
            tensor = graph.tensors[external.tensor]
            layer = Layer(tensor.name, f"input {external.name!r}", "", "(input)")
            values[tensor.name] = self._compare(layer, tensor, to_graph(external, tensor, array), theirs)
        for node in graph.nodes:
            site, inputs = graph.site(node), [values[name] for name in node.inputs]
            ours = np.asarray(node.op.simulate(site, [Rows(i) for i in inputs], 0, site.output.height))
            layer = Layer(node.name, node.source, "", type(node.op).__name__)
            exact = partial(exact_interval, node.op, site, inputs, self._bias_rests.get(node.output))
            span = carried(node.op, site, inputs, [spans.get(name) for name in node.inputs])
            values[node.output] = self._compare(layer, site.output, ours, theirs, exact, span)
            found = span or may_be(node.op, exact(), ours) if values[node.output] is ours else None
            if found is not None:
                spans[node.output] = found

    def _compare(
        self,
        layer: Layer,
        tensor: Tensor,
        ours: Array,
        theirs: Mapping[str, Array],
        exact: Exact = lambda: None,
        span: Span | None = None,
    ) -> Array:
        """Counts what differs; returns the framework's codes of the tensor, `ours` itself where it has none.

        The first of the framework's tensors is the op's output, others are the same bytes under other names.
        """
        value = None
        for key, place in self._places.get(tensor.name, {}).items():
            codes = codes_of(tensor, place, theirs.get(key))
            if codes is None:
                continue
            if key in self.kinds:
                fresh = replace(layer, kind=self.kinds[key], op=layer.op if value is None else NO_CODE)
                found = self._found.get(key, fresh)
                self._found[key] = found.plus(ours if value is None else value, codes, exact, span)
            value = codes if value is None else value
        end = self._ends.get(tensor.name)
        if value is None and end is not None and end.name in theirs:
            value = to_graph(end, tensor, theirs[end.name])  # the codes behind a DequantizeLinear
            fresh = replace(layer, kind=self.kinds.get(end.name, ""))
            self._found[end.name] = self._found.get(end.name, fresh).plus(ours, value, exact, span)
        return ours if value is None else value


def codes_of(tensor: Tensor, place: Place, array: Array | None) -> Array | None:
    """A framework's tensor as the graph's tensor holds it; None where it is not of codes, or of another size."""
    if array is None or array.dtype.kind not in "iu" or array.size != place.positions.size:
        return None
    if tensor.dtype == "int8" and array.dtype == np.uint8:
        array = (array ^ np.uint8(FLIP)).view(np.int8)
    flat = np.empty(array.size, tensor.dtype)
    flat[place.positions.reshape(-1)] = array.reshape(-1)
    return flat.reshape(tensor.shape)


def isolate(
    path: Path, numerics: str | None, reference: str, inputs: Iterable[Sequence[Array]], outputs: Sequence[str] = ()
) -> LayerComparison:
    """Compares a model's layers with a framework, on inputs as the framework takes them.

    With `outputs`, only the layers that these tensors of the file need.
    """
    found = LayerComparison(trace(path, numerics, outputs), open_reference(reference, path))
    for feeds in inputs:
        found.run(feeds)
    return found


def by_kind(layers: Iterable[Layer]) -> list[Layer]:
    """Sums over the layers of one kind of operator and op, in the order of their first layers."""
    sums: dict[tuple[str, str], Layer] = {}
    for layer in layers:
        old = sums.get((layer.kind, layer.op), Layer(layer.kind, "", layer.kind, layer.op))
        sums[layer.kind, layer.op] = replace(
            old,
            compared=old.compared + layer.compared,
            differing=old.differing + layer.differing,
            ties=old.ties + layer.ties,
            largest=max(old.largest, layer.largest),
        )
    return list(sums.values())
