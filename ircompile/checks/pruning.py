"""Proves a pruned graph equal to its original, for every input, from the two graphs and a list of kept channels.

By induction along the nodes: if each tensor read holds channels `kept` of the original's tensor, unchanged, then so
does each tensor written. The list is not trusted, and what is constant is found again, by `reach`. Nothing
here comes from the pass.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ircompile.checks.reach import reach
from ircompile.checks.windows import Ends, partial_sums
from ircompile.ir.graph import Graph, Node
from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.ops import (
    AveragePool,
    Binary,
    Conv,
    Depthwise,
    Extreme,
    Flip,
    MaxPool,
    Mean,
    Moving,
    Op,
    Prelu,
    Rescale,
    Resize,
    Sigmoid,
    Table,
    TransposeConv,
    const_names,
)
from ircompile.ir.tensor import Array, Rows
from ircompile.ir.validate import validate
from ircompile.qtype import INT8


def check_pruning(original: Graph, pruned: Graph, kept: Mapping[str, Array]) -> tuple[str, ...]:
    """What keeps the proof from going through, a sentence each; nothing where the two are proved equal."""
    validate(pruned)
    faults = tuple(_frame_faults(original, pruned, kept))
    return faults or tuple(_Proof(original, pruned, kept, reach(original).codes).faults())


def _frame_faults(original: Graph, pruned: Graph, kept: Mapping[str, Array]) -> Iterator[str]:
    """Inputs and outputs are the same and whole; every tensor is the original's, fewer channels apart."""
    if (pruned.inputs, pruned.outputs, pruned.numerics) != (original.inputs, original.outputs, original.numerics):
        yield "inputs, outputs or numerics differ"
    if pruned.states != original.states or any(
        not np.array_equal(pruned.consts[s.initial], original.consts[s.initial]) for s in pruned.states
    ):
        yield "states differ"
    for name, small in pruned.tensors.items():
        old, channels = original.tensors[name], kept[name]
        if np.any(np.diff(channels) <= 0) or channels.min() < 0 or channels.max() >= old.channels:
            yield f"{name}: kept channels are not an ascending list of the original's"
        elif small != replace(old, shape=(*old.shape[:2], len(channels))):
            yield f"{name}: {small} does not hold {len(channels)} channels of {old}"
        elif name in (*original.input_names, *original.lasting) and small != old:
            yield f"{name}: an input, output or state lost channels"


