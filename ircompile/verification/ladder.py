"""The equality ladder: run_graph = run_plan = C on the host = C on an emulated board, and all = the reference."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array, Tensor
from ircompile.pipeline import Compiled, build
from ircompile.plan.simulate import POISON, new_arena, run_plan
from ircompile.target import load_target
from ircompile.verification.differences import Difference, Found
from ircompile.verification.references import Reference
from ircompile.verification.runners.host import run_host
from ircompile.verification.runners.qemu import run_qemu
from ircompile.verification.sequences import restart_after, run_vectors

Codes = dict[str, Array]
Runner = Callable[[Compiled, Sequence[Codes]], list[Codes]]

FEW = 64
"""Elements of all outputs together that tell little of a network, such as those of two classes."""
EXTREMES = 4
"""How many inputs `extremes` gives."""


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder over all vectors: elements compared and differing.

    `note` says what is to be known of a framework's: another one that ran the file, the operator that differs.
    """

    name: str
    vectors: int
    compared: int
    differing: int
    first: Difference | None = None
    note: str = ""


def climb(
    compiled: Compiled, rungs: Sequence[str], vectors: Sequence[Codes], inner: Compiled | None = None
) -> Iterator[Rung]:
    """Compares every asked rung ("numpy", "host", "qemu") with run_graph, one after the other.

    For a network with memory, vectors are calls, with a new begin in the middle. With `inner`, the same network cut
    at a tensor inside, that tensor is compared, too.
    """
    wanted = run_vectors(compiled.lowered.graph, vectors)
    within = run_vectors(inner.lowered.graph, vectors) if inner else []
    for name in rungs:
        runner = RUNNERS[name]
        rung = compare(name, wanted, runner(compiled, vectors))
        if rung.first:
            rung = replace(rung, first=locate(compiled, runner, vectors, rung.first))
        yield _with_inner(rung, inner, compare(name, within, runner(inner, vectors))) if inner else rung


def _with_inner(rung: Rung, inner: Compiled, found: Rung) -> Rung:
    """The rung with the elements of a tensor inside."""
    inside = f"{found.compared:,} of {inner.graph.output_names[0]}, at which the network was cut"
    return replace(
        rung,
        compared=rung.compared + found.compared,
        differing=rung.differing + found.differing,
        first=rung.first or found.first,
        note=f"{rung.compared:,} of outputs; {inside}",
    )


def cut_where_wide(compiled: Compiled) -> Compiled | None:
    """The network up to its last tensor of more than FEW elements; None where outputs have as many, or none has.

    Networks with memory are not cut: a part of one would need the states of the whole.
    """
    graph = compiled.graph

    def size(name: str) -> int:
        return prod(graph.tensors[name].shape)

    if graph.states or sum(map(size, graph.output_names)) > FEW:
        return None
    wide = [number for number, node in enumerate(graph.nodes) if size(node.output) > FEW]
    if not wide:
        return None
    return part_of(compiled, wide[-1])


def compare(name: str, wanted: Sequence[Codes], found: Sequence[Codes]) -> Rung:
    """Counts elements that differ and keeps the first."""
    counted = Found()
    for vector, (want, have) in enumerate(zip(wanted, found, strict=True)):
        for output, expected in want.items():
            counted.add(vector, output, have[output], expected)
    return Rung(name, len(wanted), counted.elements, counted.differing, counted.first)


def locate(compiled: Compiled, runner: Runner, vectors: Sequence[Codes], found: Difference) -> Difference:
    """The first node whose own output differs, by bisecting the graph; `found` itself where none does alone."""
    graph, vector = compiled.graph, vectors[found.vector]
    if graph.states:  # a call of a part of it would need the states of the whole
        return found
    low, high, best = 0, len(graph.nodes) - 1, found
    while low <= high:
        middle = (low + high) // 2
        part = upto(graph, middle)
        try:
            name = graph.nodes[middle].output
            short = part_of(compiled, middle)
            rung = compare("", [{name: run_graph(part, vector)[name]}], runner(short, [vector]))
        except ValueError:
            break
        if rung.first:
            where = f"{graph.nodes[middle].name} ({graph.nodes[middle].source})"
            best, high = replace(rung.first, vector=found.vector, where=where), middle - 1
        else:
            low = middle + 1
    return best


def part_of(compiled: Compiled, last: int) -> Compiled:
    """The network cut behind node `last`, compiled in the same way."""
    mode, prefer = compiled.plan.input_mode, compiled.program.prefer
    part = upto(compiled.graph, last)
    return build(part, compiled.target, compiled.name, mode, compiled.source, prefer=prefer)


def upto(graph: Graph, last: int) -> Graph:
    """The graph cut behind node `last`, whose output is the only one left."""
    tensor = graph.tensors[graph.nodes[last].output]
    output = IoBinding(tensor.name, tensor.name, (1, *tensor.shape), tensor.dtype, (1, 2, 3))
    return graph.rebuilt(graph.nodes[: last + 1], outputs=(output,))


