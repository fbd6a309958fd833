"""Kernels of element-wise ops, and of softmax."""

from __future__ import annotations

import numpy as np

from ircompile import ops
from ircompile.kernels.fixed_point import mantissa
from ircompile.kernels.model import Extra, Kernel, Packed
from ircompile.numerics import quantize_multiplier
from ircompile.plan.model import Layout
from ircompile.tensor import Array, Site


def choose_binary(op: ops.Binary, site: Site) -> Kernel:
    """Row by row, over an operand of the output's shape."""
    full = [i for i, t in enumerate(site.inputs) if t.shape == site.output.shape]
    tall = op.constant is not None and site.consts[op.constant.name].shape[0] > 1
    extras: tuple[Extra, ...] = ("step",) if tall else ()
    reads: tuple[Layout, ...] = tuple("hwc" for _ in site.inputs)
    return Kernel("binary", "row", reads, in_place=full[-1] if full else None, extras=extras)


def choose_unary(op: ops.Table | ops.Flip | ops.Softmax, site: Site) -> Kernel:
    """Row by row, in place."""
    return Kernel(type(op).__name__.lower(), "row", ("hwc",), in_place=0)


def pack_table(op: ops.Table, site: Site) -> Packed:
    """The table itself."""
    return Packed("", {}, {"table": site.consts[op.table]}, {"count": site.output.width * site.output.channels})


def pack_flip(op: ops.Flip, site: Site) -> Packed:
    """Nothing but a count."""
    return Packed("", {}, {}, {"count": site.output.width * site.output.channels})


def pack_binary(op: ops.Binary, site: Site) -> Packed:
    """Multipliers as sizes; the constant operand as an array."""
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


def pack_softmax(op: ops.Softmax, site: Site) -> Packed:
    """The exponential of every distance below the greatest code."""
    sizes = {"width": site.output.width, "channels": site.output.channels}
    if op.rounding == "table":
        sizes |= {"factor": op.factor(site), "zero_out": site.output.zero_point}
    return Packed(op.rounding, {"rounding": op.rounding}, {"exps": op.exp_table(site).astype(np.int32)}, sizes)


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
