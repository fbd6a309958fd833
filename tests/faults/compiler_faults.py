"""Faults in the compiler itself: rules of intervals, of pruning and of folding, planted while it compiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from fault_nets import NETS
from nets import Net

from ircompile import passes, pipeline
from ircompile.analyses.intervals import Intervals
from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array, Site

Plant = Callable[[pytest.MonkeyPatch], None]
PIXELS = (120.0, 118.0, 119.0), (60.0,)
"""Mean and standard deviation of pixels."""
Rule = Callable[..., Any]


@dataclass(frozen=True)
class CompilerFault:
    """What is planted: the mechanism that is wrong, how, in the compilation of which network, and the patch."""

    mechanism: str
    what: str
    make: Callable[[], Graph]
    plant: Plant


def prunable() -> Graph:
    """Channels that are constant, unread or both, before convolutions with and without padding."""
    big = 2**21
    net = Net((6, 6, 3))
    a = net.conv("x", 6, (3, 3), relu=True)
    y = net.conv(net.conv(a, 5), 4, (3, 3))
    net.consts["b0"][[1, 4]] = big
    net.consts["b1"][2] = -big
    net.consts["w2"][..., 3] = 0
    return net.graph(y)


def folding() -> Graph:
    """What each folding pass folds: functions of codes in a row and before a mean, a shuffle of channels, a pad."""
    net = Net((6, 6, 8))
    zero = net.tensors["x"].zero_point
    x = net.add("pad", ops.Pad((1, 1, 0), (1, 1, 0), zero), ("x",), 0.05, zero)
    x = net.conv(x, 8, (3, 3), padding=(0, 0, 0, 0))
    for op in (ops.Reshape((36, 2, 4)), ops.Transpose((0, 2, 1)), ops.Reshape((6, 6, 8))):
        x = net.add("move", op, (x,), 0.05, net.tensors[x].zero_point)
    for name in ("f", "g", "h"):
        net.consts[name] = net.rng.integers(-128, 128, 256).astype(np.int8)
    x = net.add("table", ops.Table("g"), (net.add("table", ops.Table("f"), (x,)),))
    y = net.conv(x, 6)
    return net.graph(y, net.conv(net.add("mean", ops.Mean(), (net.add("table", ops.Table("h"), (y,)),)), 4))


def in_pass(module: str, name: str, change: Callable[[Any], Any]) -> Plant:
    """Changes what a function of a pass gives."""
    return wrapped(import_module(f"ircompile.passes.{module}"), name, change)


def wrapped(owner: object, name: str, change: Callable[[Any], Any]) -> Plant:
    """Changes what a function, or a method, gives."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        right: Rule = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, **named: change(right(*given, **named)))

    return plant


def short(op: type[ops.Op]) -> CompilerFault:
    """The greatest code of an op is one less than it can be."""
    net = next(name for name in ("elementwise", "pooled", "moving", "wide") if _has(NETS[name](), op))
    plant = wrapped(op, "bounds", lambda ends: (ends[0], np.maximum(ends[0], ends[1] - 1)))
    return CompilerFault("interval rules", f"{op.__name__}: the greatest code is one short", NETS[net], plant)


def _has(graph: Graph, op: type[ops.Op]) -> bool:
    return any(type(node.op) is op for node in graph.nodes)


def sums(op: type[ops.Op], net: str) -> CompilerFault:
    """The least sum of a convolution is one more than it can be."""
    plant = wrapped(op, "sum_bounds", lambda found: ((found[0][0] + 1, found[0][1]), found[1]))
    return CompilerFault("interval rules", f"{op.__name__}: the least sum is one too many", NETS[net], plant)


def without_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows at borders are taken to have all taps."""
    right = ops.Conv.tap_classes

    def whole(op: ops.Conv, site: Site) -> tuple[Array, Array]:
        rows, columns = right(op, site)
        return rows[rows.sum(axis=1).argmax()][np.newaxis], columns[columns.sum(axis=1).argmax()][np.newaxis]

    monkeypatch.setattr(ops.Conv, "tap_classes", whole)


def one_more_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first channel of every tensor is taken to hold one code."""
    right = Intervals.constant
    first = lambda found: found | (np.arange(len(found)) == 0)  # noqa: E731
    monkeypatch.setattr(Intervals, "constant", lambda self, tensor: first(right(self, tensor)))


