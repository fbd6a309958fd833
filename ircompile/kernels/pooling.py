"""Kernels of pooling and of means."""

from __future__ import annotations

import numpy as np

from ircompile import ops
from ircompile.kernels.fixed_point import mantissa
from ircompile.kernels.model import Extra, Kernel, Packed, window_suffix
from ircompile.tensor import Array, Site


def choose_pool(op: ops.MaxPool | ops.AveragePool, site: Site) -> Kernel:
    """A window of rows of pixels."""
    return Kernel("pool", "window", ("hwc",))


def choose_mean(op: ops.Mean, site: Site) -> Kernel:
    """Row after row into sums, where there is more than one row to add."""
    extras: tuple[Extra, ...] = ("step", "sums") if op.state_bytes(site) else ("step",)
    return Kernel("mean", "row", ("hwc",), extras=extras)


def pack_pool(op: ops.MaxPool | ops.AveragePool, site: Site) -> Packed:
    """The clamp, and for float rounding the ratio of every pixel count."""
    kind = "max" if isinstance(op, ops.MaxPool) else op.rounding
    sizes = {"width_in": site.inputs[0].width, "width_out": site.output.width, "channels": site.output.channels,
             "low": op.low, "high": op.high}  # fmt: skip
    arrays: dict[str, Array] = {}
    if kind == "float32_even":
        arrays["ratios"] = pool_ratios(op, site)
        sizes |= {"zero_in": site.inputs[0].zero_point, "zero_out": site.output.zero_point}
    return Packed(f"{kind}_{window_suffix(op.window)}", {"window": op.window, "kind": kind}, arrays, sizes)


def pack_mean(op: ops.Mean, site: Site) -> Packed:
    """The division by the count as a multiplier."""
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


def pool_ratios(op: ops.AveragePool | ops.MaxPool, site: Site) -> Array:
    """int32 (kh * kw + 1, 2): for windows of n pixels, mantissa and shift of sx / (n * sy)."""
    kh, kw = op.window.kernel
    rows = [(0, 0)]
    for n in range(1, kh * kw + 1):
        ratio = np.float32(site.inputs[0].scale) / (np.float32(n) * np.float32(site.output.scale))
        rows.append(mantissa(float(ratio)))
    return np.array(rows, np.int32)
