"""Executed instructions of one inference on the target's emulated board."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError
from ircompile.ladder import vectors_for
from ircompile.pipeline import Compiled
from ircompile.runners.counts import BETWEEN_LAYERS
from ircompile.runners.qemu import run_qemu


def count_instructions(compiled: Compiled) -> dict[str, Any]:
    """Counts of one run on random input: totals, and by layer. Cycles are estimates, None where no table is known.

    Raises CompileError where the target has no board or its tools are missing.
    """
    vector = vectors_for(compiled.graph, 4)[-1]
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
            }
        )
    return {
        "target": compiled.target.name,
        "instructions": counts.total,
        "cycles_estimate": counts.cycles_estimate,
        "macs": graph.macs(),
        "arena": compiled.plan.arena_bytes,
        "stack": result.stack_bytes,
        "code": result.sizes.code + result.sizes.constants,
        "weights": result.sizes.weights,
        "layers": layers,
    }