def spoiled(name: str, change: Callable[[Graph, Graph], Graph]) -> Plant:
    """Changes what a pass makes of a graph, if it makes anything."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        def wrong(run: Callable[[Graph], Graph]) -> Callable[[Graph], Graph]:
            def changed(graph: Graph) -> Graph:
                after = run(graph)
                return after if after == graph else change(graph, after)

            changed.__name__ = name
            return changed

        found = tuple(wrong(run) if run.__name__ == name else run for run in passes.PASSES)
        monkeypatch.setattr(passes, "PASSES", found)

    return plant


def new_consts(change: Callable[[Array], Array]) -> Callable[[Graph, Graph], Graph]:
    """Changes the constants that a pass has added."""
    return lambda before, after: replace(
        after, consts={n: c if n in before.consts else change(c) for n, c in after.consts.items()}
    )


def wider_padding(before: Graph, after: Graph) -> Graph:
    """Windows whose padding a pass has changed are a pixel further to the left."""
    old: Mapping[str, ops.Op] = {node.name: node.op for node in before.nodes}

    def moved(op: ops.Op, name: str) -> ops.Op:
        if not isinstance(op, ops.Conv) or op == old[name]:
            return op
        top, bottom, left, right = op.window.padding
        return replace(op, window=replace(op.window, padding=(top, bottom, left - 1, right + 1)))

    return replace(after, nodes=tuple(replace(node, op=moved(node.op, node.name)) for node in after.nodes))


def brighter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pixel gives the code of the next one."""
    right = pipeline.fold_pixels

    def changed(graph: Graph, *pixels: Sequence[float]) -> Graph:
        return new_consts(lambda tables: np.roll(tables, -1, axis=1))(graph, right(graph, *pixels))

    monkeypatch.setattr(pipeline, "fold_pixels", changed)


RULES = [
    CompilerFault("demands", "an addition tells no rows of its second input", NETS["blocks"],
                  wrapped(ops.Binary, "needs", lambda rows: (rows[0], *((0, 0) for _ in rows[1:])))),
    CompilerFault("demands", "a mean tells of two sums", NETS["dense"],
                  wrapped(ops.Mean, "sum_bytes", lambda kept: min(kept, 8))),
    sums(ops.Conv, "dense"),
    sums(ops.Depthwise, "separable"),
    sums(ops.TransposeConv, "moving"),
    CompilerFault("interval rules", "Conv: windows at borders forgotten", prunable, without_borders),
    *map(short, (ops.Binary, ops.Table, ops.Prelu, ops.Mean, ops.MaxPool, ops.AveragePool, ops.Concat, ops.Extreme,
                 ops.Resize, ops.Pad, ops.DepthToSpace, ops.Softmax, ops.ArgMax)),
    CompilerFault("pruning rules", "a channel taken for constant that is not", prunable, one_more_constant),
    CompilerFault("pruning rules", "what removed channels add, not in the bias", prunable,
                  in_pass("prune_channels", "read_conv", lambda found: found._replace(fixed=found.fixed * 0))),
    CompilerFault("pruning rules", "a channel taken for unread that is read", prunable,
                  in_pass("prune_channels", "read_conv", lambda found: found._replace(
                      needs=found.needs & (np.arange(found.needs.shape[1]) != 2)))),
]  # fmt: skip
"""Those that the checks of a compile must find."""
FOLDS = [
    CompilerFault("folding", "fold_pad: the picture a pixel further", folding, spoiled("fold_pad", wider_padding)),
    CompilerFault("folding", "fold_moves: channels in the opposite order", folding,
                  in_pass("fold_moves", "_choice", lambda move: replace(move, indices=move.indices[::-1]))),
    CompilerFault("folding", "merge_tables: an entry further", folding,
                  spoiled("merge_tables", new_consts(lambda table: np.roll(table, 1)))),
    CompilerFault("folding", "fold_lookups: another zero point", folding,
                  in_pass("fold_lookups", "Lookup", lambda found: replace(found, zero_point=found.zero_point + 3))),
]  # fmt: skip
"""Those that the comparison with the operators of the file must find, where there is no framework."""
PIXEL_FOLD = CompilerFault("folding", "fold_pixels: pixels one brighter", NETS["dense"], brighter)
"""The same of a network whose input becomes raw pixels."""
