"""What the heads of detectors mean: priors, boxes, and the best of those that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ircompile.ir.tensor import Array

SAME = 0.3  # intersection over union from which on two boxes are of one thing


@dataclass(frozen=True)
class Found:
    """A box as (left, top, right, bottom), points as (x, y), all in 0 .. 1 of the picture, and a score."""

    box: Array
    score: float
    points: Array


def ssd_priors(height: int, width: int, strides: Sequence[int], sizes: Sequence[Sequence[float]]) -> Array:
    """Priors (N, 4) as centre x, centre y, width, height in 0 .. 1: for every cell of every map, one a size."""
    priors = []
    for stride, edges in zip(strides, sizes, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, edge = np.meshgrid(np.arange(rows), np.arange(columns), np.array(edges), indexing="ij")
        across, down = (x + 0.5) / columns, (y + 0.5) / rows
        priors.append(np.stack([across, down, edge / width, edge / height], -1).reshape(-1, 4))
    return np.concatenate(priors).clip(0, 1)


def ssd_boxes(deltas: Array, priors: Array, centre: float = 0.1, size: float = 0.2) -> Array:
    """Boxes (N, 4) of an SSD head's deltas (N, 4), which are scaled by the variances `centre` and `size`.

    Liu et al., SSD: Single Shot MultiBox Detector, equation 2, with the variances of its implementation.
    """
    middle = priors[:, :2] + deltas[:, :2] * centre * priors[:, 2:]
    half = priors[:, 2:] * np.exp(deltas[:, 2:] * size) / 2
    return np.concatenate([middle - half, middle + half], -1)


def blazeface(boxes: Sequence[Array], logits: Sequence[Array], edge: int) -> list[Found]:
    """Faces of BlazeFace's maps: two anchors a cell of stride 8, six a cell of stride 16, deltas in pixels."""
    centres = []
    for stride, count in ((8, 2), (16, 6)):
        cells = edge // stride
        y, x = np.mgrid[0:cells, 0:cells]
        centres.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2) + 0.5, count, axis=0) / cells)
    anchors, values = np.concatenate(centres), np.concatenate(boxes) / edge
    points = values.reshape(len(values), -1, 2)
    middle, half = anchors + points[:, 0], points[:, 1] / 2
    keys = anchors[:, None] + points[:, 2:]
    score = 1 / (1 + np.exp(-np.concatenate(logits)[:, 0].clip(-50, 50)))
    return best(np.concatenate([middle - half, middle + half], -1), score, keys)


def best(boxes: Array, scores: Array, points: Array | None = None, least: float = 0.6) -> list[Found]:
    """Those above `least`, each the best of those that overlap it."""
    keys = np.zeros((len(boxes), 0, 2)) if points is None else points
    found: list[Found] = []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] < least:
            break
        if all(overlap(boxes[i], other.box) < SAME for other in found):
            found.append(Found(boxes[i], float(scores[i]), keys[i]))
    return found


def overlap(a: Array, b: Array) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(sides.clip(0)))
    return common / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - common)
