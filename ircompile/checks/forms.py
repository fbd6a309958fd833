"""What the C of each requantization form computes, written once more from `templates/kernels/requant_forms.j2`.

`kernels/requantize` chooses forms by a model of its own; nothing of that is used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import LINES, NO_EXCEPTION, Form, PairForm
from ircompile.kernels.requantize.lanes import Lanes
from ircompile.qtype import INT32

HALF_WORD = 1 << 31  # half of what one unit of a high word is worth
LONG_ENOUGH = 1 << 47  # accumulators of 64 bits whose products with 16 bits fit these


@dataclass(frozen=True)
class Words:
    """A form and the int32 words that its C reads, by parameter: int64, one for all channels or one a channel.

    Where channels have forms of two kinds, "pre" and "shift" are their own, too, and "fraction" is added to x.
    """

    form: Form
    values: Mapping[str, Array]

    def take(self, channels: Array) -> Words:
        """The words of some channels, which may be named again and again."""
        values = {name: value if value.ndim == 0 else value[channels] for name, value in self.values.items()}
        return Words(self.form, values)

    def codes(self, acc: Array) -> tuple[Array, Array]:
        """int64 codes of accumulators (..., C), and where no intermediate value of the C leaves int32, bool."""
        form, value = self.form, self.values
        if form.name in LINES:
            total, fits = self._line(acc)
            return np.clip(total, form.low, form.high), fits
        if form.quick:
            total, fits = self._quick(acc)
            return np.clip(total, form.low, form.high), fits
        fits = np.abs(acc) < LONG_ENOUGH if form.long else _fits(acc)
        if form.name == "twice":
            high = ((acc << form.pre) * value["multiplier"] + HALF_WORD) >> 32
            total = value["zero_point"] + ((high * value["factor"] + HALF_WORD) >> 32)
            return np.clip(total, form.low, form.high), fits & _fits(acc << form.pre) & _fits(total)
        if form.name == "steps":
            reached = value["thresholds"] <= np.minimum(acc, INT32.high - 1)[..., np.newaxis]
            return form.low + reached.sum(axis=-1), fits
        if form.name == "float32":
            scaled = _times_float32(acc, value["scale"])
        elif form.name == "double":
            scaled = _doubly_rounded(acc, value["multiplier"], value["shift"])
        elif form.name == "wide":
            scaled = (acc * value["multiplier"] + (1 << (value["shift"] - 1))) >> value["shift"]
        else:
            scaled = (acc * value["multiplier"] + (1 << (30 - value["shift"]))) >> (31 - value["shift"])
        return np.clip(scaled + value["zero_point"], form.low, form.high), fits & _fits(
            scaled + value["zero_point"]
        )

    def _line(self, acc: Array) -> tuple[Array, Array]:
        """(offset + high word of x * multiplier) >> shift with x = acc << pre; or the same from parts of it."""
        form, value = self.form, self.values
        x = (acc << np.asarray(value.get("pre", form.pre))) + value.get("fraction", 0)
        fits = _fits(acc) & _fits(x)
        if form.name == "high":
            total = value["offset"] + ((x * value["multiplier"] + (HALF_WORD if form.rounded else 0)) >> 32)
        else:
            carry, upper = x * value["lower"], x * value["upper"]
            fits = fits & _fits(carry) & _fits(upper)
            if form.parts == 3:
                carry = x * value["middle"] + (carry >> form.limb)
                fits = fits & _fits(carry) & _fits(x * value["middle"])
            total = upper + (carry >> form.limb) + value["offset"]
            fits = fits & _fits(total - value["offset"])
        fits = fits & _fits(total)
        if form.kink:
            total = total - np.where(x < 0, value["kink"] if form.parts else 1, 0)
        shift = np.asarray(value.get("shift", form.shift))
        for i in range(form.exceptions):
            total = total + np.where(x == value[f"exception{i}"], 1 << shift, 0)
        return total >> shift, fits & _fits(total)

    def _quick(self, acc: Array) -> tuple[Array, Array]:
        """A sum in units of 2^-shift codes, shifted; next to a tie float32's product with the same scale."""
        form, multiplier, base = self.form, self.values["multiplier"], self.values["base"]
        assert form.shift is not None
        x = acc << form.pre
        fits = _fits(acc) & _fits(x)
        if form.parts:
            product = np.zeros_like(x)
            for part in range(form.parts, 0, -1):  # the lowest first, of 31 bits
                times = (multiplier >> (31 - part * form.limb)) % (1 << form.limb)
                fits = fits & _fits(x * times)
                product = x * times + (product >> form.limb)
            exponent = form.shift + 31 - form.limb
            apart = 1 << (31 + form.parts - form.parts * form.limb)
        else:
            product = (x * multiplier + (HALF_WORD if form.rounded else 0)) >> 32
            exponent, apart = form.shift + 32 - form.pre, 2
        size, power = np.frexp(multiplier.astype(np.float64))  # 24 bits of it are a float32's
        scale = np.ldexp(np.trunc(size * 2.0**24), power - 24 - exponent).astype(np.float32)
        total = product + base
        told = (_times_float32(acc, scale.view(np.int32)) << form.shift) + base
        total = np.where(total % (1 << form.shift) < apart, told, total)
        return total >> form.shift, fits & _fits(product) & _fits(total)

    @property
    def direction(self) -> Array:
        """1 where codes rise with the accumulator, -1 where they fall, 0 where they stay; exceptions apart."""
        value, name = self.values, self.form.name
        if name == "high":
            return np.sign(value["multiplier"])
        if name == "split":
            return np.sign((value["upper"] << self.form.limb) + value["lower"] + value.get("middle", 0))
        if name == "float32" and not self.form.quick:
            return np.where(value["scale"] < 0, -1, 1)
        return np.asarray(1) if name == "steps" else np.sign(value["multiplier"])

    @property
    def sound(self) -> bool:
        """Whether no part of a multiplier is negative or wider than its limb, and no step goes down."""
        value, form = self.values, self.form
        if form.name == "steps":
            return bool(np.all(np.diff(value["thresholds"], axis=-1) >= 0))
        lower = [value[name] for name in ("lower", "middle") if name in value]
        parts = [*lower, *(value[name] for name in ("upper", "kink") if name in value)]
        return all(np.all(part >= 0) for part in parts) and all(np.all(part < 1 << form.limb) for part in lower)

    @property
    def exceptions(self) -> list[Array]:
        """The accumulators that a line treats apart; 0 where a channel has none."""
        found = (np.asarray(self.values[f"exception{i}"]) for i in range(self.form.exceptions))
        return [np.where(x == NO_EXCEPTION, 0, x >> self.form.pre) for x in found]


