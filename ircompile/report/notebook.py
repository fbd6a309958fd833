"""A compilation as a notebook shows it: the figures in a line, and the memory map, without scripts."""

from __future__ import annotations

from ircompile.pipeline import Compiled
from ircompile.plan.work import macs
from ircompile.report.data import flash_data
from ircompile.report.html import KINDS, environment
from ircompile.report.memory import memory_map

COLORS = {
    "input": "#4f8fd6", "ring": "#3aa17e", "stored": "#d9982f", "output": "#b4589c", "scratch": "#9aa0a8",
    "sums": "#7d6bd0", "schedule": "#c7cacf", "lines": "#2f8f9d", "again": "#c2703d",
}  # fmt: skip
LABELS = {**dict(KINDS), "lines": "lines kept by a window", "again": "computed anew"}


def notebook_html(compiled: Compiled) -> str:
    """An HTML fragment; every box of the map tells its tensor, bytes and steps on hover."""
    memory, plan = memory_map(compiled.plan), compiled.plan
    present = {span["kind"] for span in memory["spans"]}
    return (
        environment()
        .get_template("notebook.html.j2")
        .render(
            title=f"{compiled.source} on {compiled.target.name}",
            arena=plan.arena_bytes,
            bound=plan.lower_bound,
            macs=macs(plan),
            constants=flash_data(compiled, None)["weights"],
            memory=memory,
            colors=COLORS,
            kinds=[(kind, LABELS[kind]) for kind in COLORS if kind in present],
        )
    )
