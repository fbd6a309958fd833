"""Kernels of element-wise ops."""

from functools import lru_cache

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import quantize_multiplier
from ircompile.ir.tensor import Array, Site, Tensor
from ircompile.kernels.fixed_point import mantissa
from ircompile.kernels.model import Choose, Context, Extra, Kernel, Packed, Packer, Request, requant_words
from ircompile.kernels.requantize import Core, PairRecipe, synthesize_pairs, synthesize_product
from ircompile.plan.model import Layout
from ircompile.qtype import INT8


def choose_binary(op: ops.Binary, site: Site, request: Request) -> Kernel:
    """Row by row, over an operand of the output's shape."""
    full = [i for i, t in enumerate(site.inputs) if t.shape == site.output.shape]
    tall = op.constant is not None and site.consts[op.constant.name].shape[0] > 1
    extras: tuple[Extra, ...] = ("step",) if tall else ()
    reads: tuple[Layout, ...] = tuple("hwc" for _ in site.inputs)
    each = {"add": 7, "sub": 7, "mul": 10, "min": 9, "max": 9, "squared_difference": 60}[op.kind]
    if site.output.qtype != INT8 and op.rounding != "raw":
        each = {"mul": 20}.get(op.kind, 60)
    instructions = (each + 3 * (len(full) < 2)) * site.output.bytes // site.output.itemsize
    return Kernel(
        "binary", pack_binary, "row", reads, in_place=full[-1] if full else None, instructions=instructions,
        extras=extras, alike=len(full) == 2,
    )  # fmt: skip


def choose_table(op: ops.Table, site: Site, request: Request) -> Kernel:
    """Row by row, in place; a table of all codes as they are moves bytes, if it does anything."""
    if op.is_identity(site):
        return _unary("same_codes", pack_same_codes, site, 1)
    return _unary("table", pack_table, site, 4, alike=True)


def choose_pixel_table(op: ops.PixelTable, site: Site, request: Request) -> Kernel:
    """Row by row, in place."""
    return _unary("pixel_table", pack_pixel_table, site, 4)


def choose_flip(op: ops.Flip, site: Site, request: Request) -> Kernel:
    """Row by row, in place."""
    return _unary("flip", pack_flip, site, 2, alike=True)


def _unary(template: str, pack: Packer, site: Site, each: int, alike: bool = False) -> Kernel:
    """A kernel that takes `each` instructions a code."""
    return Kernel(template, pack, "row", ("hwc",), in_place=0, instructions=each * site.output.bytes, alike=alike)


def pack_table(op: ops.Table, site: Site, context: Context) -> Packed:
    """The table itself."""
    return Packed("", {}, {"table": site.consts[op.table]}, {"count": site.output.width * site.output.channels})


def pack_same_codes(op: ops.Table, site: Site, context: Context) -> Packed:
    """Nothing but a count."""
    return Packed("", {}, {}, {"count": site.output.width * site.output.channels})


def pack_pixel_table(op: ops.PixelTable, site: Site, context: Context) -> Packed:
    """The tables one after the other."""
    tables, count = site.consts[op.tables], site.output.width * site.output.channels
    key = {"channels": len(tables), "signed": site.inputs[0].dtype == "int8"}
    return Packed("", key, {"tables": tables}, {"count": count})


def pack_flip(op: ops.Flip, site: Site, context: Context) -> Packed:
    """Nothing but a count; words at a time where they may lie anywhere."""
    return Packed(
        "", {"words": context.features.unaligned}, {}, {"count": site.output.width * site.output.channels}
    )