@dataclass(frozen=True)
class _Proof:
    """The induction step, a method for each kind of op; `old` and `new` are one node before and after."""

    original: Graph
    pruned: Graph
    kept: Mapping[str, Array]
    maps: Mapping[str, Ends]

    def faults(self) -> Iterator[str]:
        originals = {node.output: node for node in self.original.nodes}
        for new in self.pruned.nodes:
            old = originals.get(new.output)
            if old is None or type(old.op) is not type(new.op) or old.inputs != new.inputs:
                yield f"{new.name}: is not a node of the original"
                continue
            match old.op, new.op:
                case (Conv() as before, Conv() as after) | (TransposeConv() as before, TransposeConv() as after):
                    found = self.conv(old, before, after)
                case Depthwise() as before, Depthwise() as after:
                    found = self.depthwise(old, before, after)
                case Moving(), Moving():
                    found = self.moving(old, new)
                case _:
                    found = self.by_channel(old, new)
            yield from (f"{new.name}: {text}" for text in found)

    def conv(self, old: Node, before: Conv | TransposeConv, after: Conv | TransposeConv) -> Iterator[str]:
        """Each row keeps its weights, its bias grown by what lost channels add; or is constant, and stays so."""
        rows, columns = self.kept[old.output], self.kept[old.inputs[0]]
        if _geometry(before) != _geometry(after) or not self.same_requant(before.requant, after.requant, rows):
            yield "geometry or requantization differs"
            return
        site = self.original.site(old)
        lost = np.setdiff1d(np.arange(site.inputs[0].channels), columns)
        low, high = (side[..., rows] for side in partial_sums(before, site, self.maps[old.inputs[0]], lost))
        added = low[0, 0]
        exact = ((low == added) & (high == added)).all(axis=(0, 1))
        bias, weights = self.pruned.consts[after.bias].astype(np.int64), self.pruned.consts[after.weights]
        exact &= bias == self.original.consts[before.bias][rows] + added
        exact &= (weights == self.original.consts[before.weights][rows][..., columns]).all(axis=(1, 2, 3))
        yield from self.constant_rows(old, after, ~exact, np.asarray(weights.any(axis=(1, 2, 3))))

    def constant_rows(
        self, old: Node, after: Conv | Depthwise | TransposeConv, rows: Array, reads: Array
    ) -> Iterator[str]:
        """Rows that are not the original's must read nothing, and hold the original's one code."""
        codes = requantize(self.pruned.consts[after.bias].astype(np.int64), after.requant, self.pruned.consts)
        low, high = self.maps[old.output]
        for i in np.flatnonzero(rows):
            number = int(self.kept[old.output][i])
            if reads[i] or not low[number] == high[number] == codes[i]:
                yield f"row {i} (originally {number}) is neither the original's nor constant"

    def depthwise(self, old: Node, before: Depthwise, after: Depthwise) -> Iterator[str]:
        """Each row reads the channel that it read, with its weights and bias; or is constant, and stays so."""
        rows, columns = self.kept[old.output], self.kept[old.inputs[0]]
        multiplier = self.original.tensors[old.output].channels // self.original.tensors[old.inputs[0]].channels
        if not np.array_equal(np.repeat(columns, len(rows) // len(columns)), rows // multiplier):
            yield "rows read other channels than before"
        if before.window != after.window or not self.same_requant(before.requant, after.requant, rows):
            yield "window or requantization differs"
        weights = self.pruned.consts[after.weights]
        exact = (weights == self.original.consts[before.weights][..., rows]).all(axis=(0, 1))
        exact &= self.pruned.consts[after.bias] == self.original.consts[before.bias][rows]
        yield from self.constant_rows(old, after, ~exact, np.asarray(weights.any(axis=(0, 1))))

    def same_requant(self, before: Requant, after: Requant, rows: Array) -> bool:
        old, new = self.original.consts[before.scale], self.pruned.consts[after.scale]
        old = old[rows] if len(old) > 1 else old
        return replace(before, scale=after.scale) == after and np.array_equal(old, new)

    def moving(self, old: Node, new: Node) -> Iterator[str]:
        """Each code comes from the place from which it came.

        Every code of the inputs is labelled with a number that no code has; the ops themselves move the labels.
        """
        labels, first = [], INT8.high + 1
        for tensor in (self.original.tensors[name] for name in old.inputs):
            labels.append(np.arange(first, first + tensor.bytes).reshape(tensor.shape))
            first += tensor.bytes
        some = [Rows(whole[..., self.kept[name]]) for whole, name in zip(labels, old.inputs, strict=True)]
        before, after = self.original.site(old), self.pruned.site(new)
        moved = old.op.simulate(before, [Rows(whole) for whole in labels], 0, before.output.height)
        if not np.array_equal(
            moved[..., self.kept[old.output]], new.op.simulate(after, some, 0, after.output.height)
        ):
            yield "moves other codes than before"

    def by_channel(self, old: Node, new: Node) -> Iterator[str]:
        """Each output channel comes of the channel of which it came.

        Every input channel is labelled with its number in the original; labels move as the op moves channels.
        """
        rows, channels = self.kept[old.output], self.original.tensors[old.output].channels
        whole = [np.arange(self.original.tensors[name].channels) for name in old.inputs]
        some = [self.kept[name] for name in old.inputs]
        before, after = _labels(old.op, whole, channels), _labels(new.op, some, len(rows))
        if before is None or after is None:
            if old.op != new.op or len(rows) < channels or list(map(len, some)) != list(map(len, whole)):
                yield "mixes channels, and lost some"
        elif any(not np.array_equal(a[rows], b) for a, b in zip(before, after, strict=True)):
            yield "output channels come of other channels than before"
        if _bare(old.op) != _bare(new.op):
            yield "the op itself differs"
        for name_old, name_new in zip(const_names(old.op), const_names(new.op), strict=True):
            value = self.original.consts[name_old]
            cut = value[..., rows] if isinstance(old.op, Binary | Prelu) and value.shape[2] > 1 else value
            if not np.array_equal(cut, self.pruned.consts[name_new]):
                yield f"constant {name_new} differs"


def _labels(op: Op, inputs: list[Array], channels: int) -> list[Array] | None:
    """For each input, the label behind each output channel, -1 where none; None for an op that mixes channels."""
    match op:
        case (
            Table()
            | Rescale()
            | Sigmoid()
            | Prelu()
            | MaxPool()
            | AveragePool()
            | Mean()
            | Extreme()
            | Resize()
            | Flip()
        ):
            return [inputs[0]]
        case Binary():
            return [np.broadcast_to(labels, channels) for labels in inputs]
        case _:
            return None


def _bare(op: Op) -> Op:
    """The op without what follows the number of channels."""
    match op:
        case Prelu():
            return replace(op, alpha="")
        case Binary(constant=constant) if constant is not None:
            return replace(op, constant=replace(constant, name=""))
        case _:
            return op


def _geometry(op: Conv | TransposeConv) -> tuple[object, ...]:
    return (op.window,) if isinstance(op, Conv) else (op.size, op.stride, op.padding)
