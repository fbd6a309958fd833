"""Constants of layers without weights: sums and products of codes, means, tables, numbers of formulas."""

from collections import Counter
from typing import cast

import numpy as np

from ircompile.checks.forms import pair_codes
from ircompile.checks.requantization import Sums, compared, fault_of
from ircompile.checks.stored import Misplaced, words_in
from ircompile.checks.windows import kinds_of
from ircompile.ir.graph import Node
from ircompile.ir.numerics import Requant, Rounding, quantize_multiplier
from ircompile.ir.ops import AveragePool, Binary, MaxPool, Mean, PixelTable, Prelu, Rescale, Sigmoid, Softmax, Table
from ircompile.ir.ops.sigmoid import sigmoid_table
from ircompile.ir.ops.softmax import interpolation_tables
from ircompile.ir.tensor import Array, Rows, Site
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize.form import PairForm, Ties
from ircompile.qtype import INT8


def check_arithmetic(node: Node, site: Site, packed: Packed) -> Counter[str]:
    """Counts "thresholds" and "pairs"; raises Misplaced where something is not the graph's."""
    _check_tables(node, site, packed)
    _check_numbers(node, site, packed)
    match node.op:
        case Binary(kind="mul") if packed.form is not None:
            return _check_product(node.op, site, packed)
        case Binary() if (form := _pair_form(packed)) is not None:
            return _check_pairs(node.op, site, packed, form)
        case Mean() | AveragePool() if packed.form is not None:
            return _check_average(node.op, site, packed)
        case _:
            return Counter()


def _pair_form(packed: Packed) -> PairForm | None:
    """The form of a sum of two codes; Helium's kernel has it as template parameters and numbers."""
    if isinstance(packed.form, PairForm):
        return packed.form
    if "ties" not in packed.key:
        return None
    low, high = (packed.sizes.get(name, end) for name, end in zip(("low", "high"), INT8.range, strict=True))
    return PairForm(-packed.sizes["shift"], cast(Ties, packed.key["ties"]), low, high)


def _operands(op: Binary, site: Site) -> tuple[Array, Array]:
    """All codes of each operand; of a constant those that it has."""
    every = [tensor.qtype.codes() for tensor in site.inputs[:2]]
    if op.constant is not None:
        every.insert(0 if op.constant.first else 1, np.unique(site.consts[op.constant.name]).astype(np.int64))
    return every[0], every[1]


def _check_pairs(op: Binary, site: Site, packed: Packed, form: PairForm) -> Counter[str]:
    """A sum of two scaled codes, for all pairs of codes."""
    a, b = _operands(op, site)
    found, fits = pair_codes(form, packed.sizes, a, b)
    _compare_pairs(op, site, (a, b), found, fits)
    return Counter(pairs=found.size)


def _compare_pairs(op: Binary, site: Site, pair: tuple[Array, Array], found: Array, fits: bool) -> None:
    a, b = pair
    wrong = np.argwhere(found != op.combine(site, a[:, np.newaxis], b))
    if len(wrong):
        raise Misplaced(f"{op.kind} of codes {a[wrong[0][0]]} and {b[wrong[0][1]]}: it is not the reference")
    if not fits:
        raise Misplaced(f"{op.kind}: its sum wraps")


def _check_product(op: Binary, site: Site, packed: Packed) -> Counter[str]:
    """A product requantized: for all pairs of codes of 8 bits, else as a function of all products."""
    (sa, za), (sb, zb) = op.operands(site)
    if (packed.sizes["zero_a"], packed.sizes["zero_b"]) != (za, zb):
        raise Misplaced("its zero points are not those of its operands")
    a, b = _operands(op, site)
    start, words = words_in(packed, -1)
    words = words.take(np.zeros(1, int))
    if site.output.qtype == INT8:
        product = start[0] + (a - za)[:, np.newaxis] * (b - zb)
        codes, inside = words.codes(product[..., np.newaxis])
        _compare_pairs(op, site, (a, b), codes[..., 0], bool(np.all(inside)))
        return Counter(pairs=codes.size)
    ends = np.outer(a[[0, -1]] - za, b[[0, -1]] - zb)
    scale = np.array([np.float64(sa) * np.float64(sb) / np.float64(site.output.scale)])
    requant = Requant(cast(Rounding, op.rounding), "", site.output.zero_point, op.low, op.high)
    sums = Sums(ends.min(keepdims=True)[0], ends.max(keepdims=True)[0], np.ones(1, np.int64), start[:1])
    fault, count = fault_of(words, requant, scale, sums)
    if fault:
        raise Misplaced(f"product, {words.form.key}: {fault}")
    return Counter(thresholds=count)


