"""Each planted fault is caught before anything is written; what is caught stands in docs/faults.md."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from planted_faults import FAULTS, Fault, program_of

from ircompile.checks import check
from ircompile.errors import InternalError


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.mechanism}: {fault.what}".replace(" ", "-"))
def test_a_compile_catches(fault: Fault) -> None:
    right = program_of(fault.net, fault.core, fault.mode)
    check(right)
    with pytest.raises(InternalError) as caught:
        check(fault.change(right))
    assert caught.value.where


def test_there_are_forty_and_one_for_every_mechanism() -> None:
    mechanisms = Counter(fault.mechanism for fault in FAULTS)
    assert len(FAULTS) >= 40
    assert len({(fault.mechanism, fault.what) for fault in FAULTS}) == len(FAULTS)
    assert len(mechanisms) >= 15


def table() -> str:
    """The catalogue as the page has it."""
    rows = [f"| {fault.mechanism} | {fault.what} | {fault.core} |" for fault in FAULTS]
    return "\n".join(["| mechanism | planted | core |", "|---|---|---|", *rows])


def test_the_page_lists_them() -> None:
    page = Path(__file__).parents[2] / "docs" / "faults.md"
    assert table() in page.read_text(), table()
