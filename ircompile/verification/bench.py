"""Executed instructions of one inference on the target's emulated board."""

import tempfile
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError
from ircompile.kernels.pack import weight_bytes
from ircompile.pipeline import Compiled
from ircompile.timing.board import Board
from ircompile.timing.measured import Fit, fit, parse_log, waiting_of
from ircompile.timing.model import cycles_of
from ircompile.timing.network import Executed, Timing, layer_works, time_of
from ircompile.verification.ladder import random_vectors
from ircompile.verification.runners.counts import BETWEEN_LAYERS
from ircompile.verification.runners.qemu import run_qemu


def count_instructions(compiled: Compiled) -> dict[str, Any]:
    """Counts of one run on random input: totals, and by layer. Cycles are estimates, None where no table is known.

    Raises CompileError where the target has no board or its tools are missing.
    """
    (vector,) = random_vectors(compiled.graph, 1)
    with tempfile.TemporaryDirectory() as folder:
        compiled.write(Path(folder))
        inputs = [[vector[name] for name in compiled.graph.input_names]]
        result = run_qemu(Path(folder), compiled.interface, inputs, compiled.target, count=True)
    if result.counts is None or result.sizes is None:
        raise CompileError(compiled.name, "the board counted nothing")
    counts, graph = result.counts, compiled.lowered.graph
    cycles = counts.cycles_per_layer or {}
    layers = []
    for index, instructions in sorted(counts.per_layer.items()):
        node = None if index == BETWEEN_LAYERS else graph.nodes[index]
        layers.append(
            {
                "layer": node.name if node else "(schedule)",
                "macs": node.op.macs(graph.site(node)) if node else 0,
                "instructions": instructions,
                "cycles_estimate": cycles.get(index),
                "classes": dict(sorted(counts.kinds.get(index, {}).items())),
            }
        )
    return {
        "target": compiled.target.name,
        "instructions": counts.total,
        "cycles_estimate": counts.cycles_estimate,
        "macs": graph.macs(),
        "arena": compiled.interface.arena_bytes,
        "stack": result.stack_bytes,
        "code": result.sizes.code + result.sizes.constants,
        "weights": result.sizes.weights,
        "layers": layers,
        "timing": None,
        "measured": None,
    }


def timing_of(compiled: Compiled, board: Board, counts: dict[str, Any] | None = None) -> Timing:
    """How long one inference takes on a board, from what `count_instructions` gave or from the plan alone."""
    return time_of(compiled.plan, board, weight_bytes(compiled.program), counts and _executed(counts))


def compare_measured(
    compiled: Compiled, board: Board, counts: dict[str, Any], log: str
) -> tuple[dict[str, Any], Fit]:
    """A board's own cycles beside the estimates, and the board with its waiting times fitted to them.

    Raises CompileError where the log is not that of this network's self-test.
    """
    measured = parse_log(log)
    works = layer_works(compiled.plan, board, weight_bytes(compiled.program), _executed(counts))
    fitted = fit(board, works, measured)
    rows = [
        {
            "layer": name,
            "measured": measured.layers.get(name),
            "estimated": round(cycles_of(work, board)),
            "fitted": round(cycles_of(work, fitted.board)),
        }
        for name, work in works.items()
    ]
    return {
        "counter": measured.counter,
        "cycles": measured.total,
        "milliseconds": measured.total / board.mhz / 1000,
        "waits": [
            {"term": term, "assumed": waiting_of(board, term), "fitted": waiting_of(fitted.board, term)}
            for term in fitted.terms
        ],
        "fitted_error": fitted.error,
        "layers": rows,
    }, fitted  # fmt: skip


def _executed(counts: dict[str, Any]) -> Executed:
    return {layer["layer"]: (layer["instructions"], layer["cycles_estimate"] or 0) for layer in counts["layers"]}
