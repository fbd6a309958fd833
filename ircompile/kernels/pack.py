"""Constants of every node, as its kernel reads them: packed weights, requantization words, tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ircompile import ops
from ircompile.graph import Node
from ircompile.kernels.lower import Lowered
from ircompile.kernels.model import Packed
from ircompile.kernels.requantize import Recipe, synthesize
from ircompile.numerics import quantize_multiplier
from ircompile.passes.intervals import Intervals, analyze
from ircompile.plan import Plan
from ircompile.tensor import Array, Site, integers
from ircompile.target import Target


@dataclass(frozen=True)
class Program:
    """A plan and the constants of every node: all that `emit` needs."""

    plan: Plan
    lowered: Lowered
    target: Target
    packed: Mapping[str, Packed]


def pack(lowered: Lowered, plan: Plan, target: Target) -> Program:
    """Packs the constants of every node of the plan."""
    intervals = analyze(lowered.graph)
    packer = _Packer(lowered, plan, target, intervals)
    return Program(plan, lowered, target, {node.name: packer.pack(node) for node in lowered.graph.nodes})


class _Packer:
    def __init__(self, lowered: Lowered, plan: Plan, target: Target, intervals: Intervals) -> None:
        self.lowered, self.plan, self.target, self.intervals = lowered, plan, target, intervals

    def pack(self, node: Node) -> Packed:
        site = self.lowered.graph.site(node)
        op = node.op
        match op:
            case ops.Conv():
                return self._conv(node, op, site)
            case ops.Depthwise():
                return self._depthwise(node, op, site)
            case ops.MaxPool() | ops.AveragePool():
                return self._pool(op, site)
            case ops.Mean():
                return self._mean(op, site)
            case ops.Binary():
                return self._binary(op, site)
            case ops.Table():
                sizes = {"count": site.output.width * site.output.channels}
                return Packed("", {}, {"table": site.consts[op.table]}, sizes)
            case ops.Flip():
                return Packed("", {}, {}, {"count": site.output.width * site.output.channels})
            case ops.Softmax():
                return self._softmax(op, site)
            case ops.Pad():
                return self._pad(op, site)
            case ops.Copy():
                return Packed("", {}, {}, {"width": site.output.width, "channels": site.output.channels})
            case ops.Reshape():
                sizes = {"source_row": site.inputs[0].row_bytes, "row": site.output.row_bytes}
                return Packed("", {}, {}, sizes)
            case ops.Transpose():
                return self._transpose(op, site)
            case _:
                raise AssertionError(f"no kernel packs {type(op).__name__}")

    def _steps(self, site: Site, node: Node) -> dict[str, int]:
        """How far apart neighbouring pixels and channels of an output row are."""
        if self.plan.buffers[node.output].layout == "hwc":
            return {"pixel_step": site.output.channels, "channel_step": 1}
        return {"pixel_step": 1, "channel_step": site.output.width}

    def _recipe(self, node: Node, op: ops.Conv | ops.Depthwise, site: Site) -> Recipe:
        low, high = self.intervals.accumulators[node.name]
        consts, features = site.consts, self.target.features
        return synthesize(op.requant, consts[op.requant.scale], integers(consts[op.bias]), low, high,
                          dsp=features.dsp, mul64=features.mul64)  # fmt: skip

    def _conv(self, node: Node, op: ops.Conv, site: Site) -> Packed:
        weights, recipe = site.consts[op.weights], self._recipe(node, op, site)
        arrays = {"weights": weights, "requant": requant_words(recipe)}
        source = site.inputs[0]
        sizes = {"zero_in": source.zero_point, "channels_in": source.channels,
                 "width_out": site.output.width, "channels_out": site.output.channels, **self._steps(site, node)}  # fmt: skip
        key: dict[str, object] = {"wide": weights.dtype == np.int16}
        if self.lowered.kernels[node.name].template == "pointwise":
            return Packed("", key, arrays, sizes, recipe.form, recipe.exact)
        sizes["width_in"] = source.width
        return Packed(
            window_suffix(op.window), key | {"window": op.window}, arrays, sizes, recipe.form, recipe.exact
        )

    def _depthwise(self, node: Node, op: ops.Depthwise, site: Site) -> Packed:
        weights, recipe = site.consts[op.weights], self._recipe(node, op, site)
        arrays = {
            "weights": np.ascontiguousarray(weights.transpose(2, 0, 1)),
            "requant": requant_words(recipe),
        }
        source = site.inputs[0]
        multiplier = site.output.channels // source.channels
        sizes = {"zero_in": source.zero_point, "channels": source.channels, "width_in": source.width,
                 "width_out": site.output.width, **self._steps(site, node)}  # fmt: skip
        key = {"window": op.window, "wide": weights.dtype == np.int16, "multiplier": multiplier}
        suffix = window_suffix(op.window) + (f"_x{multiplier}" if multiplier > 1 else "")
        return Packed(suffix, key, arrays, sizes, recipe.form, recipe.exact)

    def _pool(self, op: ops.MaxPool | ops.AveragePool, site: Site) -> Packed:
        kind = "max" if isinstance(op, ops.MaxPool) else op.rounding
        sizes = {"width_in": site.inputs[0].width, "width_out": site.output.width, "channels": site.output.channels,
                 "low": op.low, "high": op.high}  # fmt: skip
        arrays: dict[str, Array] = {}
        if kind == "float32_even":
            arrays["ratios"] = pool_ratios(op, site)
            sizes |= {"zero_in": site.inputs[0].zero_point, "zero_out": site.output.zero_point}
        return Packed(f"{kind}_{window_suffix(op.window)}", {"window": op.window, "kind": kind}, arrays, sizes)

    def _mean(self, op: ops.Mean, site: Site) -> Packed:
        key = {"axes": op.axes, "rounding": op.rounding, "summed": bool(op.state_bytes(site))}
        sizes = {"last": site.inputs[0].height - 1 if "h" in op.axes else 0, "width": site.inputs[0].width,
                 "channels": site.output.channels, "count": op.count(site.inputs[0]),
                 "zero_in": site.inputs[0].zero_point, "zero_out": site.output.zero_point,
                 "low": op.low, "high": op.high}  # fmt: skip
        if op.rounding == "integer":
            sizes["multiplier"], sizes["shift"] = op.multiplier(site)
        if op.rounding == "float32_even":
            ratio = np.float32(site.inputs[0].scale) / (np.float32(sizes["count"]) * np.float32(site.output.scale))
            sizes["multiplier"], sizes["shift"] = mantissa(float(ratio))
        suffix = f"{op.axes}_{op.rounding}" + ("" if key["summed"] else "_row")
        return Packed(suffix, key, {}, sizes)

    def _binary(self, op: ops.Binary, site: Site) -> Packed:
        (sa, za), (sb, zb) = op.operands(site)
        shapes = [t.shape for t in site.inputs]
        arrays: dict[str, Array] = {}
        if op.constant is not None:
            arrays["constant"] = site.consts[op.constant.name]
            shapes.insert(0 if op.constant.first else 1, arrays["constant"].shape)
        spread = tuple(
            (shape[1] > 1 or site.output.width == 1, shape[2] > 1 or site.output.channels == 1) for shape in shapes
        )
        key = {"kind": op.kind, "rounding": op.rounding, "spread": spread,
               "constant": None if op.constant is None else ("first" if op.constant.first else "second"),
               "constant_rows": bool(op.constant) and shapes[0 if op.constant.first else 1][0] > 1}  # type: ignore[union-attr]  # fmt: skip
        sizes = {"width": site.output.width, "channels": site.output.channels, "zero_a": za, "zero_b": zb,
                 "zero_out": site.output.zero_point, "low": op.low, "high": op.high}  # fmt: skip
        sizes |= binary_multipliers(op, sa, sb, site.output.scale)
        marks = "".join("x" if all(s) else "c" if s[1] else "w" if s[0] else "1" for s in spread)
        suffix = f"{op.kind}_{op.rounding}_{marks}" + (f"_{key['constant']}" if op.constant else "")
        return Packed(suffix, key, arrays, sizes)

    def _softmax(self, op: ops.Softmax, site: Site) -> Packed:
        sizes = {"width": site.output.width, "channels": site.output.channels}
        if op.rounding == "table":
            sizes |= {"factor": int(np.rint(256.0 / site.output.scale)), "zero_out": site.output.zero_point}
        return Packed(op.rounding, {"rounding": op.rounding}, {"exps": op.exp_table(site).astype(np.int32)}, sizes)

    def _pad(self, op: ops.Pad, site: Site) -> Packed:
        source = site.inputs[0]
        sizes = {"top": op.before[0], "height": source.height, "left": op.before[1], "width": source.width,
                 "right": op.after[1], "front": op.before[2], "channels": source.channels, "back": op.after[2],
                 "value": op.value}  # fmt: skip
        return Packed("", {}, {}, sizes)

    def _transpose(self, op: ops.Transpose, site: Site) -> Packed:
        strides = (0, site.inputs[0].channels, 1)
        names = ("height", "width", "channels")
        sizes = {names[i]: site.output.shape[i] for i in (1, 2)}
        return Packed("".join(map(str, op.order)), {"order": op.order, "strides": strides}, {}, sizes)


def requant_words(recipe: Recipe) -> Array:
    """A layer's common words and then the words of each channel, as one int32 array."""
    return np.concatenate([np.asarray(recipe.common, np.int64).reshape(-1), recipe.words.reshape(-1)]).astype(
        np.int32
    )


