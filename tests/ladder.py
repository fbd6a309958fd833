"""The equality ladder: run_graph == run_plan == C on the host == C on an emulated board, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.ops import const_names
from ircompile.kernels.model import Prefer
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target
from ircompile.variants.choose import Ram
from ircompile.verification.ladder import EXTREMES, Codes, compare, extremes, on_numpy, random_vectors
from ircompile.verification.runners.harness import RunResult
from ircompile.verification.runners.host import run_host
from ircompile.verification.runners.qemu import run_qemu
from ircompile.verification.sequences import restart_after, run_vectors


def codes_for(graph: Graph, count: int, seed: int = 0) -> list[Codes]:
    """Random codes first, since a test can afford few, then the extremes, then random ones again."""
    first, *others = random_vectors(graph, max(count - EXTREMES, 1), seed)
    return [first, *extremes(graph, seed), *others][:count]


def climb(
    graph: Graph,
    folder: Path,
    mode: InputMode = "resident",
    vectors: Sequence[Codes] | None = None,
    rungs: Sequence[str] = ("gcc", "clang", "cortex-m4"),
    name: str = "net",
    ram: Ram = "auto",
    prefer: Prefer = "speed",
) -> dict[str, Compiled]:
    """Builds, which checks the plan; asserts that no byte differs on any rung.

    A rung is a compiler's name for the host, else a target's, perhaps with an optimization: "cortex-m4 -O0".
    For a network with memory, vectors are calls, with a new begin in the middle.
    """
    vectors = vectors or codes_for(graph, 4)
    wanted, restart = run_vectors(graph, vectors), restart_after(graph, len(vectors))
    built: dict[str, Compiled] = {}
    for rung in rungs:
        core, _, optimization = rung.partition(" ")
        target = load_target("host" if rung in ("gcc", "clang") else core)
        if target.name not in built:
            built[target.name] = compiled = build(graph, target, name, mode, ram=ram, prefer=prefer)
            _check(f"run_plan for {target.name}", wanted, on_numpy(compiled, vectors))
            compiled.write(folder / target.name)
        compiled, where = built[target.name], folder / target.name
        arrays = [[vector[n] for n in graph.input_names] for vector in vectors]
        result: RunResult
        if target.name == "host":
            result = run_host(where, compiled.interface, arrays, compiler=rung, timeout=3600, restart=restart)
        else:
            result = run_qemu(
                where, compiled.interface, arrays, target, optimization=optimization or None,
                timeout=3600, restart=restart,
            )  # fmt: skip
        found = [dict(zip(graph.output_names, outputs, strict=True)) for outputs in result.outputs]
        _check(f"C with {rung}", wanted, found)
    return built


def climb_on_host(compiled: Compiled, folder: Path, vectors: Sequence[Codes]) -> None:
    """Asserts that C for a board, written to `folder`, gives the same codes here, its assembly replaced by C."""
    graph = compiled.graph
    arrays = [[vector[n] for n in graph.input_names] for vector in vectors]
    outputs = run_host(folder, compiled.interface, arrays, timeout=3600).outputs
    found = [dict(zip(graph.output_names, codes, strict=True)) for codes in outputs]
    _check("intrinsics on the host", run_vectors(graph, vectors), found)


def _check(name: str, wanted: Sequence[Codes], found: Sequence[Codes]) -> None:
    types, expected = ([{n: a.dtype for n, a in vector.items()} for vector in side] for side in (found, wanted))
    assert types == expected, f"{name}: types"
    rung = compare(name, wanted, found)
    assert not rung.differing, f"{name}: {rung.differing} of {rung.compared} codes differ; {rung.first}"


def join(graphs: Sequence[Graph], name: str = "net") -> Graph:
    """Networks side by side in one graph, so that one compilation tests many geometries."""
    joined = replace(graphs[0], name=name, nodes=(), tensors={}, consts={}, inputs=(), outputs=())
    for number, graph in enumerate(graphs):

        def renamed(text: str, number: int = number) -> str:
            return f"{text}_{number}"

        joined = replace(
            joined,
            nodes=joined.nodes
            + tuple(
                replace(
                    node,
                    name=renamed(node.name),
                    op=_rename_consts(node.op, number),
                    inputs=tuple(map(renamed, node.inputs)),
                    output=renamed(node.output),
                )
                for node in graph.nodes
            ),
            tensors={
                **joined.tensors,
                **{renamed(n): replace(t, name=renamed(n)) for n, t in graph.tensors.items()},
            },
            consts={**joined.consts, **{renamed(n): value for n, value in graph.consts.items()}},
            inputs=joined.inputs + tuple(replace(e, tensor=renamed(e.tensor)) for e in graph.inputs),
            outputs=joined.outputs + tuple(replace(e, tensor=renamed(e.tensor)) for e in graph.outputs),
        )
    return joined


def _rename_consts(op: ops.Op, number: int) -> ops.Op:
    names = const_names(op)
    if not names:
        return op
    if isinstance(op, ops.Binary) and op.constant:
        return replace(op, constant=replace(op.constant, name=f"{op.constant.name}_{number}"))
    if isinstance(op, ops.Mean) and op.lookup:
        return replace(op, lookup=replace(op.lookup, name=f"{op.lookup.name}_{number}"))
    changes: dict[str, object] = {
        key: f"{value}_{number}" for key, value in vars(op).items() if isinstance(value, str) and value in names
    }
    if isinstance(op, ops.Conv | ops.Depthwise | ops.TransposeConv):
        changes["requant"] = replace(op.requant, scale=f"{op.requant.scale}_{number}")
    return replace(op, **changes)  # type: ignore[arg-type]
