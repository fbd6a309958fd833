"""One site of every op and of its odd geometries, with random constants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ircompile.ir import ops
from ircompile.ir.numerics import Requant
from ircompile.ir.ops import Op, Window
from ircompile.ir.tensor import Array, Rows, Shape, Site, Tensor

WINDOWS = [
    Window((1, 1)),
    Window((1, 1), (2, 2)),
    Window((3, 3), (1, 1), (1, 1, 1, 1)),
    Window((3, 3), (2, 2), (0, 1, 0, 1)),
    Window((5, 2), (3, 1), (2, 2, 0, 1)),
    Window((3, 3), (1, 1), (2, 2, 2, 2), (2, 2)),
    Window((7, 5)),
    Window((4, 3), (2, 2), (3, 3, 1, 2)),
    Window((2, 2), (3, 3)),
]


def site_of(op: Op, shapes: list[Shape], consts: dict[str, Array], dtype: str = "int8", out: str = "int8") -> Site:
    inputs = tuple(Tensor(f"x{n}", shape, dtype, 0.05, 3) for n, shape in enumerate(shapes))
    scale, zero = (
        (0.05, 3) if isinstance(op, ops.Concat | ops.Slice | ops.Gather | ops.Resize | ops.MaxPool) else (0.07, -5)
    )
    if isinstance(op, ops.Softmax):
        scale, zero = 1 / 256, -128
    if isinstance(op, ops.L2Normalization):
        scale, zero = 1 / 128, 0
    if out == "int16":
        scale, zero = 0.07, 0
        inputs = tuple(replace(t, zero_point=0) if t.dtype == "int16" else t for t in inputs)
    return Site(inputs, Tensor("y", op.infer(inputs, consts), out, scale, zero), consts)


def _weights(shape: tuple[int, ...], count: int, **names: Any) -> dict[str, Array]:
    rng = np.random.default_rng(count)
    return {
        "w": rng.integers(-127, 128, shape).astype(np.int8),
        "b": rng.integers(-500, 500, count).astype(np.int32),
        "s": rng.uniform(0.001, 0.01, count),
    }


def sites() -> Iterator[tuple[Op, Site]]:
    """Every op, at work."""
    requant = Requant("double", "s", -5)
    for window in WINDOWS:
        kh, kw = window.kernel
        for op, shape in [
            (ops.Conv(window, "w", "b", requant), (5, kh, kw, 3)),
            (ops.Depthwise(window, "w", "b", requant), (kh, kw, 6)),
        ]:
            yield op, site_of(op, [(9, 7, 3)], _weights(shape, 5 if len(shape) == 4 else 6))
        top, bottom, left, right = window.padding
        if max(top, bottom) < kh and max(left, right) < kw and window.dilation == (1, 1):
            for pool in (ops.MaxPool(window), ops.AveragePool(window), ops.AveragePool(window, "half_up")):
                yield pool, site_of(pool, [(9, 7, 3)], {})
    for window, shape, channels in [
        (Window((3, 3), (1, 1), (1, 1, 1, 1)), (5, 8, 16), 5), (Window((1, 1)), (1, 1, 12), 5),
        (Window((4, 3)), (4, 3, 16), 6),
    ]:  # fmt: skip
        conv = ops.Conv(window, "w", "b", requant)
        yield conv, site_of(conv, [shape], _weights((channels, *window.kernel, shape[2]), channels))
    for window, shape in [
        (Window((3, 3), (1, 1), (1, 1, 1, 1)), (6, 4, 16)), (Window((5, 5), (1, 1), (2, 2, 2, 2)), (6, 24, 4)),
    ]:  # fmt: skip
        depthwise = ops.Depthwise(window, "w", "b", requant)
        yield depthwise, site_of(depthwise, [shape], _weights((*window.kernel, shape[2]), shape[2]))
    for size, stride, padding, kernel in [
        ((10, 8), (2, 2), (0, 0), (2, 2)), ((9, 7), (2, 2), (1, 1), (3, 3)), ((13, 5), (3, 1), (0, 1), (2, 3)),
        ((5, 4), (1, 1), (2, 0), (5, 1)),
    ]:  # fmt: skip
        op = ops.TransposeConv(size, stride, padding, "w", "b", requant)
        yield op, site_of(op, [(5, 4, 3)], _weights((2, *kernel, 3), 2))
    yield from _others()
    yield from _movers()
    yield from _wide()


def _others() -> Iterator[tuple[Op, Site]]:
    rng = np.random.default_rng(1)
    codes = {
        "c": rng.integers(-128, 128, (1, 1, 3)).astype(np.int8),
        "t": rng.permutation(256).astype(np.uint8).view(np.int8),
    }
    full = {"c": rng.integers(-128, 128, (6, 4, 3)).astype(np.int8)}
    shape = (6, 4, 3)
    for kind in ("add", "sub", "mul"):
        for rounding in ("double", "float32_even"):
            pair = ops.Binary(kind, rounding)
            for other in (shape, (1, 1, 3), (6, 1, 1), (1, 4, 1)):
                yield pair, site_of(pair, [shape, other], {})
                yield pair, site_of(pair, [other, shape], {})
            for consts in (codes, full):
                one = ops.Binary(kind, rounding, constant=ops.Constant("c", 0.03, 4))
                yield one, site_of(one, [shape], consts)
    for consts in (codes, full):
        prelu = ops.Prelu("c", 0.01, 2)
        yield prelu, site_of(prelu, [shape], consts)
    maximum = ops.Binary("max", "raw")
    yield maximum, site_of(maximum, [shape, shape], {})
    for op in (ops.Table("t"), ops.Softmax("gemmlowp"), ops.L2Normalization(), ops.Copy()):
        yield op, site_of(op, [shape], codes)
    for least in (False, True):
        yield ops.ArgMax(least), site_of(ops.ArgMax(least), [shape], {}, out="int32")
    yield ops.Flip(), site_of(ops.Flip(), [shape], {}, dtype="uint8")
    for count in (1, 3):
        tables = {"t": rng.integers(-128, 128, (count, 256)).astype(np.int8)}
        yield ops.PixelTable("t"), site_of(ops.PixelTable("t"), [shape], tables, dtype="uint8")
        yield ops.PixelTable("t"), site_of(ops.PixelTable("t"), [shape], tables)
    for axes in ("h", "w", "hw"):
        for rounding in ("integer", "float32_even", "code", "code_up"):
            mean = ops.Mean(axes, rounding)
            yield mean, site_of(mean, [shape], {})
        total = ops.Mean(axes, "sum")
        yield total, site_of(total, [shape], {}, out="int16" if axes == "w" else "int32")
        for kind in ("max", "min"):
            extreme = ops.Extreme(kind, axes)
            yield extreme, site_of(extreme, [shape], {})


def of_sums() -> Iterator[tuple[Op, Site]]:
    """What takes in sums of codes, which are none where they are random."""
    for stop in (5, 6):
        moving = ops.RunningSum(4, stop, 6)
        inputs = tuple(Tensor(f"x{n}", (h, 4, 3), kind) for n, (h, kind) in enumerate(((2, "int32"), (6, "int8"))))
        yield moving, Site(inputs, Tensor("y", moving.infer(inputs, {}), "int32"), {})
    mean = ops.MeanOfSums("h", of=48)
    yield mean, site_of(mean, [(2, 4, 3)], {}, "int32")


def _movers() -> Iterator[tuple[Op, Site]]:
    shape = (6, 4, 6)
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        yield ops.Transpose(order), site_of(ops.Transpose(order), [shape], {})
    for target in ((6, 4, 6), (1, 1, 144), (144, 1, 1), (3, 8, 6), (12, 2, 6), (8, 3, 6), (9, 4, 4), (16, 9, 1)):
        yield ops.Reshape(target), site_of(ops.Reshape(target), [shape], {})
    for before, after in (((0, 0, 0), (1, 1, 0)), ((2, 1, 0), (3, 0, 0)), ((0, 0, 2), (0, 0, 1))):
        pad = ops.Pad(before, after, -7)
        yield pad, site_of(pad, [shape], {})
    for axis in (0, 1, 2):
        shapes = [tuple(n + (k if a == axis else 0) for a, n in enumerate(shape)) for k in (0, 2, 1)]
        yield ops.Concat(axis), site_of(ops.Concat(axis), shapes, {})
    for cut in (ops.Slice((1, 0, 2), (5, 4, 3)), ops.Slice((0, 1, 0), (3, 2, 2), (2, 1, 3))):
        yield cut, site_of(cut, [shape], {})
    for picked in (
        ops.Gather(2, (5, 0, 3)),
        ops.Gather(2, (1, 3, 5)),
        ops.Gather(2, (1, 1, 0, 2, 5)),
        ops.Gather(1, (3, 1, 2, 0)),
    ):
        yield picked, site_of(picked, [shape], {})
    for block in (1, 2):
        for blocks in (ops.DepthToSpace(block), ops.SpaceToDepth(block)):
            yield blocks, site_of(blocks, [(6, 4, 8)], {})
    for kind in ("nearest", "bilinear", "bilinear_float32"):
        for size in ((12, 8), (13, 3), (3, 9), (1, 1)):
            for align, half in ((False, False), (True, False), (False, True)):
                resize = ops.Resize(kind, size, align, half)
                yield resize, site_of(resize, [shape], {})


def _wide() -> Iterator[tuple[Op, Site]]:
    """What reads or writes codes of 16 bits."""
    requant, full = Requant("wide", "s", 0, -(2**15), 2**15 - 1), (-(2**15), 2**15 - 1)
    window = Window((3, 3), (2, 1), (1, 1, 1, 0))
    long = {**_weights((5, 3, 3, 3), 5), "b": np.arange(5) << 34}
    thin = {**_weights((3, 3, 6), 6), "b": np.arange(6)}
    shape = (6, 4, 3)
    for op, consts in (
        (ops.Conv(window, "w", "b", requant), long), (ops.Depthwise(window, "w", "b", requant), thin),
        (ops.MaxPool(window, *full), {}), (ops.AveragePool(window, "integer", *full), {}),
        (ops.Mean("h", "integer", *full), {}), (ops.Extreme("min", "hw"), {}),
        (ops.Pad((1, 0, 2), (0, 1, 0), 999), {}),
        (ops.Rescale(0.8, 0.3, *full), {}), (ops.Sigmoid("logistic", 20000, 5), {}),
        (ops.Sigmoid("tanh", 3, 0), {}),
        (ops.Softmax("interpolated"), {}),
    ):  # fmt: skip
        yield op, site_of(op, [shape], consts, "int16", "int16")
    for kind in ("add", "sub", "mul", "squared_difference"):
        pair = ops.Binary(kind, "double", *full)
        yield pair, site_of(pair, [shape, (1, 1, 3)], {}, "int16", "int16")
    narrowing = ops.Rescale(0.5, 0.5, -128, 127)
    yield narrowing, site_of(narrowing, [shape], {}, "int16")


def random_inputs(site: Site, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    infos = [np.iinfo(t.dtype) for t in site.inputs]
    return [
        rng.integers(i.min, i.max + 1, t.shape).astype(t.dtype) for i, t in zip(infos, site.inputs, strict=True)
    ]


def whole(op: Op, site: Site, inputs: list[Array]) -> Array:
    return np.asarray(op.simulate(site, [Rows(a) for a in inputs], 0, site.output.height))