def window_suffix(window: ops.Window) -> str:
    """A C identifier part for a window's geometry."""
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    text = f"{kh}x{kw}" + ("" if (sh, sw) == (1, 1) else f"_s{sh}" if sh == sw else f"_s{sh}{sw}")
    text += "" if (dh, dw) == (1, 1) else f"_d{dh}" if dh == dw else f"_d{dh}{dw}"
    return text + f"_p{window.padding[2]}"


def mantissa(value: float) -> tuple[int, int]:
    """(m, s) with value = m / 2^s exactly, m of at most 24 bits: a float32 as integers."""
    numerator, denominator = float(np.float32(value)).as_integer_ratio()
    shift = denominator.bit_length() - 1
    while numerator >= 2**24:
        numerator, shift = numerator >> 1, shift - 1
    return numerator, shift


def pool_ratios(op: ops.AveragePool | ops.MaxPool, site: Site) -> Array:
    """int32 (kh * kw + 1, 2): for windows of n pixels, mantissa and shift of sx / (n * sy)."""
    kh, kw = op.window.kernel
    rows = [(0, 0)]
    for n in range(1, kh * kw + 1):
        ratio = np.float32(site.inputs[0].scale) / (np.float32(n) * np.float32(site.output.scale))
        rows.append(mantissa(float(ratio)))
    return np.array(rows, np.int32)


