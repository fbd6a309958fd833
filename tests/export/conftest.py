"""The network that is exported, and the folder with stand-ins for SDKs."""

from __future__ import annotations

from pathlib import Path

import pytest
from nets import Net
from sdk_stubs import STUBS

from ircompile.importers.ir import write_ir


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = Net((9, 7, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    path = tmp_path_factory.mktemp("model") / "net.ir"
    write_ir(net.graph(), path)
    return path


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stubs")
    for name, text in STUBS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
