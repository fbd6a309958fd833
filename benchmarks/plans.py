"""What plans cost: executed instructions of streaming against one layer after the other, with the same kernels."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from page import markdown, million

from ircompile.interface import InputMode
from ircompile.passes.split_channels import base_name
from ircompile.pipeline import build, read
from ircompile.target import Target
from ircompile.verification.bench import count_instructions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from layered import layer_by_layer

HEADING = "## What streaming costs"
MOST_AUTO, MOST_MIN = 1.05, 1.15  # of layer by layer; of the default plan
LISTED = 4  # layers named where a plan costs more

PlanKey = tuple[Literal["auto", "min"], InputMode]
PLANS: tuple[PlanKey, ...] = (("auto", "resident"), ("auto", "rows"), ("min", "resident"), ("min", "rows"))


@dataclass(frozen=True)
class Costs:
    """One model: instructions by layer, run layer by layer and in each of PLANS."""

    layered: Counter[str]
    plans: Mapping[PlanKey, Counter[str]]

    def over(self, plan: PlanKey) -> float:
        """How many times the instructions: the default of layer by layer, the least memory of the default."""
        base = self.layered if plan[0] == "auto" else self.plans["auto", plan[1]]
        return self.plans[plan].total() / base.total()

    def most_more(self, plan: PlanKey) -> list[tuple[str, int]]:
        """The layers that take most more than layer by layer."""
        more = Counter(self.plans[plan])
        more.subtract(self.layered)
        return more.most_common(LISTED)


def measure_costs(path: Path, target: Target) -> Costs:
    """Counts a model in every plan."""
    graph = read(path)
    layered = by_layer(count_instructions(layer_by_layer(graph, target, "bench")))
    plans = {
        (ram, mode): by_layer(count_instructions(build(graph, target, "bench", mode, ram=ram)))
        for ram, mode in PLANS
        if mode == "resident" or len(graph.inputs) == 1
    }
    print(f"plans of {path.stem}", *(plan.total() for plan in (layered, *plans.values())), file=sys.stderr)
    return Costs(layered, plans)


def by_layer(result: Mapping[str, Any]) -> Counter[str]:
    """Instructions of every layer, those in parts added up; what is left of the total is the schedule's."""
    layers: Counter[str] = Counter()
    for layer in result["layers"]:
        layers[base_name(layer["layer"])] += layer["instructions"]
    layers["(schedule)"] += result["instructions"] - layers.total()
    return layers


def plans_section(costs: Mapping[str, Costs]) -> str:
    """The section of docs/benchmarks.md."""
    lines = []
    for name, found in costs.items():
        cells = [f"{found.over(plan):.3f}" if plan in found.plans else "-" for plan in PLANS]
        lines.append([name, million(found.layered.total()), *cells])
    text = f"""
{HEADING}

Executed instructions on M4 of the default plan (`--ram auto`), as a multiple of the same kernels run one layer
after the other with every tensor whole; and of `--ram min`, as a multiple of the default. What is aimed at is at
most {MOST_AUTO:.2f} and {MOST_MIN:.2f}.

"""
    head = ["model", "layer by layer", "auto, resident", "auto, rows", "min, resident", "min, rows"]
    return text + markdown(head, lines) + where_more(costs)


def where_more(costs: Mapping[str, Costs]) -> str:
    """Where the instructions of plans that cost more than aimed at are."""
    lines = []
    for name, found in costs.items():
        for plan in found.plans:
            if found.over(plan) > (MOST_AUTO if plan[0] == "auto" else MOST_MIN):
                layers = ", ".join(f"{layer} {more:+,}" for layer, more in found.most_more(plan) if more > 0)
                lines.append(f"* {name}, {', '.join(plan)}: {layers}")
    if not lines:
        return "\nNone costs more than that.\n"
    return (
        "\nThose that cost more, and the layers that take most more than layer by layer:\n\n"
        + "\n".join(lines)
        + "\n"
    )


def put_section(page: str, section: str) -> str:
    """A page with its section of that heading replaced, or with the section at its end."""
    before, found, rest = page.partition("\n" + HEADING + "\n")
    after = rest.partition("\n## ")[2] if found else ""
    return before + section + (f"\n## {after}" if after else "")