def binary_multipliers(op: ops.Binary, sa: float, sb: float, so: float) -> dict[str, int]:
    """The integers of a Binary's arithmetic, by the C parameter's name."""
    if op.rounding == "raw":
        return {}
    if op.rounding == "double" and op.kind == "mul":
        m, s = quantize_multiplier(np.float64(sa) * np.float64(sb) / np.float64(so))
        return {"multiplier": int(m), "shift": int(s)}
    if op.rounding == "double":
        twice_max = 2.0 * max(sa, sb)
        factors = (sa / twice_max, sb / twice_max, twice_max / ((1 << 20) * so))
        out: dict[str, int] = {}
        for name, factor in zip(("a", "b", "out"), factors, strict=True):
            q31, left = quantize_multiplier(np.float64(factor))
            out |= {f"multiplier_{name}": int(q31), f"shift_{name}": int(left)}
        return out
    if op.kind == "mul":
        top, shift = mantissa(float(np.float32(np.float32(sa) * np.float32(sb)) / np.float32(so)))
        return {"multiplier": top, "shift": shift}
    (ma, ea), (mb, eb) = (mantissa(float(np.float32(s) / np.float32(so))) for s in (sa, sb))
    common = max(ea, eb)
    return {"ratio_a": ma, "up_a": common - ea, "ratio_b": mb, "up_b": common - eb, "shift": common}


__all__ = ["Program", "pack"]
