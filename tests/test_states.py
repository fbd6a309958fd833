"""Networks with memory: what they mean, how they are planned, and their C."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb
from nets import Net
from proved import prove
from remembering import Remembering, calls_for, everything, wake_word

from ircompile.errors import CompileError, InternalError
from ircompile.importers.ir import parse_ir, print_ir
from ircompile.ir import ops
from ircompile.ir.graph import Graph, State
from ircompile.ir.simulate import run_calls, run_graph
from ircompile.ir.validate import validate
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.plan.simulate import new_arena, run_plan
from ircompile.target import load_target
from ircompile.verification.runners.firmware import run_firmware


def test_rows_of_windows_are_those_of_one_long_input() -> None:
    """A window over time gives, call after call, the rows that the same layers give over all of time at once."""
    net, long = Remembering((1, 3, 4), seed=5), Net((30, 3, 4), seed=5)
    zero = net.tensors["x"].zero_point
    net.depthwise(net.window("x", 4, zero), (5, 3), (1, 1), (0, 0, 1, 1))
    graph = net.graph()
    long.consts, op = net.consts, next(node.op for node in graph.nodes if isinstance(node.op, ops.Depthwise))
    window = ops.Window((5, 3), (1, 1), (4, 0, 1, 1))
    long.add("dw", replace(op, window=window), ("x",), zero=-128)
    whole = long.graph()
    x = np.random.default_rng(0).integers(-128, 128, (30, 3, 4)).astype(np.int8)
    at_once = run_graph(whole, {"x": x})[whole.output_names[0]]
    for form in (graph, normalize(graph)):
        name = form.input_names[0]
        found = run_calls(form, [{name: row[np.newaxis]} for row in x])
        np.testing.assert_array_equal(np.concatenate([o[form.output_names[0]] for o in found]), at_once)


def test_windows_become_rings() -> None:
    graph = normalize(wake_word())
    assert not [node for node in graph.nodes if isinstance(node.op, ops.Concat | ops.Slice)]
    assert sorted(graph.history.values()) == [2, 4, 4, 8]
    assert graph.input_names[0] in graph.history, "the caller's rows go into the ring"
    calls = calls_for(graph, 30)
    before = run_calls(wake_word(), [{"x": c[graph.input_names[0]]} for c in calls], 20)
    for a, b in zip(before, run_calls(graph, calls, 20), strict=True):
        np.testing.assert_array_equal(next(iter(a.values())), next(iter(b.values())))


def test_a_variable_that_drops_rows_first_is_a_ring_too() -> None:
    """The state holds the whole window, of which the oldest rows are dropped before new ones come."""
    net = Remembering((2, 1, 3))
    variable, held = net.variable("x", 7)
    t = net.tensors["x"]
    kept = net.add("kept", ops.Slice((2, 0, 0), (5, 1, 3)), (held,), t.scale, t.zero_point)
    joined = net.add("joined", ops.Concat(0), (kept, "x"), t.scale, t.zero_point)
    net.assign(variable, joined)
    graph = net.graph(net.depthwise(joined, (7, 1), padding=(0, 0, 0, 0)))
    small = normalize(graph)
    assert small.history == {small.input_names[0]: 5}
    assert len(small.nodes) == 1
    same(graph, small)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_no_window_stays_a_variable(seed: int) -> None:
    """Each differs in one thing from a window: then nothing may be dropped."""
    net = Remembering((2, 2, 3), seed=seed)
    variable, held = net.variable("x", 3)
    t = net.tensors["x"]
    joined = net.add("joined", ops.Concat(0), (held, "x") if seed != 0 else ("x", held), t.scale, t.zero_point)
    first = 1 if seed == 1 else 2
    last = net.add("last", ops.Slice((first, 0, 0), (3, 2, 3)), (joined,), t.scale, t.zero_point)
    changed = (
        net.add("moved", ops.Pad((0, 1, 0), (0, 0, 0), 5), (last,), t.scale, t.zero_point) if seed == 2 else last
    )
    if seed == 2:
        changed = net.add("cut", ops.Slice((0, 0, 0), (3, 2, 3)), (changed,), t.scale, t.zero_point)
    net.assign(variable, changed)
    outputs = [net.depthwise(joined, (3, 1), padding=(0, 0, 0, 0))]
    outputs += [net.conv(held, 2)] if seed == 3 else [joined] if seed == 4 else [last] if seed == 5 else []
    graph = net.graph(*outputs)
    small = normalize(graph)
    assert any(2 * small.history[name] == small.tensors[name].height for name in small.history)
    same(graph, small)


def same(graph: Graph, other: Graph) -> None:
    calls = calls_for(graph, 12)
    others = [dict(zip(other.input_names, call.values(), strict=True)) for call in calls]
    for a, b in zip(run_calls(graph, calls), run_calls(other, others), strict=True):
        for want, got in zip(a.values(), b.values(), strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.thorough
@pytest.mark.parametrize("make", [wake_word, everything])
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_plans_go_on_from_call_to_call(make: object, mode: str) -> None:
    graph = normalize(make())  # type: ignore[operator]
    for target in ("cortex-m4", "cortex-m55", "host"):
        plan = build(graph, load_target(target), "net", mode).plan  # type: ignore[arg-type]
        prove(plan)
        assert plan.lower_bound <= plan.arena_bytes
        arena, calls = new_arena(plan), calls_for(graph, 25)
        for number, want in enumerate(run_calls(graph, calls)):
            arena[plan.state_bytes :] = 0x33
            found = run_plan(plan, calls[number], arena, number)
            for name in want:
                np.testing.assert_array_equal(found[name], want[name])


def test_the_state_is_little_more_than_its_rows() -> None:
    graph = normalize(wake_word())
    plan = build(graph, load_target("cortex-m4"), "net").plan
    rows = sum(state.rows * graph.tensors[state.tensor].row_bytes for state in graph.states)
    new = sum(graph.fresh(state.tensor).bytes for state in graph.states)
    assert rows < plan.state_bytes <= rows + new + 8 * len(graph.states) + graph.fresh(graph.input_names[0]).bytes


def test_a_variable_written_behind_its_readers_needs_its_own_rows_only() -> None:
    net = Remembering((4, 2, 3))
    variable, held = net.variable("x", 4)
    net.assign(variable, net.sum(held, "x"))
    graph = net.graph(net.conv(held, 2))
    plan = build(normalize(graph), load_target("cortex-m4"), "net").plan
    assert plan.state_bytes == graph.tensors[variable].bytes // 2


def test_the_proof_finds_rings_that_are_too_small_or_move_wrongly() -> None:
    graph = normalize(wake_word())
    plan = build(graph, load_target("cortex-m4"), "net").plan
    prove(plan)
    wrong = 0
    for name, rows in graph.history.items():
        buffer = plan.buffers[name]
        changes = [{"advance": buffer.advance + 1}, {"offset": 0}]
        changes += [{"slots": buffer.slots - 1}] if buffer.slots == rows + buffer.advance else []
        for change in changes:
            broken = replace(plan, buffers={**plan.buffers, name: replace(buffer, **change)})
            with pytest.raises(InternalError):
                prove(broken)
            wrong += 1
    assert wrong >= 10
    with pytest.raises(InternalError):  # what outlives a call must not be forgotten
        prove(replace(plan, state_bytes=plan.state_bytes // 2))


def test_text() -> None:
    graph = normalize(everything())
    assert graph.states
    again = parse_ir(print_ir(graph), dict(graph.consts))
    assert print_ir(again) == print_ir(graph)
    assert again.states == graph.states


@pytest.mark.parametrize("change", ["rows", "height", "initial", "type", "output", "twice", "early"])
def test_states_are_checked(change: str) -> None:
    net = Remembering((1, 2, 3))
    window = net.window("x", 4)
    graph = normalize(net.graph(net.depthwise(window, (5, 1), padding=(0, 0, 0, 0))))
    (state,) = graph.states
    states, consts, outputs, nodes = [state], dict(graph.consts), graph.outputs, graph.nodes
    match change:
        case "rows":
            states = [replace(state, rows=3)]
        case "height":
            states = [replace(state, rows=5)]
        case "initial":
            states = [replace(state, initial="nothing")]
        case "type":
            consts[state.initial] = consts[state.initial].astype(np.int16)
        case "output":
            outputs = (replace(outputs[0], tensor=state.tensor, shape=(1, 5, 2, 3)),)
        case "twice":
            states = [state, state]
        case "early":
            states = [State("lost", 1, state.initial)]
    with pytest.raises(CompileError):
        validate(replace(graph, states=tuple(states), consts=consts, outputs=outputs, nodes=nodes))


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_c(mode: str, tmp_path: Path) -> None:
    """Thirty calls, a new begin, thirty more; all that outlives a call are the first bytes of the arena."""
    for number, graph in enumerate((normalize(wake_word()), normalize(everything()))):
        rungs = ("gcc", "cortex-m4") if number else ("gcc", "cortex-m4", "cortex-m55", "cortex-m0plus")
        climb(graph, tmp_path / str(number), mode, calls_for(graph, 60), rungs)  # type: ignore[arg-type]


TWO = """
#include <stdio.h>
#include <string.h>
#include "net.h"
#include "calls.h"

