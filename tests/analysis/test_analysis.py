"""Does it fit, what blocks it, what would make it fit: every figure is held against the real planner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nets import Net, mobilenet_v2
from plan.random_nets import random_net
from proved import prove

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan import lay_out
from ircompile.plan.costs import SegmentCosts
from ircompile.plan.partition import best_partition, partition
from ircompile.target import MemoryRegion, load_target
from ircompile.variants.choose import choose_plan
from ircompile.variants.estimate import analyze_graph
from ircompile.variants.estimate.advice import fixed_in_width, rescale, total_stride
from ircompile.variants.estimate.estimate import Estimate, Planner, estimate_forms, find_coarse, recomputing

M4 = load_target("cortex-m4")


def small() -> Graph:
    return mobilenet_v2(0.35, 64, classes=10)


def short() -> Graph:
    net = Net((48, 48, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    x = net.inverted_residual(x, 4, 8)
    x = net.inverted_residual(x, 6, 16, 2)
    x = net.inverted_residual(x, 4, 16)
    return net.graph(net.conv(net.add("mean", ops.Mean(), (x,)), 4))


def branches() -> Graph:
    net = Net((24, 24, 8))
    a = net.conv("x", 16, (3, 3), (2, 2), relu=True)
    b = net.inverted_residual(a, 4, 16)
    c = net.add("cat", ops.Concat(2), (net.conv(b, 8), net.conv(a, 8)), zero=0)
    return net.graph(net.add("mean", ops.Mean(), (c,)), net.conv(b, 4))


def planned(graph: Graph, rows: bool) -> Estimate:
    return Planner(lower(graph, M4)).estimate(rows)


@pytest.mark.thorough
@pytest.mark.parametrize("make", [short, branches])
@pytest.mark.parametrize("rows", [False, True])
def test_a_coarse_plan_is_a_plan_near_the_real_one(make, rows: bool) -> None:  # type: ignore[no-untyped-def]
    found = planned(make(), rows)
    plan = lay_out(found.candidate)
    prove(plan)
    assert found.placed
    assert found.bound <= plan.arena_bytes <= found.bytes
    assert found.bytes <= 1.15 * choose_plan(make(), M4, "rows" if rows else "resident").ram


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(12))
def test_what_is_said_is_kept(seed: int) -> None:
    graph = random_net(seed)
    found = analyze_graph(graph, M4, "resident", advise=False)
    assert found.lower_bound <= found.arena
    assert analyze_graph(graph, M4, "resident", found.arena, advise=False).verdict == "fits"
    assert choose_plan(graph, M4, "resident", "min").ram <= found.arena
    assert choose_plan(graph, M4, "resident", found.arena).ram <= found.arena
    assert choose_plan(graph, M4, "resident").ram <= 1.1 * found.arena


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [False, True])
def test_a_gated_network_is_estimated_in_the_form_that_is_compiled(rows: bool) -> None:
    net = Net((32, 32, 3))
    x = net.conv(net.conv("x", 32, (3, 3), (4, 4), relu=True), 8, (3, 3))
    x = net.add("resize", ops.Resize("nearest", (32, 32)), (x,), zero=net.tensors[x].zero_point)
    x = net.conv(x, 32)
    gate = net.conv(net.conv(net.add("mean", ops.Mean(), (x,)), 4), 32)
    x = net.conv(net.sum(x, gate, "mul"), 16, (3, 3), (2, 2))
    graph = net.graph(net.conv(net.add("mean", ops.Mean(), (x,)), 4))
    once, found = planned(graph, rows), estimate_forms(graph, M4, rows)
    assert found.bytes < 0.9 * once.bytes
    plan = choose_plan(graph, M4, "rows" if rows else "resident", found.bytes).plan
    prove(plan)
    assert plan.arena_bytes <= found.bytes


def test_the_cuts_are_nearly_as_good_as_those_of_firing_every_segment() -> None:
    planner = Planner(lower(short(), M4))
    costs = SegmentCosts(planner.plain, rows_input=False)
    fired = max(map(costs.live, partition(costs, costs.live)))
    guessed = max(map(costs.live, find_coarse(planner.plain, rows_input=False).segments))
    assert guessed <= 1.02 * fired


def test_cuts_minimize_the_greatest_cost() -> None:
    cost = np.array([[0, 5, 9, 9], [0, 0, 4, 7], [0, 0, 0, 6]], float)
    assert best_partition(cost) == [(0, 1), (1, 2), (2, 3)]
    cost[0, 3] = 5
    assert best_partition(cost) == [(0, 3)]


def test_recomputing_takes_less_memory_and_counts_its_work() -> None:
    net = Net((48, 48, 3))
    x = net.conv("x", 4, (3, 3), (2, 2), relu=True)
    for _ in range(3):
        x = net.inverted_residual(x, 16, 4)
    graph = net.graph(net.add("mean", ops.Mean(), (x,)))
    start = planned(graph, True)
    more = recomputing(start, None, 6)
    assert more.bytes < start.bytes
    assert more.macs > start.macs == graph.macs()
    prove(lay_out(more.candidate))


def test_what_fits_is_told_and_needs_no_advice() -> None:
    found = analyze_graph(small(), M4, ram=64_000)
    assert found.verdict == "fits"
    assert found.fits is True
    assert found.options == ()
    assert found.lower_bound <= found.arena <= 64_000


def test_what_blocks_is_the_layer_at_the_peak() -> None:
    net = Net((16, 16, 3))
    x = net.conv("x", 8, (3, 3), (2, 2))
    wide = net.conv(x, 64)
    pooled = net.add("max", ops.MaxPool(ops.Window((8, 8))), (wide,), zero=0)
    found = analyze_graph(net.graph(net.conv(pooled, 4), net.conv(wide, 1)), M4)
    assert found.verdict == "not asked"
    assert found.fits is None
    assert found.held[0][0] == wide
    assert found.peak_layer in (wide, pooled, "conv4")
    assert [size for _, size in found.held] == sorted((size for _, size in found.held), reverse=True)
    assert sum(size for _, size in found.held) <= found.arena


def test_pushed_rows_are_proposed_and_fit_for_true() -> None:
    graph = short()
    ram = planned(graph, True).surely
    found = analyze_graph(graph, M4, ram=ram)
    assert found.verdict == "fits with changes"
    (rows,) = found.options
    assert (rows.change, rows.fits, rows.basis) == ("rows", True, "planned")
    assert choose_plan(graph, M4, "rows", ram).ram <= ram


@pytest.mark.thorough
def test_a_smaller_input_is_proposed_that_fits_for_true() -> None:
    graph = small()
    found = analyze_graph(graph, M4, ram=planned(graph, True).bound // 2)
    assert found.fits is False
    change = {option.change: option for option in found.options}
    size = change["size"]
    height, width = (int(word) for word in size.how.split("input of ")[1].split(",")[0].split(" x "))
    assert height % 32 == width % 32 == 0 < height
    assert planned(rescale(graph, height, width), True).bytes == size.arena < (found.ram or 0)
    assert change["width"].basis == "in proportion"
    assert change["width"].arena <= (found.ram or 0)


def test_fewer_channels_are_not_proposed_against_bytes_that_stay() -> None:
    net = Net((16, 16, 3))
    x = net.conv("x", 32, (3, 3), relu=True)
    x = net.conv(net.conv(x, 32, (3, 3)), 4)
    x = net.add("up", ops.Resize("nearest", (64, 64)), (x,), zero=net.tensors[x].zero_point)
    graph = net.graph(x)
    assert fixed_in_width(graph) == {"x", *(node.output for node in graph.nodes[2:])}
    whole = graph.tensors[x].bytes
    for ram in (whole // 2, whole - 1):
        assert not any(option.change == "width" for option in analyze_graph(graph, M4, ram=ram).options)
    narrow = mobilenet_v2(0.35, 64, classes=10)
    assert "width" in {option.change for option in analyze_graph(narrow, M4, ram=9_000).options}


def test_between_bound_and_plan_it_may_fit() -> None:
    net = Net((12, 12, 8))
    x = net.inverted_residual("x", 6, 8)
    graph = net.graph(net.inverted_residual(x, 6, 8))
    found = planned(graph, False)
    assert found.bound < found.bytes
    result = analyze_graph(graph, M4, ram=found.bound, advise=False)
    assert result.verdict == "may fit"
    assert result.fits is None
    assert analyze_graph(graph, M4, ram=found.bound - 1, advise=False).verdict == "does not fit"


@pytest.mark.parametrize("size", [96, 160])
def test_rescaling_gives_what_building_at_that_size_gives(size: int) -> None:
    want, got = mobilenet_v2(0.35, size, classes=10), rescale(small(), size, size)
    assert [t.shape for t in got.tensors.values()] == [t.shape for t in want.tensors.values()]
    assert got.inputs == want.inputs
    assert got.macs() == want.macs()


def test_rescaling_refuses_what_is_tied_to_its_size() -> None:
    net = Net((8, 8, 4))
    flat = net.add("flat", ops.Reshape((1, 1, 256)), ("x",), zero=0)
    graph = net.graph(net.conv(flat, 10))
    with pytest.raises(CompileError, match="reshapes"):
        rescale(graph, 4, 4)
    whole = Net((8, 8, 4))
    with pytest.raises(CompileError, match="spans the whole map"):
        rescale(whole.graph(whole.conv("x", 10, (8, 8), padding=(0, 0, 0, 0))), 4, 4)


def test_rescaling_keeps_pools_and_resizes_in_proportion() -> None:
    net = Net((8, 8, 4))
    up = net.add("up", ops.Resize("nearest", (16, 16)), ("x",), zero=0)
    pool = net.add("pool", ops.AveragePool(ops.Window((16, 16))), (up,), zero=0)
    got = rescale(net.graph(pool), 6, 4)
    assert got.tensors[up].shape == (12, 8, 4)
    assert got.tensors[pool].shape == (1, 1, 4)


def test_the_grain_of_sizes_is_the_total_stride() -> None:
    assert total_stride(small()) == 32
    assert total_stride(branches()) == 2


def test_several_inputs_cannot_be_pushed() -> None:
    net = Net((4, 4, 4))
    net.tensors["y"] = replace(net.tensors["x"], name="y")
    graph = net.graph(net.sum("x", "x"))
    two = replace(graph, tensors=net.tensors, inputs=(*graph.inputs, replace(graph.inputs[0], tensor="y")))
    with pytest.raises(CompileError, match="one input"):
        analyze_graph(two, M4, "rows")


@pytest.mark.thorough
def test_two_memories_hold_what_one_of_them_does_not() -> None:
    graph = small()
    size = planned(graph, False).bytes
    halves = [MemoryRegion("dtcm", size // 2), MemoryRegion("sram", 2 * size)]
    found = analyze_graph(graph, M4, memory=halves)
    assert (found.verdict, found.ram) == ("fits", size // 2 + 2 * size)
    assert [name for name, _ in found.regions] == ["dtcm", "sram"]
    assert 0 < found.regions[0][1] <= size // 2
    plan = choose_plan(graph, M4, "resident", memory=halves).plan
    assert all(region.bytes <= memory.bytes for region, memory in zip(plan.regions, halves, strict=True))


def test_all_goes_to_the_first_memory_where_it_fits() -> None:
    graph = small()
    size = planned(graph, False).surely
    found = analyze_graph(graph, M4, memory=[MemoryRegion("dtcm", size), MemoryRegion("sram", 8)])
    assert found.regions == (("dtcm", found.arena), ("sram", 0))


@pytest.mark.thorough
def test_memories_in_which_no_large_buffer_lies_whole_do_not_hold_it() -> None:
    graph = small()
    size = planned(graph, False).bytes
    parts = [MemoryRegion(f"bank{i}", size // 6) for i in range(12)]
    found = analyze_graph(graph, M4, memory=parts)
    assert found.verdict == "may fit"
    assert not found.regions
    assert not any(option.fits for option in found.options)
    with pytest.raises(CompileError, match="do not hold a plan"):
        choose_plan(graph, M4, "resident", memory=parts)


def test_one_memory_is_a_budget_and_the_smaller_of_two_counts() -> None:
    graph = small()
    one = [MemoryRegion("sram", planned(graph, False).bound - 1)]
    assert analyze_graph(graph, M4, memory=one, advise=False).verdict == "does not fit"
    assert analyze_graph(graph, M4, ram=10_000_000, memory=one, advise=False).ram == one[0].bytes
    with pytest.raises(CompileError, match="two memories of one name"):
        analyze_graph(graph, M4, memory=[*one, *one])
