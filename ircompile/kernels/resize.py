"""Kernels of resizing: whole factors to the nearest pixel, positions from tables otherwise."""

import numpy as np

from ircompile.ir import ops
from ircompile.ir.ops.resize import ONE
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Choose, Context, Kernel, Packed, Request

EXACT_BITS = 7  # 8-bit codes times two weights below 1.5 with 7 fractional bits are exact in float32


def choose_resize(op: ops.Resize, site: Site, request: Request) -> Kernel:
    """One row or two of the whole buffer; one row, computed by a division, where the map grows by whole factors."""
    factors = whole_factors(op, site)
    if factors:
        return Kernel("upsample", pack_resize, "row", ("hwc",), rows=((1, 0, factors[0]),))
    return Kernel("resize", pack_resize, "buffer", ("hwc",), extras=("step",))


def pack_resize(op: ops.Resize, site: Site, context: Context) -> Packed:
    """Positions of all rows and columns, in 2^-shift of a pixel."""
    source, target = site.inputs[0], site.output
    factors, pixel = whole_factors(op, site), source.channels * source.itemsize
    if factors:
        return Packed("", {}, {}, {"width_in": source.width, "channels": pixel, "factor": factors[1]})
    lines = {"rows": _places(op, source.height, target.height), "columns": _places(op, source.width, target.width)}
    sizes = {"width_out": target.width, "channels": pixel}
    if op.kind.startswith("nearest"):
        tables = {name: places[:, 0].astype(np.int16) for name, places in lines.items()}
        return Packed("nearest", {"kind": "nearest"}, tables, sizes)
    shift = EXACT_BITS if op.kind == "bilinear_float32" else ONE.bit_length() - 1
    if op.kind == "bilinear_float32":
        if not all(np.array_equal(p[:, 2] * 2.0**shift, np.rint(p[:, 2] * 2.0**shift)) for p in lines.values()):
            return Packed("float32", {"kind": "float32"}, _float_tables(lines), sizes)
        for places in lines.values():
            places[:, 2] *= 2.0**shift
    # A position before the first line or behind the last has one line twice, with weights that add up to 1.
    tables = {
        name: np.clip(places[:, 0] * 2.0**shift + places[:, 2], 0, (size - 1) * 2.0**shift).astype(np.int32)
        for (name, places), size in zip(lines.items(), source.shape, strict=False)
    }
    rounding: str = "half_up" if op.kind == "bilinear_float32" else op.rounding
    suffix = {"half_up": "_up", "nearest": ""}.get(rounding, f"_{rounding}")
    return Packed(
        f"bilinear{shift}{suffix}", {"kind": "bilinear", "shift": shift, "rounding": rounding}, tables, sizes
    )


def whole_factors(op: ops.Resize, site: Site) -> tuple[int, int] | None:
    """(vertical, horizontal) where output line i is input line i // factor, for all lines."""
    if not op.kind.startswith("nearest"):
        return None
    factors = []
    for size, target in zip(site.inputs[0].shape[:2], op.size, strict=True):
        if target % size or any(op.positions(i, size, target)[0] != i // (target // size) for i in range(target)):
            return None
        factors.append(target // size)
    return factors[0], factors[1]


def _places(op: ops.Resize, size: int, target: int) -> Array:
    """float64 (target, 3): every line's first source line, second, and distance from the first."""
    return np.array([op.positions(i, size, target) for i in range(target)], np.float64)


def _float_tables(lines: dict[str, Array]) -> dict[str, Array]:
    """Pairs of lines and the distance from the first towards the second."""
    tables: dict[str, Array] = {}
    for name, places in lines.items():
        tables[name] = places[:, :2].astype(np.int16)
        tables[f"{name}_weights"] = places[:, 2].astype(np.float32)
    return tables


KERNELS: dict[type[ops.Op], Choose] = {ops.Resize: choose_resize}
