"""A family and a proxy of a user's own, as `ircompile sweep tests/sweep_family.py:NAME` takes them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from ircompile.ir.families.blocks import Layers
from ircompile.ir.graph import Graph

LOG = "IRCOMPILE_TEST_SWEEP"
"""The environment variable that names the file in which every call is noted, and where who is to die."""


def net(width: int, size: int) -> Graph:
    """A small network; it notes the call, and dies once, or always, where the test's file says so."""
    folder = Path(os.environ[LOG])
    for name in (f"die-{width}-{size}", f"die-always-{width}-{size}"):
        if (folder / name).exists():
            if "always" not in name:
                (folder / name).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    layers = Layers(f"net_{width}_{size}", size, 3)
    graph = layers.graph(layers.conv(layers.conv(layers.input, 4 * width, 3, 2), 4))
    with (folder / "calls").open("a") as calls:
        calls.write(f"{width} {size}\n")
    return graph


def score(parameters: dict[str, Any], graph: Graph) -> float:
    """Wide is good, and large is bad."""
    return float(parameters["width"]) / graph.tensors[graph.input_names[0]].height


def nothing(width: int, size: int) -> None:
    """No network at all."""
