"""Tests of kernels take the first plan that is found: every plan computes the same codes.

Under the sanitizers their C, which soon has run, is not optimized: compiling it so takes a third of the time.
"""

from __future__ import annotations

from functools import partial

import pytest

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.plan import candidate, search
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.partition import partition
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.search import find_candidate
from ircompile.target import Target
from ircompile.variants import choose, roomy
from ircompile.variants.tradeoffs import PlanVariant
from ircompile.verification.runners import host

FEW = 16
"""Nodes whose first partition is fired and placed; of many networks side by side, it is half of a test's time."""


@pytest.fixture(autouse=True)
def any_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes keep their order and kernels, and nothing is searched for beyond the first partition."""

    def as_given(graph: Graph) -> list[Graph]:
        return [graph]

    def as_found(variant: PlanVariant, target: Target, place: roomy.Place) -> PlanVariant:
        return variant

    def found(scheduled: ScheduledGraph, mode: InputMode) -> CandidatePlan:
        if len(scheduled.stages) <= FEW:
            return find_candidate(scheduled, mode)
        costs = SegmentCosts(scheduled, mode == "rows")
        return CandidatePlan(scheduled, tuple(partition(costs, costs.live, effort=0)), mode == "rows", True)

    monkeypatch.setattr(choose, "orders_of", as_given)
    monkeypatch.setattr(choose, "with_whole_windows", as_found)
    monkeypatch.setattr(search, "find_candidate", found)
    monkeypatch.setattr(search, "partition", partial(partition, effort=0))
    for effort in ("SEARCH_EFFORT", "LINE_BUFFER_EFFORT"):
        monkeypatch.setattr(search, effort, 1)
    for tries in ("QUICK_TRIALS", "THOROUGH_TRIALS"):
        monkeypatch.setattr(candidate, tries, 1)
    monkeypatch.setattr(host, "SANITIZED", "-O0")
