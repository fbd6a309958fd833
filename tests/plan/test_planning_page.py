"""The figures of `docs/planning.md` are those of the plan that it explains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from plan.test_shared_rings import lines

from ircompile.pipeline import read
from ircompile.plan import settings
from ircompile.plan.shared_rings import RingSharing
from ircompile.plan.text import print_plan
from ircompile.report.memory import peak_text
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan
from ircompile.variants.tradeoffs import PlanVariant

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "planning.md").read_text()


@pytest.fixture(scope="module")
def digits() -> PlanVariant:
    return choose_plan(read(ROOT / "examples" / "digits" / "digits.onnx"), load_target("cortex-m4"), "resident")


@pytest.mark.thorough
def test_live_ranges_and_slots(digits: PlanVariant) -> None:
    (ring,) = (a for a in digits.candidate.allocations if a.name == "conv_3_body_0")
    rows = ring.intervals[0]
    drawn = re.findall(r"^row (\d) ( *)(\[=+\]) +slot (\d)$", PAGE, re.MULTILINE)
    assert len(drawn) == 4
    for row, gap, bar, slot in drawn:
        begin = 16 + len(gap) // 5
        assert (begin, begin + len(bar) // 5) == (rows.first[int(row)], rows.last[int(row)])
        assert int(slot) == int(row) % ring.rings[0].slots
    assert f"ring of {ring.rings[0].slots} x {ring.rings[0].pitch} bytes" in PAGE


def test_why_the_arena_has_so_many_bytes(digits: PlanVariant) -> None:
    candidate, plan = digits.candidate, digits.plan
    held = candidate.held(candidate.peak_time)
    lost = plan.arena_bytes - candidate.peak_bytes - candidate.counter_bytes
    (taken,) = (t for t in candidate.times.times.values() if candidate.peak_time in t)
    step = ("first", "second", "third", "fourth")[taken.tolist().index(candidate.peak_time)]
    assert f"At time {candidate.peak_time}, while `{candidate.peak_node.name}` takes its {step} step" in PAGE
    table = [int(n.replace(",", "")) for n in re.findall(r"^\| \**([\d,]+)\** \|", PAGE, re.MULTILINE)]
    assert table == [*held.values(), candidate.peak_bytes, lost, candidate.counter_bytes, plan.arena_bytes]
    assert [candidate.root_of("add_3"), *list(held)[1:]] == [*held]
    assert f"`plan/peak_bound.py`; {plan.lower_bound:,} here" in PAGE
    quoted = re.findall(r"^plan .*|^  \w+: \w+ -> .*|^buffer .*|^counters at .*", PAGE, re.MULTILINE)
    assert len(quoted) == 6
    assert set(quoted) <= set(print_plan(plan).splitlines())
    assert peak_text(plan) in PAGE


@pytest.mark.thorough
def test_steps_with_a_line_buffer() -> None:
    plan = choose_plan(
        read(ROOT / "examples" / "digits" / "digits.onnx"), load_target("cortex-m55"), "resident"
    ).plan
    first, second = (
        (stage.steps, plan.tensor(stage.node.output).height)
        for stage in plan.stages
        if stage.node.name in ("conv_0", "conv_3_body_3")
    )
    text = " ".join(PAGE.split())
    assert f"`conv_0` takes {first[0]} steps for its {first[1]} rows" in text
    assert f"`conv_3_body_3` takes {second[0]} for {second[1]}." in text


def test_settings_are_those_of_the_page() -> None:
    assert f"repeat {settings.THOROUGH_TRIALS:,} times" in PAGE
    assert f"cost(earlier, cut) ** {settings.PEAK_EXPONENT}" in PAGE
    assert f"stays within {round(100 * settings.NEAR_LEAST) - 100} % of the least" in " ".join(PAGE.split())


def test_rows_in_a_shared_ring() -> None:
    live = {name: lines(part, 3) for part, name in enumerate("ABC")}
    (rings,) = RingSharing(list(live), 8, live).rings()
    table = [["."] * 18 for _ in range(rings[0].slots)]
    for ring in rings:
        ranges = live[ring.name]
        for row, (first, last) in enumerate(zip(ranges.first, ranges.last, strict=True)):
            for time in range(first, min(last + 1, 18)):
                table[(row + ring.slot_offset) % ring.slots][time] = f"{ring.name}{row}"
    drawn = [line.split() for line in re.findall(r"^slot \d  (.*)$", PAGE, re.MULTILINE)]
    assert drawn == table
