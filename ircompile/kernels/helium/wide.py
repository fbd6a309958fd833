"""Convolutions of 16-bit codes for Helium, whose sums fit 32 bits.

VQRDMULH is floor((2 * acc * Q + 2^31) / 2^32). With Q = m << (31 - t) it is (acc * m + 2^(t - 1)) >> t, TFLite's
requantization of int64 accumulators, for every t from 15 to 31: there is nothing to search, and nothing to prove.
"""

from dataclasses import dataclass

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import wrap_int32
from ircompile.ir.tensor import Array, Site, integers
from ircompile.kernels.helium import layouts
from ircompile.kernels.helium.dense import POINTWISE, WORTH_SAVING, best_tile, interleaved, passes_of
from ircompile.kernels.helium.wide_resident import row_instructions, together, turn_of
from ircompile.kernels.model import Call, Context, Kernel, Packed, Request, window_suffix
from ircompile.kernels.requantize.wide import fixed_point
from ircompile.qtype import INT8, INT16

VECTOR = 8  # codes
Key = dict[str, object]
LEAST, MOST = 15, 31  # right shifts that one VQRDMULH does
RESIDENT_DEPTH = 40  # taps, of all channels, up to which a window's filters are thought to stay in registers
FIELDS = ("multiplier",)  # a channel's words after the start
SUPPORT: dict[str, tuple[str, dict[str, object]]] = {"support": ("helium_support", {})}


@dataclass(frozen=True)
class Lanes:
    """How a vector of accumulators becomes codes: a channel's words are its bias and its multiplier."""

    low: int
    high: int
    zero_point: int
    words: int = 2

    @property
    def clamps(self) -> int:
        """How many of a minimum and a maximum are asked for; a maximum never alone."""
        return 2 if self.high < INT16.high else int(self.low > INT16.low)


def serves(op: ops.Conv | ops.Depthwise, site: Site, request: Request) -> bool:
    """Whether sums have 32 bits, weights 8, and every channel's shift is one of VQRDMULH's."""
    if request.long or op.requant.rounding != "wide" or site.consts[op.weights].dtype != INT8.dtype:
        return False
    m, t = fixed_point(site.consts[op.requant.scale])
    return bool(np.all((m == 0) | ((t >= LEAST) & (t <= MOST))))