def pack_binary(op: ops.Binary, site: Site, context: Context) -> Packed:
    """The constant operand as an array; then the cheapest arithmetic that is proved equal."""
    shapes = [t.shape for t in site.inputs]
    arrays: dict[str, Array] = {}
    if op.constant is not None:
        arrays["constant"] = site.consts[op.constant.name]
        shapes.insert(0 if op.constant.first else 1, arrays["constant"].shape)
    spread = tuple(
        (shape[1] > 1 or site.output.width == 1, shape[2] > 1 or site.output.channels == 1) for shape in shapes
    )
    key: dict[str, object] = {
        "kind": op.kind, "spread": spread, "flat": spread == ((True, True), (True, True)),
        "constant": None if op.constant is None else ("first" if op.constant.first else "second"),
        "constant_rows": op.constant is not None and shapes[0 if op.constant.first else 1][0] > 1,
    }  # fmt: skip
    sizes = {"width": site.output.width, "channels": site.output.channels}
    if key["flat"]:
        sizes = {"count": site.output.width * site.output.channels}
    marks = "".join("x" if all(s) else "c" if s[1] else "w" if s[0] else "1" for s in spread)
    suffix = f"{op.kind}_{marks}" + (f"_{key['constant']}" if op.constant else "")
    (_, za), (_, zb) = op.operands(site)
    if op.kind == "mul":
        core = Core.of(context.features)
        product = synthesize_product(op, site, core, *(codes_of(op, site, first) for first in (True, False)))
        arrays["requant"] = requant_words(product)
        sizes |= {"zero_a": za, "zero_b": zb}
        counts = {product.form.key: site.output.channels}
        return Packed(suffix, {**key, "arithmetic": "product"}, arrays, sizes, product.form, counts)
    pair = None
    if site.output.qtype == INT8:
        pair = pairs_of(op, *site.inputs, site.output) if op.constant is None else pairs_with_constant(op, site)
    if pair is not None:
        sizes |= dict(zip(pair.form.parameters, pair.values, strict=True))
        counts = {pair.form.key: site.output.channels}
        return Packed(suffix, {**key, "arithmetic": "pair"}, arrays, sizes, pair.form, counts)
    sizes |= {"zero_a": za, "zero_b": zb, "zero_out": site.output.zero_point, "low": op.low, "high": op.high}
    sizes |= exact_sum(op, site)
    key |= {"arithmetic": op.rounding} | ({"left_shift": op.scaling(site)[0]} if op.rounding == "double" else {})
    return Packed(f"{suffix}_{op.rounding}", key, arrays, sizes)


def codes_of(op: ops.Binary, site: Site, first: bool) -> tuple[int, int]:
    """The least and the greatest code of an operand."""
    if op.constant is None or op.constant.first != first:
        return site.inputs[0].qtype.range
    values = site.consts[op.constant.name]
    return int(values.min()), int(values.max())


@lru_cache(maxsize=256)
def pairs_of(op: ops.Binary, a: Tensor, b: Tensor, out: Tensor) -> PairRecipe | None:
    """A sum of two products that is the op on all codes of two tensors."""
    return None if op.rounding == "raw" else synthesize_pairs(op, Site((a, b), out, {}))


def pairs_with_constant(op: ops.Binary, site: Site) -> PairRecipe | None:
    """The same where one operand has the constant's codes only."""
    assert op.constant is not None
    if op.rounding == "raw":
        return None
    codes, every = np.unique(site.consts[op.constant.name]).astype(np.int64), INT8.codes()
    return (
        synthesize_pairs(op, site, codes, every) if op.constant.first else synthesize_pairs(op, site, every, codes)
    )


def exact_sum(op: ops.Binary, site: Site) -> dict[str, int]:
    """The integers of the reference's own arithmetic of ADD and SUB, by the C parameter's name."""
    (sa, _), (sb, _) = op.operands(site)
    so = site.output.scale
    if op.rounding == "raw":
        return {}
    if op.rounding == "double":
        out: dict[str, int] = {}
        for name, factor in zip(("a", "b", "out"), op.scaling(site)[1], strict=True):
            q31, left = quantize_multiplier(np.float64(factor))
            out |= {f"multiplier_{name}": int(q31), f"shift_{name}": int(left)}
        return out
    (ma, ea), (mb, eb) = (mantissa(float(np.float32(s) / np.float32(so))) for s in (sa, sb))
    common = max(ea, eb)
    return {"ratio_a": ma, "up_a": common - ea, "ratio_b": mb, "up_b": common - eb, "shift": common}


def choose_prelu(op: ops.Prelu, site: Site, request: Request) -> Kernel:
    """Row by row, in place."""
    extras: tuple[Extra, ...] = ("step",) if site.consts[op.alpha].shape[0] > 1 else ()
    return Kernel("prelu", pack_prelu, "row", ("hwc",), in_place=0, extras=extras)


def pack_prelu(op: ops.Prelu, site: Site, context: Context) -> Packed:
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


KERNELS: dict[type[ops.Op], Choose] = {
    ops.Binary: choose_binary,
    ops.Table: choose_table,
    ops.PixelTable: choose_pixel_table,
    ops.Flip: choose_flip,
    ops.Prelu: choose_prelu,
}
