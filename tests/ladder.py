"""The equality ladder: run_graph == run_plan == C on the host == C on an emulated board, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from proved import prove

from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.ops import const_names
from ircompile.ir.tensor import Array
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target
from ircompile.variants.choose import Ram
from ircompile.verification.ladder import on_numpy
from ircompile.verification.runners.harness import RunResult
from ircompile.verification.runners.host import run_host
from ircompile.verification.runners.qemu import run_qemu
from ircompile.verification.sequences import restart_after, run_vectors

Codes = dict[str, Array]


def codes_for(graph: Graph, count: int, seed: int = 0) -> list[Codes]:
    """Random codes, then the least everywhere, the greatest everywhere and a mix of both ends."""
    rng = np.random.default_rng(seed)
    tensors = [graph.fresh(name) for name in graph.input_names]
    vectors: list[Codes] = []
    for i in range(count):
        vector: Codes = {}
        for t in tensors:
            info = np.iinfo(t.dtype)
            vector[t.name] = [
                rng.integers(info.min, info.max + 1, t.shape),
                np.full(t.shape, info.min),
                np.full(t.shape, info.max),
                rng.choice([info.min, info.max], t.shape),
            ][min(i, 3)].astype(t.dtype)
        vectors.append(vector)
    return vectors


def climb(
    graph: Graph,
    folder: Path,
    mode: InputMode = "resident",
    vectors: Sequence[Codes] | None = None,
    rungs: Sequence[str] = ("gcc", "clang", "cortex-m4"),
    name: str = "net",
    ram: Ram = "auto",
) -> dict[str, Compiled]:
    """Proves the plan; asserts that no byte differs on any rung: compilers' names for the host, else targets.

    For a network with memory, vectors are calls, with a new begin in the middle.
    """
    vectors = vectors or codes_for(graph, 4)
    wanted, restart = run_vectors(graph, vectors), restart_after(graph, len(vectors))
    built: dict[str, Compiled] = {}
    for rung in rungs:
        target = load_target("host" if rung in ("gcc", "clang") else rung)
        if target.name not in built:
            built[target.name] = compiled = build(graph, target, name, mode, ram=ram)
            prove(compiled.plan)
            for got, want in zip(on_numpy(compiled, vectors), wanted, strict=True):
                _check(graph, got, want, f"run_plan for {target.name}")
            compiled.write(folder / target.name)
        compiled, where = built[target.name], folder / target.name
        arrays = [[vector[n] for n in graph.input_names] for vector in vectors]
        result: RunResult
        if target.name == "host":
            result = run_host(where, compiled.interface, arrays, compiler=rung, timeout=3600, restart=restart)
        else:
            result = run_qemu(where, compiled.interface, arrays, target, timeout=3600, restart=restart)
        for got, want in zip(result.outputs, wanted, strict=True):
            _check(graph, dict(zip(graph.output_names, got, strict=True)), want, f"C with {rung}")
    return built


def _check(graph: Graph, got: Codes, want: Codes, rung: str) -> None:
    for name in graph.output_names:
        assert got[name].dtype == want[name].dtype, f"{rung}: type of {name}"
        differing = np.argwhere(got[name] != want[name])
        first = tuple(int(i) for i in differing[0]) if len(differing) else ()
        assert not len(differing), (
            f"{rung}: {len(differing)} of {want[name].size} codes of {name} differ, first at {first}: "
            f"{got[name][first]} instead of {want[name][first]}"
        )


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
