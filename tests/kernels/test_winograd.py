"""3 x 3 convolutions by Winograd's F(2, 3), around their tiles of four pixels by four channels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import climb, climb_on_host, codes_for
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.pipeline import Compiled
from ircompile.variants import winograd

CORES = ("cortex-m4", "cortex-m7", "cortex-m33")


@pytest.fixture(autouse=True)
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer that the kernel serves has it."""
    monkeypatch.setattr(winograd, "WORTH", 0)


def layers(width: int, depth: int, channels: int, padding: tuple[int, int, int, int] | None, rounding: str) -> Graph:
    """Two layers of windows of one depth, with RELU and without, from an input with any zero point."""
    net = Net((4, width, depth), width + depth, rounding)
    net.tensors["x"] = replace(net.tensors["x"], zero_point=[-128, 127, 3][width % 3])
    outputs = [net.conv("x", channels, (3, 3), padding=padding, relu=relu) for relu in (False, True)]
    return net.graph(*outputs)


def kernels(built: Compiled) -> list[str]:
    """The templates of the layers."""
    return [kernel.template for kernel in built.lowered.kernels.values()]


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("width", "depth", "channels", "padding", "rounding"),
    [
        (4, 8, 4, None, "double"),
        (5, 8, 8, None, "float32_even"),
        (6, 16, 12, (0, 0, 0, 0), "single"),
        (7, 16, 4, (1, 0, 0, 0), "double"),
        (8, 24, 16, None, "double"),
        (9, 8, 20, (2, 2, 2, 2), "float32_even"),
        (12, 8, 4, (1, 1, 0, 1), "single"),
        (13, 32, 8, None, "double"),
    ],
)
def test_widths(
    tmp_path: Path, width: int, depth: int, channels: int, padding: tuple[int, int, int, int] | None, rounding: str
) -> None:
    graph = layers(width, depth, channels, padding, rounding)
    built = climb(graph, tmp_path, rungs=(*CORES, "cortex-m4 -O0"))
    for core in CORES:
        assert kernels(built[core]) == ["winograd", "winograd"]
    climb_on_host(built["cortex-m4"], tmp_path / "cortex-m4", codes_for(graph, 4))
