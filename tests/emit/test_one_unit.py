"""Two models in one translation unit: every name at file scope is a model's own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from nets import Net, mobilenet_v2

from ircompile.pipeline import build
from ircompile.target import load_target
from ircompile.verification.runners.build import EMITTED_FLAGS

COMPILERS = [("gcc", "host"), ("clang", "host"), ("arm-none-eabi-gcc", "cortex-m0plus"),
             ("arm-none-eabi-gcc", "cortex-m4"), ("arm-none-eabi-gcc", "cortex-m55")]  # fmt: skip


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("compiler", "core", "rounding"),
    [(*each, "double") for each in COMPILERS] + [("gcc", "host", "float32_even")],
)
def test_two_models_compile_in_one_unit(compiler: str, core: str, rounding: str, tmp_path: Path) -> None:
    target = load_target(core)
    net = Net((16, 16, 3), 1, rounding)
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    graph = net.graph(net.inverted_residual(x, 2, 8))
    unit = ""
    for name, network in (("face", graph), ("word", graph), ("eye", mobilenet_v2(0.35, 32, 10))):
        build(network, target, name).write(tmp_path)
        unit += f'#include "{name}.c"\n#include "{name}_weights.c"\n'
    (tmp_path / "unit.c").write_text(unit)
    command = [compiler, *EMITTED_FLAGS, "-O2", *target.cflags, "-c", "unit.c", "-o", "unit.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    names = subprocess.run(["nm", "unit.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    own = [line.split()[-1] for line in names.split("\n") if re.search(r" [A-TV-Za-z] (?!\$|\.)", line)]
    own = [name for name in own if not re.fullmatch(r"layer\.\d+", name)]  # of a function
    assert own
    assert all(name.startswith(("face_", "word_", "eye_")) for name in own), own
