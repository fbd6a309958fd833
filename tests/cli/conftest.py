"""A small network in a file whose name is no C identifier."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets import Net

from ircompile.importers.ir import write_ir


@pytest.fixture
def model(tmp_path: Path) -> Path:
    net = Net((9, 7, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    path = tmp_path / "small net.ir"
    write_ir(net.graph(), path)
    return path
