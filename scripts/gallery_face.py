"""A drawn portrait: a face for detectors that belongs to nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ircompile.ir.tensor import Array

Colour = tuple[int, int, int]
DETAIL = 960  # pixels it is drawn at, before it is made smaller

WALL, SHIRT, HAIR = (120, 150, 175), (60, 70, 110), (52, 36, 26)
SKIN, EAR, SHADOW = (188, 140, 115), (200, 150, 125), (120, 70, 55)


@dataclass(frozen=True)
class Canvas:
    """A square picture with coordinates 0 .. 1."""

    image: Image.Image

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        """What draws on it."""
        return ImageDraw.Draw(self.image)

    def ellipse(self, x: float, y: float, across: float, down: float, colour: Colour | int) -> None:
        """One around (x, y)."""
        self.pen.ellipse(scaled(x - across, y - down, x + across, y + down), fill=colour)

    def polygon(self, points: list[float], colour: Colour | int) -> None:
        """Its corners as x, y, x, y ..."""
        self.pen.polygon(scaled(*points), fill=colour)

    def curve(self, points: list[float], width: float, colour: Colour) -> None:
        """A line through points as x, y, x, y ..."""
        self.pen.line(scaled(*points), fill=colour, width=round(width * DETAIL), joint="curve")

    def arc(
        self, box: tuple[float, float, float, float], turn: tuple[int, int], width: float, colour: Colour
    ) -> None:
        """Part of the ellipse in a box (left, top, right, bottom), between two angles in degrees."""
        self.pen.arc(scaled(*box), *turn, fill=colour, width=round(width * DETAIL))

    def soft(self, colour: Colour, blur: float, draw: Callable[[Canvas], None]) -> None:
        """A colour through a blurred mask that `draw` draws: 0 .. 255 of opacity."""
        mask = Canvas(Image.new("L", self.image.size, 0))
        draw(mask)
        through = mask.image.filter(ImageFilter.GaussianBlur(blur * DETAIL))
        self.image.paste(Image.new("RGB", self.image.size, colour), (0, 0), through)


def scaled(*values: float) -> list[float]:
    """Coordinates 0 .. 1 in pixels."""
    return [value * DETAIL for value in values]


def portrait(edge: int = 480) -> Image.Image:
    """The portrait, edge x edge RGB."""
    canvas = Canvas(Image.new("RGB", (DETAIL, DETAIL), WALL))
    canvas.ellipse(0.5, 1.12, 0.42, 0.3, SHIRT)
    canvas.ellipse(0.5, 0.42, 0.27, 0.33, HAIR)
    canvas.pen.rectangle(scaled(0.41, 0.65, 0.59, 0.9), fill=SKIN)
    canvas.ellipse(0.5, 0.88, 0.1, 0.06, SKIN)
    for x in (0.265, 0.735):
        canvas.ellipse(x, 0.5, 0.03, 0.06, EAR)
    head(canvas)
    canvas.soft(SHADOW, 0.012, shadows)
    for x, outwards in ((0.405, -1), (0.595, 1)):
        eye(canvas, x, outwards)
    nose(canvas)
    mouth(canvas)
    canvas.soft((255, 235, 220), 0.014, lights)
    return canvas.image.filter(ImageFilter.GaussianBlur(1.6)).resize((edge, edge), Image.Resampling.LANCZOS)


def head(canvas: Canvas) -> None:
    """A round head, lit from the upper left, and the hair over it."""
    y, x = np.mgrid[0:DETAIL, 0:DETAIL] / DETAIL
    across, down = (x - 0.5) / 0.225, (y - 0.49) / np.where(y > 0.49, 0.3, 0.29)
    radius = (across * (1 + 0.25 * down.clip(0, 1) ** 2)) ** 2 + down**2
    light = 0.62 + 0.42 * np.sqrt((1 - radius).clip(0)) - 0.12 * across - 0.1 * down
    skin = Image.fromarray(np.uint8((light[..., None] * [224, 176, 150]).clip(0, 255)))
    outline, brow = inside(radius, 60), inside(((x - 0.5) / 0.205) ** 2 + ((y - 0.47) / 0.235) ** 2, 40)
    canvas.image.paste(skin, (0, 0), Image.fromarray(outline))
    canvas.pen.pieslice(scaled(0.255, 0.12, 0.745, 0.66), 195, 345, fill=HAIR)
    canvas.image.paste(skin, (0, 0), Image.fromarray(np.minimum(outline, brow)))


def inside(radius: Array, sharpness: float) -> Array:
    """A mask of where a radius is under 1."""
    return np.uint8(((1 - radius) * sharpness).clip(0, 1) * 255)


def shadows(mask: Canvas) -> None:
    """Under brows, nose, lips."""
    for x in (0.405, 0.595):
        mask.ellipse(x, 0.445, 0.062, 0.04, 90)
    mask.polygon([0.495, 0.46, 0.455, 0.585, 0.475, 0.6, 0.5, 0.59], 80)
    mask.ellipse(0.5, 0.605, 0.05, 0.015, 120)
    mask.ellipse(0.5, 0.72, 0.05, 0.012, 80)
    mask.ellipse(0.5, 0.76, 0.12, 0.02, 40)


def lights(mask: Canvas) -> None:
    """On nose, forehead and cheeks."""
    mask.ellipse(0.5, 0.55, 0.012, 0.035, 110)
    mask.ellipse(0.5, 0.33, 0.09, 0.03, 50)
    for x in (0.41, 0.59):
        mask.ellipse(x, 0.55, 0.035, 0.03, 40)


def eye(canvas: Canvas, x: float, outwards: int) -> None:
    """An eye and its brow."""
    brow = [(x + outwards * t * 0.065, 0.38 + 0.018 * t * t + 0.004 * t) for t in np.linspace(-1, 1, 15)]
    canvas.curve([value for point in brow for value in point], 0.018, (60, 42, 32))
    canvas.ellipse(x, 0.454, 0.047, 0.022, (238, 232, 228))
    canvas.ellipse(x, 0.453, 0.02, 0.021, (80, 55, 38))
    canvas.ellipse(x, 0.453, 0.01, 0.011, (15, 12, 12))
    canvas.ellipse(x + 0.006, 0.447, 0.004, 0.004, (250, 250, 250))
    canvas.arc((x - 0.05, 0.427, x + 0.05, 0.482), (195, 345), 0.009, (45, 30, 25))
    canvas.arc((x - 0.05, 0.43, x + 0.05, 0.478), (20, 160), 0.004, (140, 95, 80))


def nose(canvas: Canvas) -> None:
    """Nostrils and wings."""
    for x in (0.475, 0.525):
        canvas.ellipse(x, 0.596, 0.012, 0.007, (95, 55, 45))
    canvas.arc((0.44, 0.56, 0.475, 0.61), (80, 240), 0.005, (165, 115, 95))
    canvas.arc((0.525, 0.56, 0.56, 0.61), (-60, 100), 0.005, (165, 115, 95))


def mouth(canvas: Canvas) -> None:
    """Two lips and the line between them."""
    upper = [0.418, 0.677, 0.47, 0.656, 0.5, 0.664, 0.53, 0.656, 0.582, 0.677, 0.5, 0.685]
    canvas.pen.pieslice(scaled(0.42, 0.638, 0.58, 0.715), 0, 180, fill=(178, 88, 84))
    canvas.polygon(upper, (160, 74, 72))
    canvas.curve([0.42, 0.677, 0.46, 0.679, 0.5, 0.683, 0.54, 0.679, 0.58, 0.677], 0.006, (95, 40, 42))