def choose_wide_dense(op: ops.Conv, site: Site, request: Request) -> Kernel | None:
    """Pixels where they are, or some windows gathered in scratch."""
    if not serves(op, site, request):
        return None
    count = op.macs(site) // 2
    if request.whole or op.window == POINTWISE:
        call: Call = "map" if request.whole else "row"
        return Kernel("wide_dense", pack_wide_dense, call, ("hwc",), ("hwc", "chw"), instructions=count)
    size = -(-2 * windows(op, site) * site.consts[op.weights][0].size // 4) * 4
    return Kernel(
        "wide_windows", pack_wide_dense, "window", ("hwc",), ("hwc", "chw"), size, instructions=count,
        extras=("scratch",),
    )  # fmt: skip


def windows(op: ops.Conv, site: Site) -> int:
    """How many windows are gathered at once: two turns of four where filters stay in registers."""
    return min(site.output.width, 8 if site.consts[op.weights][0].size <= RESIDENT_DEPTH else 6)


def pack_wide_dense(op: ops.Conv, site: Site, context: Context) -> Packed:
    """Filters in the order of the tiles, words channel by channel or four channels beside each other."""
    flat: Array = site.consts[op.weights].reshape(site.output.channels, -1)
    pointwise = context.kernel.call == "map" or op.window == POINTWISE
    depth, width = flat.shape[1], site.output.width
    count = width if pointwise else windows(op, site)
    apart = context.apart(site)
    calls = -(-width // count) * site.output.height
    key = dense_key(lanes_of(op), depth, count, len(flat), apart, calls, context.plan.graph.macs() // WORTH_SAVING)
    words = words_of(op, site)
    group = {"pixels": int(str(key["tile"])), "channels": 4}.get(str(key["mode"]), 1)
    words = np.pad(words, ((0, -len(words) % group), (0, 0)))
    if key["mode"] == "channels":
        words = np.ascontiguousarray(words.reshape(-1, 4, 2).transpose(0, 2, 1))
    arrays = {"weights": interleaved(flat, key, VECTOR), "requant": words}
    sizes = {"count": width, "channels_out": len(flat)} | ({} if key["depth"] else {"depth": depth})
    sizes |= {"apart": width} if apart else {}
    shared: dict[str, tuple[str, dict[str, object]]] = dict(SUPPORT)
    suffix, counts = f"{key['mode']}_{key['depth'] or key['tile']}", {"wide": len(flat)}
    told = {"weights": layouts.filters_of(*flat.shape), "requant": layouts.words_of(FIELDS, len(words))}
    if key["mode"] != "resident":
        passes = passes_of(key)
        told["weights"] = layouts.passes_of(-(-len(flat) // sum(map(len, passes))), passes, depth, vector=VECTOR)
    if key["mode"] == "channels":
        told["requant"] = layouts.words_of_fours(FIELDS, len(words))
    if pointwise:
        return Packed(suffix, key, arrays, sizes, None, counts, shared, told)
    shared["dense"] = ("wide_dense", {**key, "support": "helium_support"})
    taps = op.window.kernel[1] if op.window.dilation[1] > 1 else 1
    inner = {name: key[name] for name in ("lanes", "apart", "depth")}
    key = {"window": op.window, "together": count, "taps": taps, **inner}
    sizes |= {"zero_in": site.inputs[0].zero_point, "width_in": site.inputs[0].width}
    sizes |= {"channels_in": site.inputs[0].channels}
    return Packed(f"{window_suffix(op.window)}_{suffix}", key, arrays, sizes, None, counts, shared, told)


def dense_key(lanes: Lanes, depth: int, count: int, channels: int, apart: bool, calls: int, worth: int) -> Key:
    """The template parameters of dot products of `count` pixels at once, `calls` times.

    Beside a function of all depths, one of this depth must save as many instructions as its bytes are `worth`.
    """
    key: Key = {"lanes": lanes, "apart": apart, "coding": None}
    pixels = apart and count >= 4
    tile = best_tile(channels if pixels else count)
    filters = together(depth, apart, lanes.clamps, channels)
    if filters and count >= 4 and lanes.zero_point == 0:
        saved = tile_instructions(channels, count, depth, pixels) - row_instructions(
            depth, apart, lanes.clamps, channels, count
        )
        if calls * saved > worth:
            lines = turn_of(depth, filters, apart, lanes.clamps)
            key |= {"mode": "resident", "depth": depth, "filters": filters, "lines": lines, "tile": filters}
            return key | {"odd": channels % filters > 0, "rest": False}
    key |= {"mode": "pixels" if pixels else "channels", "tile": tile, "rest": channels % 4 > 0, "depth": 0}
    return key | {"tail": depth % VECTOR > 0, "whole": depth >= VECTOR}


def tile_instructions(channels: int, count: int, depth: int, pixels: bool) -> int:
    """Instructions of a row in tiles, estimated: of four pixels by some channels, or of some pixels by four."""
    size = best_tile(channels if pixels else count)
    tile = (16 + 17 * size) + 2 * (3 + 3 * size) * (depth // VECTOR) + 2 * (6 + 3 * size) * (depth % VECTOR > 0)
    across, along = (size, 4) if pixels else (4, size)
    return -(-channels // across) * (12 + -(-count // along) * tile)


def lanes_of(op: ops.Conv | ops.Depthwise) -> Lanes:
    """The clamp and the zero point of a layer."""
    return Lanes(op.requant.low, op.requant.high, op.requant.zero_point)


def words_of(op: ops.Conv | ops.Depthwise, site: Site) -> Array:
    """int32 (C, 2): what an accumulator over raw codes starts with, and the multiplier of each channel."""
    weights = integers(site.consts[op.weights])
    sums = weights.sum(axis=tuple(axis for axis in range(weights.ndim) if axis != op.channel_axis))
    start = integers(site.consts[op.bias]) - site.inputs[0].zero_point * sums
    m, t = fixed_point(site.consts[op.requant.scale])
    multiplier = np.where(m > 0, m << np.clip(MOST - t, 0, MOST - LEAST), 0)
    return np.stack([wrap_int32(start), multiplier], axis=1).astype(np.int32)


assert INT16.bytes * VECTOR == 16
