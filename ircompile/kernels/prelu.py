"""Kernel of PReLU: one multiplier at and above zero, one times the channel's slope below."""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import quantize_multiplier
from ircompile.ir.tensor import Site
from ircompile.kernels.fixed_point import mantissa
from ircompile.kernels.model import Extra, Kernel, Packed


def choose_prelu(op: ops.Prelu, site: Site) -> Kernel:
    """Row by row, in place."""
    extras: tuple[Extra, ...] = ("step",) if site.consts[op.alpha].shape[0] > 1 else ()
    return Kernel("prelu", "row", ("hwc",), in_place=0, extras=extras)


def pack_prelu(op: ops.Prelu, site: Site) -> Packed:
    """Slope codes as they are; both multipliers."""
    source, target, alpha = site.inputs[0], site.output, site.consts[op.alpha]
    sizes = {"width": target.width, "channels": target.channels, "zero_in": source.zero_point,
             "zero_alpha": op.zero_point, "zero_out": target.zero_point}  # fmt: skip
    if op.rounding == "double":
        ratio = np.float64(source.scale) / np.float64(target.scale)
        product = np.float64(source.scale) * np.float64(op.scale) / np.float64(target.scale)
        factors = [tuple(int(v) for v in quantize_multiplier(real)) for real in (ratio, product)]
    else:
        plain = np.float32(source.scale) / np.float32(target.scale)
        steep = np.float32(source.scale) * np.float32(op.scale) / np.float32(target.scale)
        factors = [mantissa(float(real)) for real in (plain, steep)]
    for name, (multiplier, shift) in zip(("up", "down"), factors, strict=True):
        sizes |= {f"multiplier_{name}": multiplier, f"shift_{name}": shift}
    spread = tuple(size > 1 for size in alpha.shape)
    suffix = f"{op.rounding}_" + ("".join(a for a, wide in zip("hwc", spread, strict=True) if wide) or "1")
    return Packed(suffix, {"rounding": op.rounding, "spread": spread}, {"alpha": alpha}, sizes)
