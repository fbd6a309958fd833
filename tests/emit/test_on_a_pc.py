"""The C for cores with DSP instructions runs on a PC as it is; on a wrong core it says which option to use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ladder import codes_for
from nets import Net, mobilenet_v2

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.pipeline import build
from ircompile.target import load_target
from ircompile.verification.runners.host import run_host


def branches(rounding: str) -> Graph:
    """Depthwise windows of every kernel of the DSP cores, odd widths, channels that are no multiple of four."""
    net = Net((13, 15, 3), 2, rounding)
    x = net.conv("x", 10, (3, 3), (2, 2), relu=True)
    x = net.depthwise(x, (3, 3), (1, 1))
    x = net.depthwise(x, (5, 5), (1, 1))
    return net.graph(net.inverted_residual(net.conv(x, 7), 2, 7))


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["resident", "rows"])
@pytest.mark.parametrize(
    ("compiler", "rounding"), [("gcc", "double"), ("clang", "double"), ("gcc", "float32_even")]
)
def test_the_c_of_a_dsp_core_runs_on_a_pc(compiler: str, mode: InputMode, rounding: str, tmp_path: Path) -> None:
    graph = branches(rounding)
    compiled = build(graph, load_target("cortex-m4"), "net", mode)
    assert "net_smlad(" in str(compiled.files()["net.c"])
    compiled.write(tmp_path)
    vectors = codes_for(graph, 4)
    arrays = [[vector[name] for name in graph.input_names] for vector in vectors]
    result = run_host(tmp_path, compiled.interface, arrays, compiler=compiler)
    for vector, (got, *_) in zip(vectors, result.outputs, strict=True):
        assert (got == run_graph(graph, vector)[graph.output_names[0]]).all()


@pytest.mark.toolchain
@pytest.mark.parametrize(("core", "other"), [("cortex-m4", "cortex-m3"), ("cortex-m4", "cortex-m0plus"),
                                             ("cortex-m55", "cortex-m4")])  # fmt: skip
def test_another_core_is_refused_with_the_way_out(core: str, other: str, tmp_path: Path) -> None:
    build(mobilenet_v2(0.35, 32, 10), load_target(core), "net").write(tmp_path)
    command = ["arm-none-eabi-gcc", *load_target(other).cflags, "-c", "net.c", "-o", "net.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode
    assert f"compiled for {core}" in done.stderr
    assert "--target" in done.stderr
