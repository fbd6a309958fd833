"""Pixels as models want them, and what models say drawn over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gallery_heads import Found
from PIL import Image, ImageDraw

from ircompile.ir.tensor import Array

RED, GREEN = (230, 50, 50), (40, 200, 90)


def pixels(image: Image.Image, width: int, height: int, mode: str = "RGB") -> Array:
    """uint8, (1, height, width, channels)."""
    resized = image.convert(mode).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(1, height, width, -1)


def signed(array: Array) -> Array:
    """int8 codes of 0 .. 255."""
    return (array ^ np.uint8(0x80)).view(np.int8)


def real(array: Array, mean: float | Array, deviation: float | Array) -> Array:
    """float32 of 0 .. 255, less the mean, over the deviation."""
    return ((array.astype(np.float64) - mean) / deviation).astype(np.float32)


def with_boxes(image: Image.Image, found: Sequence[Found]) -> Image.Image:
    """Boxes, their scores and their points over a picture."""
    drawn = image.convert("RGB")
    pen = ImageDraw.Draw(drawn)
    scale = np.array(drawn.size)
    for one in found:
        left, top, right, bottom = (one.box.reshape(2, 2) * scale).reshape(-1)
        pen.rectangle([left, top, right, bottom], outline=RED, width=3)
        pen.text((left + 6, top + 4), f"{one.score:.2f}", fill=RED, font_size=18)
        for x, y in one.points * scale:
            pen.ellipse([x - 5, y - 5, x + 5, y + 5], fill=GREEN)
    return drawn


def with_mask(image: Image.Image, mask: Array) -> Image.Image:
    """What is not in the mask (0 .. 1) darkened."""
    opacity = Image.fromarray(np.uint8(mask.clip(0, 1) * 255)).resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(image, image.point(lambda value: value // 4), opacity)


def coloured(values: Array) -> Array:
    """uint8 RGB of values: the least dark blue, then red, the greatest yellow."""
    at = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    stops = np.array([[20, 20, 80], [150, 30, 110], [230, 110, 50], [250, 240, 130]])
    colours = [np.interp(at, np.linspace(0, 1, 4), stops[:, i]) for i in range(3)]
    return np.stack(colours, -1).astype(np.uint8)