def on_numpy(compiled: Compiled, vectors: Sequence[Codes]) -> list[Codes]:
    """run_plan, in one poisoned byte arena."""
    plan, restart = compiled.plan, restart_after(compiled.graph, len(vectors))
    if not restart:
        return [run_plan(plan, vector) for vector in vectors]
    arena, found = new_arena(plan), list[Codes]()
    for number, vector in enumerate(vectors):
        if number % restart == 0:
            arena = new_arena(plan)
        arena[plan.state_bytes :] = POISON
        found.append(run_plan(plan, vector, arena, number % restart))
    return found


def for_host(compiled: Compiled) -> Compiled:
    """The compilation whose C this machine can run: itself, or portable C in place of Helium."""
    if not compiled.target.features.mve:
        return compiled
    mode, blob, prefer = compiled.plan.input_mode, compiled.blob, compiled.program.prefer
    return build(compiled.graph, load_target("host"), compiled.name, mode, compiled.source, blob, prefer=prefer)


def on_host(compiled: Compiled, vectors: Sequence[Codes]) -> list[Codes]:
    """The emitted C under UBSan and ASan; see `for_host`."""
    compiled, restart = for_host(compiled), restart_after(compiled.graph, len(vectors))
    api = compiled.interface
    with tempfile.TemporaryDirectory() as folder:
        compiled.write(Path(folder))
        return _by_name(compiled, run_host(Path(folder), api, _ported(compiled, vectors), restart=restart).outputs)


def on_qemu(compiled: Compiled, vectors: Sequence[Codes]) -> list[Codes]:
    """The emitted C on the target's emulated board."""
    with tempfile.TemporaryDirectory() as folder:
        compiled.write(Path(folder))
        api, ported = compiled.interface, _ported(compiled, vectors)
        restart = restart_after(compiled.graph, len(vectors))
        return _by_name(compiled, run_qemu(Path(folder), api, ported, compiled.target, restart=restart).outputs)


RUNNERS: Mapping[str, Runner] = {"numpy": on_numpy, "host": on_host, "qemu": on_qemu}


def _ported(compiled: Compiled, vectors: Sequence[Codes]) -> list[list[Array]]:
    return [[vector[name] for name in compiled.graph.input_names] for vector in vectors]


def _by_name(compiled: Compiled, outputs: Sequence[Sequence[Array]]) -> list[Codes]:
    names = compiled.graph.output_names
    return [dict(zip(names, arrays, strict=True)) for arrays in outputs]


def framework_outputs(graph: Graph, oracle: Reference, feeds: Sequence[Array]) -> list[Array]:
    """What the framework has for the graph's outputs; where a float end was cut off, the tensor before the cut."""
    results = [*oracle.run(feeds)]
    if oracle.name == "ort":  # every tensor has a name there, also one before a cut
        inner = oracle.intermediates(feeds)
        results = [inner.get(e.name, result) for e, result in zip(graph.outputs, results, strict=True)]
    return results


def vectors_for(graph: Graph, random: int, seed: int = 0) -> list[Codes]:
    """The extreme inputs of a graph, then `random` random ones: codes (H, W, C) by input name."""
    return extremes(graph, seed) + random_vectors(graph, random, seed)


def extremes(graph: Graph, seed: int = 0) -> list[Codes]:
    """EXTREMES inputs: the least codes, the greatest ones, a seeded mix of both, and both as on a chequerboard."""
    rng, tensors = np.random.default_rng(seed), [graph.fresh(name) for name in graph.input_names]
    kinds: Sequence[Callable[[Tensor], Array]] = (_least, _greatest, partial(_mixed, rng=rng), _checkered)
    return [{t.name: kind(t) for t in tensors} for kind in kinds]


def random_vectors(graph: Graph, count: int, seed: int = 0) -> list[Codes]:
    """`count` seeded inputs, uniform over the codes' whole type; those of a lesser count are the first ones."""
    rng, tensors = np.random.default_rng(seed), [graph.fresh(name) for name in graph.input_names]
    return [{t.name: _random(t, rng) for t in tensors} for _ in range(count)]


def _least(tensor: Tensor) -> Array:
    return np.full(tensor.shape, np.iinfo(tensor.dtype).min, tensor.dtype)


def _greatest(tensor: Tensor) -> Array:
    return np.full(tensor.shape, np.iinfo(tensor.dtype).max, tensor.dtype)


def _mixed(tensor: Tensor, rng: np.random.Generator) -> Array:
    return np.where(rng.random(tensor.shape) < 0.5, _least(tensor), _greatest(tensor))


def _checkered(tensor: Tensor) -> Array:
    odd = np.indices(tensor.shape).sum(axis=0) % 2 == 1
    return np.where(odd, _least(tensor), _greatest(tensor))


def _random(tensor: Tensor, rng: np.random.Generator) -> Array:
    info = np.iinfo(tensor.dtype)
    return rng.integers(info.min, info.max + 1, tensor.shape).astype(tensor.dtype)
