"""Random operators of ONNX that move, choose or add up values: any that shapes allow."""

from __future__ import annotations

import numpy as np
from onnx_sketch import Drawing


def reduction(d: Drawing) -> None:
    value = d.pick(4, 3)
    if value is None:
        return
    x, shape = value
    rank = len(shape)
    axes = sorted(int(a) for a in d.rng.choice(np.arange(1, rank), d.size(1, min(2, rank - 1)), replace=False))
    keep = d.chance(2)
    sizes = tuple(1 if a in axes else n for a, n in enumerate(shape) if keep or a not in axes)
    kind = str(d.rng.choice(["ReduceMean", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"]))
    if len(sizes) < 2:
        return
    if kind == "ReduceSum":
        d.add(kind, sizes, x, d.net.const(axes, np.int64), keepdims=int(keep))
    else:
        d.add(kind, sizes, x, axes=axes, keepdims=int(keep))


def transpose(d: Drawing) -> None:
    value = d.pick(4, 3)
    if value is None:
        return
    x, shape = value
    order = [0, *(int(a) for a in 1 + d.rng.permutation(len(shape) - 1))]
    d.add("Transpose", tuple(shape[a] for a in order), x, perm=order)


def reshape(d: Drawing) -> None:
    value = d.pick()
    assert value
    x, shape = value
    kind = str(d.rng.choice(["Reshape", "Flatten", "Unsqueeze", "Squeeze", "Merge"]))
    if kind == "Flatten":
        d.add("Flatten", (1, int(np.prod(shape[1:]))), x)
    elif kind == "Unsqueeze" and len(shape) < 4:
        axis = d.size(1, len(shape))
        d.add("Unsqueeze", (*shape[:axis], 1, *shape[axis:]), x, d.net.const([axis], np.int64))
    elif kind == "Squeeze":
        ones = [a for a, n in enumerate(shape) if n == 1 and a > 0]
        if ones and len(shape) > 2:
            axis = ones[int(d.rng.integers(len(ones)))]
            d.add("Squeeze", (*shape[:axis], *shape[axis + 1 :]), x, d.net.const([axis], np.int64))
    elif kind == "Merge" and len(shape) > 2:
        axis = d.size(1, len(shape) - 2)
        sizes = (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])
        d.add("Reshape", sizes, x, d.net.const(sizes, np.int64))
    elif kind == "Reshape":
        axis = d.size(1, len(shape) - 1)
        parts = [n for n in range(2, shape[axis]) if shape[axis] % n == 0]
        if parts and len(shape) < 4:
            part = parts[int(d.rng.integers(len(parts)))]
            sizes = (*shape[:axis], part, shape[axis] // part, *shape[axis + 1 :])
            d.add("Reshape", sizes, x, d.net.const(sizes, np.int64))


def part(d: Drawing) -> None:
    value = d.pick()
    assert value
    x, shape = value
    axis = d.size(1, len(shape) - 1)
    size = shape[axis]
    start, step = d.size(0, size - 1), d.size(1, 2)
    stop = d.size(start + 1, size)
    sizes = (*shape[:axis], len(range(start, stop, step)), *shape[axis + 1 :])
    d.add("Slice", sizes, x, *(d.net.const([v], np.int64) for v in (start, stop, axis, step)))


def split(d: Drawing) -> None:
    value = d.pick()
    assert value
    x, shape = value
    axis = d.size(1, len(shape) - 1)
    if shape[axis] < 2:
        return
    first = d.size(1, shape[axis] - 1)
    sizes = [first, shape[axis] - first]
    names = d.net.node("Split", x, d.net.const(sizes, np.int64), outputs=2, axis=axis)
    d.values += [(name, (*shape[:axis], n, *shape[axis + 1 :])) for name, n in zip(names, sizes, strict=True)]


def concat(d: Drawing) -> None:
    value = d.pick()
    assert value
    _, shape = value
    axis = d.size(1, len(shape) - 1)
    rest = (*shape[:axis], *shape[axis + 1 :])
    fitting = [v for v in d.values if len(v[1]) == len(shape) and (*v[1][:axis], *v[1][axis + 1 :]) == rest]
    chosen = [fitting[int(d.rng.integers(len(fitting)))] for _ in range(d.size(1, 2))] + [value]
    total = sum(v[1][axis] for v in chosen)
    d.add("Concat", (*shape[:axis], total, *shape[axis + 1 :]), *(v[0] for v in chosen), axis=axis)


def pad(d: Drawing) -> None:
    value = d.pick()
    assert value
    x, shape = value
    before = [0, *(d.size(0, 2) for _ in shape[1:])]
    after = [0, *(d.size(0, 2) for _ in shape[1:])]
    fill = [d.net.const(float(d.rng.choice([0.0, 0.0, 0.7, -0.4])), np.float32)] if d.chance(2) else []
    sizes = tuple(a + n + b for a, n, b in zip(before, shape, after, strict=True))
    d.add("Pad", sizes, x, d.net.const([*before, *after], np.int64), *fill)


def blocks(d: Drawing) -> None:
    value = d.pick(4)
    if value is None:
        return
    x, (_, c, h, w) = value
    if c % 4 == 0 and d.chance(2):
        d.add("DepthToSpace", (1, c // 4, h * 2, w * 2), x, blocksize=2, mode="DCR" if d.chance(2) else "CRD")
    elif h % 2 == 0 and w % 2 == 0:
        d.add("SpaceToDepth", (1, c * 4, h // 2, w // 2), x, blocksize=2)


def gather(d: Drawing) -> None:
    value = d.pick()
    assert value
    x, shape = value
    axis = d.size(1, len(shape) - 1)
    start, step = d.size(0, shape[axis] - 1), d.size(1, 2)
    places = list(range(start, shape[axis], step))
    if len(shape) > 2 and d.chance(3):
        d.add("Gather", (*shape[:axis], *shape[axis + 1 :]), x, d.net.const(start, np.int64), axis=axis)
    else:
        sizes = (*shape[:axis], len(places), *shape[axis + 1 :])
        d.add("Gather", sizes, x, d.net.const(places, np.int64), axis=axis)


def unchanged(d: Drawing) -> None:
    value = d.pick()
    assert value
    d.add("Identity", value[1], value[0])


LAYOUT = [transpose, reshape, part, split, concat, pad, blocks, reduction, gather, unchanged]
