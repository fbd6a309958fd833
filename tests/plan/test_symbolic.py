"""The symbolic check catches planted errors of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from nets import Net
from proved import prove

from ircompile.errors import InternalError
from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.tensor import Array
from ircompile.kernels.lower import lower
from ircompile.plan import Plan, lay_out, stages
from ircompile.plan.allocator import Allocator
from ircompile.plan.model import ARENA_ALIGN, WaitRow
from ircompile.plan.search import find_default
from ircompile.plan.steps import StepRows, step_rows
from ircompile.plan.tables import schedule_tables
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan


def blocks(mode: InputMode = "rows") -> Plan:
    net = Net((20, 18, 4))
    x = net.conv("x", 8, (3, 3), (2, 2))
    for channels, stride in ((8, 1), (8, 1), (12, 2), (12, 1)):
        x = net.inverted_residual(x, 6, channels, stride)
    lowered = lower(net.graph(x), load_target("cortex-m4"))
    return lay_out(find_default(lowered.graph, lowered.demands, mode))


@pytest.fixture(scope="module", params=["rows", "resident"])
def plan(request: pytest.FixtureRequest) -> Plan:
    return blocks(request.param)


def test_proves(plan: Plan) -> None:
    prove(plan)


def caught(plan: Plan) -> bool:
    try:
        prove(plan)
    except InternalError:
        return True
    return False


def rings(plan: Plan) -> list[str]:
    return [name for name, b in plan.buffers.items() if 1 < b.slots < plan.tensor(name).height]


def test_catches_a_slot_too_few(plan: Plan) -> None:
    assert rings(plan)
    for name in rings(plan):
        buffer = plan.buffers[name]
        changed = {**plan.buffers, name: replace(buffer, slots=buffer.slots - 1)}
        assert caught(replace(plan, buffers=changed)), name


def shared_rings() -> Plan:
    """A network whose layers come in parts of their channels; some of the parts share a ring."""
    net = Net((24, 20, 4), 2)
    x = net.conv("x", 8, (3, 3), (2, 2))
    for channels, stride in ((8, 1), (12, 2), (12, 1)):
        x = net.inverted_residual(x, 6, channels, stride)
    return choose_plan(net.graph(x), load_target("cortex-m4"), "rows", 1840).plan


def test_catches_a_phase_of_one_more() -> None:
    plan = shared_rings()
    shared = [name for name in rings(plan) if plan.buffers[name].slot_offset]
    assert shared
    prove(plan)
    for name in shared:
        buffer = plan.buffers[name]
        changed = {**plan.buffers, name: replace(buffer, slot_offset=buffer.slot_offset + 1)}
        assert caught(replace(plan, buffers=changed)), name


@pytest.mark.parametrize("by", [-1, 1])
def test_catches_tight_offsets(plan: Plan, by: int) -> None:
    """Not every byte is tight, but most moves of a buffer by its own row are wrong."""
    found = 0
    for name, buffer in plan.buffers.items():
        moved = replace(buffer, offset=buffer.offset + by * buffer.pitch)
        found += caught(replace(plan, buffers={**plan.buffers, name: moved}))
    assert found > len(plan.buffers) // 2


def test_catches_a_wait_of_one_less(plan: Plan) -> None:
    tables = schedule_tables(plan)
    for i, wait in enumerate(tables.waits):
        less = WaitRow(wait.source, wait.times, wait.plus - wait.over, wait.over, wait.most)
        waits = (*tables.waits[:i], less, *tables.waits[i + 1 :])
        with pytest.raises(InternalError):
            prove(plan, replace(tables, waits=waits))


def test_catches_scratch_and_sums() -> None:
    net = Net((12, 10, 4))
    x = net.depthwise(net.conv("x", 8, (3, 3)), (5, 5))
    graph = net.graph(net.conv(net.add("mean", ops.Mean(), (x,)), 3))
    plan = choose_plan(graph, load_target("cortex-m4"), "resident").plan
    blocks_of = {"scratch": plan.scratch, "sums": plan.sums}
    for kind, found in blocks_of.items():
        assert any(block.bytes for block in found.values()), kind
        for name, block in found.items():
            node = plan.stages[plan.index[name]].node
            for tensor in (node.output, node.inputs[0]):
                over = replace(block, offset=plan.buffers[tensor].offset)
                assert not block.bytes or caught(replace(plan, **{kind: {**found, name: over}})), (name, tensor)
    prove(plan)


def test_catches_counters_over_rows(plan: Plan) -> None:
    assert caught(replace(plan, counters=replace(plan.counters, offset=0)))


def one_less(values: Array) -> Array:
    """Positive values one less, but never below 0."""
    return np.where(values > 0, values - 1, values)


def plant_rows(monkeypatch: pytest.MonkeyPatch, wrong: Callable[[StepRows], StepRows]) -> None:
    """The planner is told wrong rows of every stage."""
    monkeypatch.setattr(stages, "step_rows", lambda stage, site: wrong(step_rows(stage, site)))


def readers_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_rows(monkeypatch, lambda rows: replace(rows, readers=tuple(map(one_less, rows.readers))))


def writers_begin_late(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_rows(monkeypatch, lambda rows: replace(rows, writer=np.minimum(rows.writer + 1, rows.writer[-1])))


def waits_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_rows(monkeypatch, lambda rows: replace(rows, done=tuple(one_less(np.array(rows.done)).tolist())))


def bases_too_low(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Allocator.lowest_base
    monkeypatch.setattr(Allocator, "lowest_base", lambda *given: max(right(*given) - ARENA_ALIGN, 0))


@pytest.mark.thorough
@pytest.mark.parametrize("plant", [readers_end_early, writers_begin_late, waits_end_early, bases_too_low])
@pytest.mark.parametrize("mode", ["rows", "resident"])
def test_catches_a_planner_that_is_off_by_one(
    plant: Callable[[pytest.MonkeyPatch], None], mode: InputMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert caught(blocks(mode))
