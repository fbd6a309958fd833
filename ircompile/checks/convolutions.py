"""A convolution's constants as its kernel reads them, compared with the graph: weights, sums, requantization."""

from collections import Counter
from typing import cast

import numpy as np

from ircompile.checks.packed import read_layer
from ircompile.checks.requantization import Sums, fault_of
from ircompile.checks.stored import LONG_BITS, Convolution, Layer, Misplaced, filters_of, signed
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed
from ircompile.qtype import INT8, INT16, INT32, UINT8


def check_convolution(
    template: str, op: Convolution, site: Site, packed: Packed, sums: tuple[Array, Array]
) -> Counter[str]:
    """Counts "channels", "weights" and "thresholds"; raises Misplaced where something is not the graph's.

    sums  the least and the greatest accumulator of each channel, before it wraps, int64 (C,).
    """
    layer, filters = read_layer(template, op, site, packed), filters_of(op, site)
    channels = layer.channels
    if not np.array_equal(np.unique(channels), np.arange(len(filters))):
        raise Misplaced("its kernel does not compute every channel")
    wanted = filters[channels]
    sign = np.where((layer.weights == wanted).all(axis=1), 1, -1)
    wrong = np.argwhere(layer.weights != sign[:, np.newaxis] * wanted)
    if len(wrong):
        channel, tap = wrong[0]
        raise Misplaced(
            f"channel {channels[channel]}, tap {tap}: "
            f"weight {layer.weights[channel, tap]}, not {wanted[channel, tap]}"
        )
    low, high = (ends[channels] for ends in sums)
    if op.requant.rounding != "wide":  # these have 32 bits, and wrap
        wraps = (low < INT32.low) | (high > INT32.high)
        low, high = np.where(wraps, INT32.low, low), np.where(wraps, INT32.high, high)
    zero = site.inputs[0].zero_point if layer.raw else 0
    bias = sign * site.consts[op.bias].astype(np.int64)[channels]
    moved = layer.start + zero * layer.weights.sum(axis=1) - bias
    moved = np.array(
        [value if bits == LONG_BITS else signed(value, bits) for value, bits in zip(moved, layer.bits, strict=True)]
    )
    ends = np.sort(np.stack([sign * low + moved, sign * high + moved]), axis=0)
    _check_bits(layer, site, moved + bias - zero * layer.weights.sum(axis=1), ends)
    _check_overflow(template, layer, site, packed)
    scale = np.broadcast_to(site.consts[op.requant.scale], len(filters))[channels]
    if op.requant.low == op.requant.high:
        scale = np.zeros_like(scale)
    fault, count = fault_of(layer.words, op.requant, scale, Sums(low, high, sign, moved))
    if fault:
        raise Misplaced(f"requantization {layer.words.form.key}: {fault}")
    return Counter(channels=len(filters), weights=filters.size, thresholds=count)


def _check_bits(layer: Layer, site: Site, start: Array, ends: Array) -> None:
    """Sums of fewer than 32 bits fit these, before what the excess of the weights adds to them.

    start  what each begins with, (C,), a number of that many bits;
    ends   the least and the greatest accumulator, (2, C).
    """
    few = layer.bits < 8 * INT32.bytes
    if not few.any():
        return
    low, high = site.inputs[0].qtype.range
    stored = layer.weights - layer.excess[:, np.newaxis]
    own = [start + np.minimum(low * stored, high * stored).sum(axis=1)]
    own += [start + np.maximum(low * stored, high * stored).sum(axis=1)]
    added = np.abs(layer.excess) * -low * stored.shape[1]
    half = np.int64(1) << (layer.bits - 1)
    if np.any(
        few & ((np.maximum(own[0], ends[0] - added) < -half) | (np.minimum(own[1], ends[1] + added) >= half))
    ):
        raise Misplaced(f"a sum that shares a word with another leaves its {layer.bits[few].min()} bits")


def _check_overflow(template: str, layer: Layer, site: Site, packed: Packed) -> None:
    """What a kernel adds in few bits fits them, unless it says that its sums may wrap."""
    parts = [packed.key, *(packed.shared[name][1] for name in ("tile", "pixel") if name in packed.shared)]
    steepest = -site.inputs[0].qtype.low  # the greatest magnitude of a code
    sizes = np.abs(layer.weights - layer.excess[:, np.newaxis])
    if any(part.get("wraps") is False for part in parts):
        total = sizes.sum(axis=1) + np.abs(layer.excess) * sizes.shape[1]
        if (np.abs(layer.start) + steepest * total).max() > INT32.high:
            raise Misplaced("its sums may leave int32, in arithmetic that must not")
    even = np.pad(sizes, ((0, 0), (0, sizes.shape[1] % 2)))
    pairs = even[:, ::2] + even[:, 1::2]
    if packed.key.get("packed") and pairs.max() > UINT8.high:
        raise Misplaced("two products that share a word leave their 16 bits")
    together = cast(int, packed.shared["tile"][1].get("together", 0)) if "tile" in packed.shared else 0
    if together * -INT8.low * sizes.max() > INT16.high:
        raise Misplaced("products that share a word leave their 16 bits")
    if packed.key.get("pairs") and template == "depthwise_channels":
        whole = pairs[:, : sizes.shape[1] // 2]
        if whole.max(initial=0) * steepest > INT16.high:
            raise Misplaced("the products of two taps leave their 16 bits")
