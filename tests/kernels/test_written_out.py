"""Tiles whose turns are written out, with codes in the FPU's registers or not, and loops of sixteen turns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kernel_nets import with_zero
from ladder import climb, codes_for
from nets import Net

from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.kernels import windows
from ircompile.kernels.dsp import written_out
from ircompile.pipeline import build
from ircompile.target import load_target
from ircompile.verification.runners.qemu import run_qemu

CORES = ("cortex-m4", "cortex-m7", "cortex-m33")


@pytest.fixture(autouse=True)
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small layers have all code of their own."""
    for module, name in ((windows, "MANY"), (written_out, "SHARE"), (written_out, "WORTH"), (written_out, "LEAST")):
        monkeypatch.setattr(module, name, 0)


def expanding(width: int, depth: int, rounding: str, zero: int) -> Graph:
    """Pixels of `depth` channels and a few less, expanded to numbers that leave one, two and three over."""
    net = with_zero(Net((2, width, depth), depth, rounding), zero)
    outputs = [net.conv("x", depth + more, relu=more < 4) for more in (1, 2, 3, 8)]
    outputs += [net.conv(net.conv("x", depth - less), depth + 4) for less in range(1, 4)]
    return net.graph(*outputs)


def functions(graph: Graph, core: str) -> str:
    """The emitted C."""
    return str(build(graph, load_target(core), "net").files()["net.c"])


@pytest.mark.toolchain
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("width", "depth", "rounding", "zero"),
    [(2, 8, "double", -128), (5, 16, "float32_even", 3), (4, 24, "double", 127), (3, 32, "single", -5)],
)
def test_pixels(tmp_path: Path, width: int, depth: int, rounding: str, zero: int) -> None:
    graph = expanding(width, depth, rounding, zero)
    built = climb(graph, tmp_path, rungs=("gcc", "clang", *CORES, "cortex-m4 -O0"))
    held = "vldmia" in str(built["cortex-m4"].files()["net.c"])
    assert held == (rounding != "float32_even")  # near ties it calls a function, which takes registers
    assert "vldmia" not in str(built["cortex-m7"].files()["net.c"])


@pytest.mark.toolchain
@pytest.mark.parametrize(("kernel", "channels"), [((3, 3), 3), ((3, 3), 1), ((10, 4), 1), ((2, 5), 2)])
def test_stems(tmp_path: Path, kernel: tuple[int, int], channels: int) -> None:
    """Of as many turns as the FPU's registers have room for, and more, with halfwords of one weight and of two."""
    net = with_zero(Net((5, 9, channels), channels), 7)
    outputs = [net.conv("x", count, kernel, (stride, stride)) for count, stride in ((4, 1), (7, 2), (67, 2))]
    built = climb(net.graph(*outputs), tmp_path, rungs=("gcc", "clang", *CORES, "cortex-m4 -O0"))
    gathers = "held_window" in str(built["cortex-m4"].files()["net.c"])
    assert gathers == (kernel != (10, 4))  # of 20 turns, more than the FPU has registers for


@pytest.mark.toolchain
@pytest.mark.parametrize("depth", [15, 33, 48, 61, 64, 80])
def test_long_loops(tmp_path: Path, depth: int) -> None:
    """Sixteen turns, entered at each of eight places: as many as are left over."""
    net = with_zero(Net((2, 5, depth), depth), -9)
    outputs = [net.conv("x", 6), net.conv("x", 5, (2, 3), relu=True), net.conv("x", 4, (3, 3), (2, 2))]
    built = climb(net.graph(*outputs), tmp_path, rungs=("cortex-m4",))
    assert "tbh" in str(built["cortex-m4"].files()["net.c"])


@pytest.mark.toolchain
def test_without_an_fpu(tmp_path: Path) -> None:
    """C for a core with an FPU, compiled for one without: what would be in its registers is read from memory."""
    graph = expanding(4, 16, "double", -3)
    core = load_target("cortex-m4")
    compiled, vectors = build(graph, core, "net"), codes_for(graph, 2)
    compiled.write(tmp_path)
    soft = replace(core, cflags=("-mcpu=cortex-m4+nofp", "-mthumb", "-mfloat-abi=soft"))
    result = run_qemu(tmp_path, compiled.interface, [[codes["x"]] for codes in vectors], soft)
    for codes, outputs in zip(vectors, result.outputs, strict=True):
        expected = run_graph(graph, codes)
        assert all(np.array_equal(o, expected[n]) for o, n in zip(outputs, graph.output_names, strict=True))


@pytest.mark.thorough
@pytest.mark.parametrize("core", CORES)
def test_what_is_written_out(core: str) -> None:
    """Pixels of 8 and 16 channels on every core; of 24 and 32 where the FPU holds their codes."""
    for depth in (8, 16, 24, 32):
        written = f"unrolled{depth // 2}" in functions(expanding(4, depth, "double", 0), core)
        assert written == (depth < 24 or core == "cortex-m4")
