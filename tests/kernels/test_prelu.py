from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph

pytestmark = pytest.mark.toolchain
ALPHAS = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 1, 1), (1, 0, 0), (1, 0, 1), (0, 1, 1)]


def prelu(shape: tuple[int, int, int], spread: tuple[int, int, int], rounding: str, seed: int) -> Graph:
    net = Net(shape, seed)
    size = [n if wide else 1 for n, wide in zip(shape, spread, strict=True)]
    net.consts["alpha"] = net.rng.choice([-128, 127, 0, *net.rng.integers(-128, 128, 8)], size).astype(np.int8)
    scale, zero = float(net.rng.choice([0.0005, 0.01, 0.3])), int(net.rng.choice([-128, 0, 5, 127]))
    op = ops.Prelu("alpha", scale, zero, rounding)  # type: ignore[arg-type]
    out = float(net.rng.choice([0.004, 0.05, 0.06, 0.9]))
    return net.graph(net.add("prelu", op, ("x",), out, int(net.rng.choice([-128, -3, 127]))))


@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_prelu(tmp_path: Path, rounding: str) -> None:
    shapes = [(5, 4, 6), (1, 1, 9), (3, 1, 1)]
    graphs = [
        prelu(shape, spread, rounding, 3 * n + m)  # type: ignore[arg-type]
        for n, spread in enumerate(ALPHAS)
        for m, shape in enumerate(shapes)
    ]
    climb(join(graphs), tmp_path)