def words_of(form: Form, common: Array, fields: Array) -> Words:
    """From the int32 words of a layer (k,) and of its channels (C, k), the accumulator's start left out."""
    values = {name: np.asarray(common[i], np.int64) for i, name in enumerate(form.common)}
    if form.name == "steps":
        return Words(form, {"thresholds": fields.astype(np.int64)})
    return Words(form, values | {name: fields[:, i].astype(np.int64) for i, name in enumerate(form.fields)})


def words_of_lanes(lanes: Lanes, fields: Array, zero_out: int) -> Words:
    """The same of a vector form, whose doubling multiplication is one of x = acc << (extra + 1).

    A narrowing shift rounds: it adds half a unit, which the offset is short of.
    """
    value = {name: fields[:, i].astype(np.int64) for i, name in enumerate(lanes.fields)}
    if lanes.kind == "line":
        form = Form("high", lanes.low, lanes.high, lanes.shift, lanes.extra + 1, lanes.rounded, lanes.kink)
        if lanes.shift is None:
            return Words(form, value | {"shift": -value["shift"]})
        return Words(form, value | {"offset": value["offset"] + ((1 << lanes.shift) >> 1)})
    zero = {"zero_point": np.asarray(zero_out)}
    if lanes.kind == "twice":
        form = Form("twice", lanes.low, lanes.high, pre=1)
        return Words(form, {"multiplier": value["multiplier"], "factor": 2 * value["factor"], **zero})
    if lanes.kind == "float":
        return Words(Form("float32", lanes.low, lanes.high), value | zero)
    return Words(
        Form("double", lanes.low, lanes.high),
        {"multiplier": value["multiplier"], "shift": value["left"] + value["right"], **zero},
    )


def pair_codes(form: PairForm, values: Mapping[str, int], a: Array, b: Array) -> tuple[Array, bool]:
    """int64 codes of all pairs of codes, and whether no intermediate value of the C leaves int32."""
    first = values["offset"] + a[:, np.newaxis] * values["multiplier_a"]
    second = b * values["multiplier_b"]
    total = first + second
    steps = [first, second, a * values["multiplier_a"], total]
    if form.ties == "away":
        total = total + np.where(total < 0, -1, 0)
    if form.ties == "even":
        total = total + ((total >> form.shift) & 1)
    if form.ties != "up":
        steps.append(total)
        total = total + values["middle"]
    return np.clip(total >> form.shift, form.low, form.high), all(
        bool(_fits(step).all()) for step in [*steps, total]
    )


def _fits(value: Array) -> Array:
    return np.asarray((value >= INT32.low) & (value <= INT32.high))


def _doubly_rounded(acc: Array, multiplier: Array, shift: Array) -> Array:
    """A high multiply of the shifted accumulator, ties up; then a right shift, ties away from zero."""
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    shifted = (acc << left).astype(np.int32).astype(np.int64)
    high = (shifted * multiplier + (1 << 30)) >> 31
    half = (np.int64(1) << right) >> 1
    magnitude = (np.abs(high) + half) >> right
    return np.asarray(np.where(high < 0, -magnitude, magnitude))


def _times_float32(acc: Array, scale: Array) -> Array:
    """rint of a float32 product, in float32; `scale` by its bits."""
    factor = scale.astype(np.int32).view(np.float32)
    product = acc.astype(np.int32).astype(np.float32) * factor
    return np.rint(np.clip(product, -(2.0**30), 2.0**30)).astype(np.int64)
