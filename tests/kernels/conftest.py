"""Tests of kernels take the first plan that is found: every plan computes the same codes.

Under the sanitizers their C, which soon has run, is not optimized: compiling it so takes a third of the time.
"""

from __future__ import annotations

from functools import partial

import pytest

from ircompile.ir.graph import Graph
from ircompile.plan import candidate, search
from ircompile.plan.partition import partition
from ircompile.target import Target
from ircompile.variants import choose
from ircompile.variants.tradeoffs import PlanVariant
from ircompile.verification.runners import host


@pytest.fixture(autouse=True)
def any_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes keep their order and kernels, and nothing is searched for beyond the first partition."""

    def as_given(graph: Graph) -> list[Graph]:
        return [graph]

    def as_found(variant: PlanVariant, target: Target) -> PlanVariant:
        return variant

    monkeypatch.setattr(choose, "orders_of", as_given)
    monkeypatch.setattr(choose, "with_whole_windows", as_found)
    monkeypatch.setattr(search, "partition", partial(partition, effort=0))
    for effort in ("SEARCH_EFFORT", "LINE_BUFFER_EFFORT"):
        monkeypatch.setattr(search, effort, 1)
    for tries in ("QUICK_TRIALS", "THOROUGH_TRIALS"):
        monkeypatch.setattr(candidate, tries, 1)
    monkeypatch.setattr(host, "SANITIZED", "-O0")
