"""Work that reports name: of one push_row, and bytes read from flash."""

from __future__ import annotations

import pytest
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.plan.work import instructions, push_work, weight_bytes_read
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan

M4 = load_target("cortex-m4")


def pointwise() -> Graph:
    net = Net((8, 6, 5))
    return net.graph(net.conv("x", 7))


def test_every_push_of_a_pointwise_layer_is_the_same() -> None:
    plan = choose_plan(pointwise(), M4, "rows").plan
    work = push_work(plan)
    assert work
    assert work.largest == work.typical == round(instructions(plan) / 8)
    assert push_work(choose_plan(pointwise(), M4, "resident").plan) is None


def test_the_last_push_does_what_waits_for_all_rows() -> None:
    net = Net((8, 6, 5))
    wide = net.conv(net.add("mean", ops.Mean(), (net.conv("x", 7),)), 500)
    work = push_work(choose_plan(net.graph(wide), M4, "rows").plan)
    assert work
    assert work.at_row == 7
    assert work.largest > 3 * work.typical


def test_weights_are_read_once_for_two_pixels() -> None:
    assert weight_bytes_read(choose_plan(pointwise(), M4, "resident").plan) == 8 * 3 * 5 * 7
    net = Net((9, 7, 4))
    assert weight_bytes_read(choose_plan(net.graph(net.depthwise("x")), M4, "resident").plan) == 9 * 3 * 3 * 4


@pytest.mark.thorough
def test_weights_of_rows_computed_anew_are_read_each_time() -> None:
    net = Net((24, 20, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    graph = net.graph(net.inverted_residual(net.inverted_residual(x, 4, 8), 4, 12, 2, 5))
    plain, least = choose_plan(graph, M4, "rows"), choose_plan(graph, M4, "rows", 1500)
    assert least.recomputing
    assert weight_bytes_read(least.plan) > weight_bytes_read(plain.plan)
