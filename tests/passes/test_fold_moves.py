from __future__ import annotations

import numpy as np
import pytest
from ladder import codes_for
from nets import Net

from ircompile.checks.pruning import check_pruning
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.validate import validate
from ircompile.passes.drop_dead import drop_dead
from ircompile.passes.fold_moves import fold_moves
from ircompile.passes.prune_channels import pruning


def moved(*moves: ops.Op, shape: tuple[int, int, int] = (4, 3, 6)) -> Graph:
    """The input, moved in several steps."""
    net, x = Net(shape), "x"
    for number, op in enumerate(moves):
        x = net.add(f"move{number}", op, (x,), net.tensors["x"].scale, net.tensors["x"].zero_point)
    return validate(net.graph(x))


def same_codes(graph: Graph, folded: Graph) -> None:
    for codes in codes_for(graph, 3):
        for name, expected in run_graph(graph, codes).items():
            np.testing.assert_array_equal(run_graph(folded, codes)[name], expected)


CHANNELS_FIRST, LAST = ops.Transpose((2, 0, 1)), ops.Transpose((1, 2, 0))
ROWS = ops.Slice((1, 0, 0), (2, 3, 6))
SHUFFLE = (CHANNELS_FIRST, ops.Reshape((2, 3, 12)), ops.Transpose((1, 0, 2)), ops.Reshape((6, 4, 3)), LAST)


@pytest.mark.parametrize(
    ("moves", "left"),
    [
        (SHUFFLE, [ops.Gather(2, (0, 3, 1, 4, 2, 5))]),
        ((*SHUFFLE, ops.Slice((0, 0, 1), (4, 3, 2))), [ops.Gather(2, (3, 1))]),
        ((CHANNELS_FIRST, ops.Slice((2, 0, 0), (3, 4, 3)), LAST), [ops.Slice((0, 0, 2), (4, 3, 3))]),
        ((ops.Gather(2, (1, 0, 2)), ops.Gather(2, (2, 0))), [ops.Gather(2, (2, 1))]),
        ((CHANNELS_FIRST, LAST), [ops.Slice((0, 0, 0), (4, 3, 6))]),
        ((CHANNELS_FIRST, ops.Reshape((3, 4, 6))), [CHANNELS_FIRST, ops.Reshape((3, 4, 6))]),
        ((ROWS, ops.Gather(2, (1, 0))), [ROWS, ops.Gather(2, (1, 0))]),
    ],
)  # fmt: skip
def test_folds(moves: tuple[ops.Op, ...], left: list[ops.Op]) -> None:
    graph = moved(*moves)
    folded = validate(drop_dead(fold_moves(graph)))
    assert [node.op for node in folded.nodes] == left
    same_codes(graph, folded)


def test_what_others_read_stays() -> None:
    """Also where it is what the choice is made of."""
    net = Net((4, 3, 6))
    x = net.tensors["x"]
    turned = net.add("turned", CHANNELS_FIRST, ("x",), x.scale, x.zero_point)
    back = net.add("back", LAST, (turned,), x.scale, x.zero_point)
    graph = net.graph(net.add("half", ops.Gather(2, (5, 3, 1)), (back,), x.scale, x.zero_point), turned)
    folded = validate(drop_dead(fold_moves(graph)))
    assert [node.op for node in folded.nodes] == [CHANNELS_FIRST, ops.Gather(2, (5, 3, 1))]
    same_codes(graph, folded)


def test_dead_channels_go_through_a_gather() -> None:
    """A channel that the gather leaves out, and one that is constant, are computed no more."""
    net = Net((5, 4, 3))
    x = net.conv("x", 6)
    net.consts["w0"][1] = 0
    t = net.tensors[x]
    picked = net.add("picked", ops.Gather(2, (4, 0, 1, 3)), (x,), t.scale, t.zero_point)
    graph = net.graph(net.conv(picked, 2))
    small, kept = pruning(graph)
    assert [node.op for node in small.nodes][1] == ops.Gather(2, (2, 0, 1))
    assert kept[x].tolist() == [0, 3, 4]
    assert check_pruning(graph, small, kept) == ()
    same_codes(graph, small)
