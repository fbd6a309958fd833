"""Families of networks at any width and input size, with random weights: what do they need, before training one.

Each is a function that takes its parameters by name and returns a graph; `SPACES` lists values worth trying.
"""

from collections.abc import Callable, Mapping

from ircompile.ir.families.blocks import rounded
from ircompile.ir.families.mobilenets import (
    V2_BLOCKS,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
    mobilenet_v4_small,
)
from ircompile.ir.families.searched import efficientnet_lite, fomo, mcunet, proxyless
from ircompile.ir.graph import Graph

Value = int | float | str | bool
Space = Mapping[str, tuple[Value, ...]]

FAMILIES: Mapping[str, Callable[..., Graph]] = {
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_small": mobilenet_v3_small,
    "mobilenet_v3_large": mobilenet_v3_large,
    "mobilenet_v4_small": mobilenet_v4_small,
    "efficientnet_lite": efficientnet_lite,
    "proxyless": proxyless,
    "mcunet": mcunet,
    "fomo": fomo,
}

WIDTHS = tuple(round(0.1 + 0.05 * i, 2) for i in range(19))
SIZES = tuple(range(48, 225, 8))
_PLAIN: Space = {"width": WIDTHS, "size": SIZES, "channels": (1, 3)}
SPACES: Mapping[str, Space] = {
    "mobilenet_v1": {**_PLAIN, "last": (256, 512, 1024)},
    "mobilenet_v2": {
        **_PLAIN,
        "expand": (2, 3, 4, 6),
        "depth": (0.34, 0.67, 1.0),
        "last": (64, 128, 256, 512, 1280),
    },
    "mobilenet_v3_small": {**_PLAIN, "excite": (False, True), "last": (64, 128, 256, 512, 1024)},
    "mobilenet_v3_large": {**_PLAIN, "excite": (False, True), "last": (64, 128, 256, 512, 1280)},
    "mobilenet_v4_small": {**_PLAIN, "last": (64, 128, 256, 512, 1280)},
    "efficientnet_lite": {**_PLAIN, "depth": (0.34, 0.67, 1.0)},
    "proxyless": _PLAIN,
    "mcunet": {
        **_PLAIN,
        "kernels": ("33333", "35333", "33533", "55333", "57333", "35735", "75533", "77533", "37553"),
        "expands": ("33333", "44444", "34564", "65443", "43636", "66666"),
        "depths": ("11111", "12211", "22222", "23321", "13332"),
    },
    "fomo": {**_PLAIN, "head": (16, 32, 64)},
}
"""Of each family the parameters that a random search draws from; widths and sizes are those of a grid, too."""

__all__ = ["FAMILIES", "SPACES", "V2_BLOCKS", "Space", "Value", "rounded"]
