"""Pads fold into what reads them, and windows lose taps that meet padding alone."""

from __future__ import annotations

import pytest
from nets import Net
from pass_results import after, same

from ircompile.ir import ops
from ircompile.ir.ops import Window
from ircompile.passes.drop_dead import drop_dead
from ircompile.passes.fold_pad import fold_pad
from ircompile.passes.shrink_windows import shrink_windows


def pad(net: Net, x: str, before: tuple[int, int], behind: tuple[int, int], value: int | None = None) -> str:
    value = net.tensors[x].zero_point if value is None else value
    return same(net, "pad", ops.Pad((*before, 0), (*behind, 0), value), x)


def test_pad_folds_into_convolutions() -> None:
    net = Net((8, 7, 3))
    padded = pad(net, "x", (0, 1), (1, 2))
    a = net.conv(padded, 4, (3, 3), (2, 2), padding=(0, 0, 0, 0))
    b = net.depthwise(padded, (3, 3), (2, 2), padding=(1, 0, 0, 0))
    graph = net.graph(a, b)
    assert after(lambda g: drop_dead(fold_pad(g)), graph) == ["Conv", "Depthwise"]
    first, second = fold_pad(graph).nodes[1:]
    assert first.op.window.padding == (0, 1, 1, 2)  # type: ignore[union-attr]
    assert second.op.window.padding == (1, 1, 1, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation", "smaller", "less"),
    [
        ((3, 3), (7, 7), (1, 1), (3, 3, 3, 3), (1, 1), (5, 5), (2, 2, 2, 2)),
        ((3, 5), (7, 7), (1, 1), (3, 3, 3, 3), (1, 1), (5, 7), (2, 2, 3, 3)),
        ((1, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (1, 3), (0, 0, 1, 1)),
        ((2, 2), (3, 5), (2, 2), (0, 1, 2, 2), (1, 1), (2, 2), (0, 0, 0, 1)),
        ((4, 4), (3, 3), (1, 1), (4, 4, 4, 4), (4, 4), (1, 1), (0, 0, 0, 0)),
        ((1, 3), (2, 2), (1, 1), (2, 0, 1, 0), (2, 1), (1, 2), (0, 0, 1, 0)),
        ((1, 3), (2, 2), (1, 1), (1, 1, 1, 0), (2, 1), (2, 2), (1, 1, 1, 0)),
        ((6, 6), (7, 7), (1, 1), (3, 3, 3, 3), (1, 1), (7, 7), (3, 3, 3, 3)),
    ],
)
def test_windows_lose_taps_that_meet_padding_alone(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
    smaller: tuple[int, int],
    less: tuple[int, int, int, int],
) -> None:
    net = Net((*size, 3))
    a = net.conv("x", 4, kernel, stride, padding=padding, dilation=dilation)
    b = net.depthwise("x", kernel, stride, padding, dilation, multiplier=2)
    graph = net.graph(a, b)
    assert after(shrink_windows, graph) == ["Conv", "Depthwise"]
    for node in shrink_windows(graph).nodes:
        assert (node.op.window.kernel, node.op.window.padding) == (smaller, less)  # type: ignore[union-attr]


def test_pad_stays_where_it_is_more_than_padding() -> None:
    net = Net((8, 7, 3))
    wrong = net.tensors["x"].zero_point + 1
    net.conv(pad(net, "x", (1, 1), (1, 1), wrong), 4, (3, 3), padding=(0, 0, 0, 0))
    assert after(fold_pad, net.graph()) == ["Pad", "Conv"]
    net = Net((8, 7, 3))
    channels = same(net, "pad", ops.Pad((0, 0, 0), (0, 0, 2), net.tensors["x"].zero_point), "x")
    net.conv(channels, 4, (3, 3), padding=(0, 0, 0, 0))
    assert after(fold_pad, net.graph()) == ["Pad", "Conv"]
    net = Net((8, 7, 3))
    pad_then_pool = pad(net, "x", (1, 1), (1, 1))
    same(net, "pool", ops.AveragePool(Window((3, 3))), pad_then_pool)  # padding counts there
    assert after(fold_pad, net.graph()) == ["Pad", "AveragePool"]


def test_pad_kept_for_one_reader_only() -> None:
    net = Net((8, 7, 3))
    padded = pad(net, "x", (1, 1), (1, 1))
    a = net.conv(padded, 4, (3, 3), padding=(0, 0, 0, 0))
    graph = net.graph(a, padded)
    assert after(lambda g: drop_dead(fold_pad(g)), graph) == ["Pad", "Conv"]
    assert [node.inputs for node in fold_pad(graph).nodes] == [("x",), ("x",)]


@pytest.mark.parametrize(("relu", "folds"), [(True, True), (False, False)])
def test_pad_folds_into_max_pool_where_it_never_wins(relu: bool, folds: bool) -> None:
    net = Net((8, 7, 3))
    x = net.conv("x", 4, relu=relu)
    padded = pad(net, x, (0, 0), (1, 1))
    same(net, "pool", ops.MaxPool(Window((3, 3), (2, 2))), padded)
    graph = net.graph()
    expected = ["Conv", "MaxPool"] if folds else ["Conv", "Pad", "MaxPool"]
    assert after(lambda g: drop_dead(fold_pad(g)), graph) == expected


def test_max_pool_keeps_a_pad_as_wide_as_its_window() -> None:
    net = Net((8, 7, 3))
    padded = pad(net, net.conv("x", 4, relu=True), (2, 0), (0, 0))
    same(net, "pool", ops.MaxPool(Window((2, 2))), padded)
    graph = net.graph()
    assert after(lambda g: drop_dead(fold_pad(g)), graph) == ["Conv", "Pad", "MaxPool"]
