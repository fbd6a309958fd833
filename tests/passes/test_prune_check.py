"""The checker refuses what is not equal: every kind of damage to a pruned graph is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import Net
from planted import BIG

from ircompile import checks
from ircompile.checks.pruning import check_pruning
from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Array
from ircompile.passes.prune_channels import Pruning, pruning


def original() -> Graph:
    """An inverted residual with a constant channel, an unread channel, a constant output, and a channel pad."""
    net = Net((6, 6, 3))
    net.consts["k"] = np.arange(6, dtype=np.int8).reshape(1, 1, 6)
    a = net.conv("x", 6, (3, 3), relu=True)
    b = net.depthwise(a)
    c = net.add("k", ops.Binary("add", "double", constant=ops.Constant("k", 0.05, 0)), (b,))
    d = net.add("pad", ops.Pad((0, 0, 1), (0, 0, 2), 3), (c,))
    y = net.conv(d, 4, (3, 3))
    net.consts["b0"][[1, 4]] = BIG
    net.consts["b1"][1] = BIG
    net.consts["w1"][..., 1] = 1
    net.consts["w4"][..., [2, 3, 7]] = 0
    net.consts["b4"][2] = -BIG
    return net.graph(y)


Damage = Callable[[Pruning], Pruning]


def with_op(pruned: Pruning, name: str, **changes: Any) -> Pruning:
    def changed(node: Node) -> Node:
        return replace(node, op=replace(node.op, **changes)) if node.name == name else node

    nodes = tuple(changed(node) for node in pruned.graph.nodes)
    return pruned._replace(graph=replace(pruned.graph, nodes=nodes))


def with_const(pruned: Pruning, name: str, change: Callable[[Array], None]) -> Pruning:
    value = pruned.graph.consts[name].copy()
    change(value)
    return pruned._replace(graph=replace(pruned.graph, consts={**pruned.graph.consts, name: value}))


def with_kept(pruned: Pruning, name: str, channels: list[int]) -> Pruning:
    return pruned._replace(kept={**pruned.kept, name: np.array(channels)})


def with_tensor(pruned: Pruning, name: str, **changes: Any) -> Pruning:
    tensors = {**pruned.graph.tensors, name: replace(pruned.graph.tensors[name], **changes)}
    return pruned._replace(graph=replace(pruned.graph, tensors=tensors))


def added(*index: int) -> Callable[[Array], None]:
    def change(value: Array) -> None:
        value[index] += 1

    return change


DAMAGES: dict[str, Damage] = {
    "bias": lambda p: with_const(p, "b4", added(0)),
    "weight": lambda p: with_const(p, "w0", added(0, 0, 0, 0)),
    "constant row reads": lambda p: with_const(p, "w4", added(2, 0, 0, 0)),
    "scale": lambda p: with_const(p, "s4", added(1)),
    "depthwise weight": lambda p: with_const(p, "w1", added(0, 0, 0)),
    "depthwise bias": lambda p: with_const(p, "b1", added(0)),
    "operand": lambda p: with_const(p, "k", added(0, 0, 0)),
    "pad value": lambda p: with_op(p, "pad3", value=4),
    "pad place": lambda p: with_op(p, "pad3", before=(0, 0, 0), after=(0, 0, 2)),
    "clamp": lambda p: with_op(p, "k2", low=-127),
    "window": lambda p: with_op(p, "dw1", window=ops.Window((3, 3), padding=(0, 2, 1, 1))),
    "kept": lambda p: with_kept(p, "conv0", [0, 1, 3, 5]),
    "kept order": lambda p: with_kept(p, "conv0", [2, 0, 3, 5]),
    "kept outside": lambda p: with_kept(p, "conv0", [0, 2, 3, 6]),
    "tensor scale": lambda p: with_tensor(p, "dw1", scale=0.1),
    "notices alone": lambda p: p._replace(graph=replace(p.graph, notices=())),
    "numerics": lambda p: p._replace(graph=replace(p.graph, numerics="ort")),
}


def test_the_pass_is_as_expected() -> None:
    pruned, kept = pruning(original())
    assert list(kept["conv0"]) == [0, 3, 4, 5]  # 4 is not constant at the borders of the depthwise
    assert list(kept["pad3"]) == [0, 1, 4, 5, 6, 8]
    assert check_pruning(original(), pruned, kept) == ()


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str) -> None:
    graph, kept = DAMAGES[name](pruning(original()))
    assert bool(check_pruning(original(), graph, kept)) == (name != "notices alone")


def test_channels_go_through_other_widths_of_codes() -> None:
    """A map widened to 16 bits, put through a table of tanh, and narrowed again, loses its constant channels."""
    net = Net((6, 6, 3))
    a = net.conv("x", 6, (3, 3), relu=True)
    wide = net.add("wide", ops.Rescale(100.0, 100.0, -32768, 32767), (a,), dtype="int16", scale=2**-12, zero=0)
    curve = net.add("curve", ops.Sigmoid("tanh", 3, 1), (wide,), dtype="int16", scale=2**-15, zero=0)
    narrow = net.add("narrow", ops.Rescale(0.01, 0.01, -128, 127), (curve,))
    y = net.conv(narrow, 4)
    net.consts["b0"][[1, 4]] = BIG
    whole = net.graph(y)
    found = pruning(whole)
    assert found.graph.tensors[wide].channels == found.graph.tensors[narrow].channels == 4
    assert check_pruning(whole, *found) == ()


def test_a_channel_removed_without_reason_is_found() -> None:
    """What a wrong analysis would give: a pruned graph that is consistent, but of other constants."""
    graph = original()
    third = np.arange(6) == 3
    wrong = {name: np.where(third, -BIG, graph.consts[name]) for name in ("b0", "b1")}
    pruned, kept = pruning(replace(graph, consts={**graph.consts, **wrong, "w4": without(graph.consts["w4"], 4)}))
    assert 3 not in kept["conv0"]
    faults = check_pruning(graph, pruned, kept)
    assert "conv4: row 0 (originally 0) is neither the original's nor constant" in faults


def without(weights: Array, channel: int) -> Array:
    """The weights with one input channel unread."""
    return np.where(np.arange(weights.shape[3]) == channel, 0, weights).astype(weights.dtype)


@pytest.mark.parametrize("path", sorted(Path(checks.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_checkers_ask_no_op_for_the_rules_that_they_check(path: Path) -> None:
    """What an op says of intervals and channels the checkers find again; its meaning they may run."""
    rules = r"\.(bounds|sum_bounds|tap_classes|lanes|on_channels)\(|ops\.(ranges|borders)\b"
    assert not re.search(rules, path.read_text())