static int32_t first[(NET_ARENA_BYTES + 3) / 4], second[(NET_ARENA_BYTES + 3) / 4];
static int32_t asleep[(NET_STATE_BYTES + 3) / 4];

static int call(void *arena, int number, const int8_t *wanted)
{
    memcpy(net_input(arena), inputs[number], NET_INPUT_BYTES);
    net_run(arena);
    return memcmp(net_output(arena), wanted, NET_OUTPUT_BYTES) != 0;
}

int main(void)
{
    int wrong = 0;
    net_begin(first);
    for (int i = 0; i < CALLS; i++) {
        if (i == LATER)
            net_begin(second); /* in the middle of the first one's calls */
        memcpy(asleep, first, NET_STATE_BYTES);
        memset(first, 0x5A, sizeof first);
        memcpy(first, asleep, NET_STATE_BYTES);
        wrong += call(first, i, outputs[i]);
        if (i >= LATER)
            wrong += call(second, i, later[i - LATER]);
    }
    printf("%d wrong\\n", wrong);
    return wrong;
}
"""


@pytest.mark.toolchain
def test_two_instances_in_one_firmware(tmp_path: Path) -> None:
    """Each in its arena, one begun while the other goes on; all but its state is lost before every call."""
    graph, later = normalize(wake_word()), 7
    calls = calls_for(graph, 20)
    name, output = graph.input_names[0], graph.output_names[0]
    found = [each[output] for each in run_calls(graph, calls)]
    again = [each[output] for each in run_calls(graph, calls[later:])]
    assert not np.array_equal(found[later:], again)
    build(graph, load_target("cortex-m4"), "net").write(tmp_path)

    def array(what: str, values: list[np.ndarray]) -> str:  # type: ignore[type-arg]
        rows = ", ".join("{" + ", ".join(map(str, value.reshape(-1).tolist())) + "}" for value in values)
        return f"static const int8_t {what}[{len(values)}][{values[0].size}] = {{{rows}}};\n"

    text = f"#define CALLS {len(calls)}\n#define LATER {later}\n"
    text += array("inputs", [call[name] for call in calls]) + array("outputs", found) + array("later", again)
    (tmp_path / "calls.h").write_text(text)
    (tmp_path / "main.c").write_text(TWO)
    sources = [tmp_path / "main.c", tmp_path / "net.c", tmp_path / "net_weights.c"]
    assert run_firmware(sources, [tmp_path], load_target("cortex-m4")) == "0 wrong\n"
