"""Compiles small networks for the tests of the report."""

from __future__ import annotations

from typing import Any

from nets import Net

from ircompile.interface import InputMode
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target


def compiled(mode: InputMode = "resident", ram: Any = "auto", height: int = 24, blob: bool = False) -> Compiled:
    """Two inverted residuals behind a stem: rings, lines, a residual, all of them."""
    net = Net((height, 20, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    x = net.inverted_residual(x, 4, 8)
    net.inverted_residual(x, 4, 16, 2)
    return build(net.graph(), load_target("cortex-m4"), "small", mode, "small.ir", blob, ram)