def _check_average(op: Mean | AveragePool, site: Site, packed: Packed) -> Counter[str]:
    """Every sum of codes: of a mean's pixels, or of each number of pixels that a window may hold."""
    start, words = words_in(packed, -1)
    if isinstance(op, Mean):
        counts = np.array([op.count(site.inputs[0])])
        start, words = start[:1], words.take(np.zeros(1, int))
    else:
        counts = np.arange(len(start)) + cast(int, packed.key["least"])
        (rows, _), (columns, _) = kinds_of(op, site)
        held = np.outer(rows.sum(axis=1), columns.sum(axis=1))
        if held[held > 0].min() < counts[0] or held.max() > counts[-1]:
            raise Misplaced("has no words for as many pixels as its window holds")

    def reference(acc: Array, channels: Array) -> Array:
        if isinstance(op, Mean):
            return op.finish(site, acc).astype(np.int64)
        codes = op.divide(acc, np.broadcast_to(counts[channels], acc.shape), site.inputs[0], site.output)
        return np.clip(codes, op.low, op.high)

    sums = Sums(counts * INT8.low, counts * INT8.high, np.ones_like(counts), start)
    fault, count = compared(words, reference, sums, np.ones(len(counts)))
    if fault:
        raise Misplaced(f"the mean's rounding, {words.form.key}: {fault}")
    return Counter(thresholds=count)


def _check_tables(node: Node, site: Site, packed: Packed) -> None:
    """Tables and constant operands are the graph's."""
    wanted: dict[str, Array] = {}
    match node.op:
        case Table(table=name) if "table" not in packed.arrays:
            if not np.array_equal(site.consts[name], INT8.codes()):
                raise Misplaced("its kernel leaves codes as they are, and the graph's table does not")
        case Table(table=name):
            wanted["table"] = site.consts[name]
        case PixelTable(tables=name):
            wanted["tables"] = site.consts[name]
        case Mean(lookup=lookup) if lookup is not None:
            wanted["table"] = site.consts[lookup.name]
        case Binary(constant=constant) if constant is not None:
            wanted["constant"] = site.consts[constant.name]
        case Prelu(alpha=name):
            wanted["alpha"] = site.consts[name]
        case Softmax(rounding="interpolated"):
            wanted = dict(zip(("exps", "reciprocals"), interpolation_tables(), strict=True))
        case Softmax() if "shares" in packed.arrays:
            wanted["shares"] = _shares(node.op, site)
        case Softmax():
            exps, last = node.op.exp_table(site), packed.sizes.get("last", INT8.span)
            wanted["exps"] = exps[: last + 1]
            if last < INT8.span and exps[last:].any():
                raise Misplaced("its exponentials end before they are 0")
        case Sigmoid():
            wanted["table"] = sigmoid_table()
        case _:
            pass
    for name, value in wanted.items():
        if not np.array_equal(packed.arrays[name].reshape(-1), value.reshape(-1)):
            raise Misplaced(f"its {name} is not the graph's")


def _shares(op: Softmax, site: Site) -> Array:
    """What softmax makes of each pair (d - 128, -128), d codes apart: all of the former, then of the latter."""
    pairs = np.full((1, INT8.count, 2), INT8.low, INT8.dtype)
    pairs[0, :, 0] = INT8.codes()
    return op.simulate(site, [Rows(pairs)], 0, 1)[0].T


def _check_numbers(node: Node, site: Site, packed: Packed) -> None:
    """Multipliers and shifts of formulas that are TFLite's own, as it makes them of the scales of the graph."""
    for name, value in _numbers(node, site, packed).items():
        if packed.sizes.get(name, value) != value:
            raise Misplaced(f"{name} is {packed.sizes[name]}, not {value}")


def _numbers(node: Node, site: Site, packed: Packed) -> dict[str, int]:
    source, output = site.inputs[0], site.output
    match node.op:
        case Binary(rounding="double") as op if packed.form is None and "ties" not in packed.key:
            (_, za), (_, zb) = op.operands(site)
            named = {"zero_a": za, "zero_b": zb, "low": op.low, "high": op.high}
            return named | _fixed(dict(zip(("a", "b", "out"), op.scaling(site)[1], strict=True)))
        case Rescale() as op:
            sides = {"above": op.positive, "below": abs(op.negative)}
            return {"zero_in": source.zero_point, "low": op.low, "high": op.high} | _fixed(sides)
        case Prelu(rounding="double") as op:
            ratio = np.float64(source.scale) / np.float64(output.scale)
            steep = np.float64(source.scale) * np.float64(op.scale) / np.float64(output.scale)
            zeros = {"zero_in": source.zero_point, "zero_alpha": op.zero_point}
            return zeros | _fixed({"up": float(ratio), "down": float(steep)})
        case Mean() as op if packed.form is None:
            named = {"count": op.count(source), "low": op.low, "high": op.high, "start": 0}
            if op.rounding == "integer":
                named["multiplier"], named["shift"] = op.multiplier(site)
                named["start"] = -op.count(source) * op.source(site).zero_point
            return named
        case (
            Binary(rounding="raw", low=low, high=high)
            | AveragePool(low=low, high=high)
            | MaxPool(low=low, high=high)
        ):
            return {"low": low, "high": high}
        case Sigmoid(multiplier=multiplier, shift=shift):
            return {"multiplier": multiplier, "shift": shift, "half": 1 << shift >> 1}
        case Softmax(rounding="interpolated") as op:
            factor, left = quantize_multiplier(op.distance_factor(site))
            return {"multiplier": int(factor), "shift": int(left)}
        case _:
            return {}


def _fixed(factors: dict[str, float]) -> dict[str, int]:
    """Multiplier and shift of each factor, by the names of C's parameters."""
    found = dict[str, int]()
    for name, factor in factors.items():
        multiplier, shift = quantize_multiplier(np.float64(factor))
        found |= {f"multiplier_{name}": int(multiplier), f"shift_{name}": int(shift)}
    return found
