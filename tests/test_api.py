"""What Python programs call: compile, verify, analyze."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import Net

import ircompile
from ircompile.cli import main, parse
from ircompile.importers.ir import write_ir
from ircompile.ir.graph import Graph
from ircompile.options import Given, Options, Reading
from ircompile.report import memory_map


def graph_of(channels: int = 8) -> Graph:
    net = Net((9, 7, 3))
    x = net.conv("x", channels, (3, 3), (2, 2), relu=True)
    return net.graph(net.inverted_residual(x, 2, channels))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small net.ir"
    write_ir(graph_of(), path)
    return path


def test_importing_it_loads_nothing_else() -> None:
    code = "import sys, ircompile; sys.exit('numpy' in sys.modules or 'onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert set(dir(ircompile)) >= {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ircompile.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_is_there() -> None:
    assert all(getattr(ircompile, name) is not None for name in ircompile.__all__)
    assert callable(ircompile.verify)


def test_compile_gives_figures_files_and_a_report(model: Path, tmp_path: Path) -> None:
    result = ircompile.compile(model, "m4")
    assert result.name == "small_net"
    assert result.lower_bound <= result.arena_bytes == result.report()["arena"]["bytes"]
    assert result.macs == graph_of().macs()
    written = result.write(tmp_path / "out")
    assert [path.name for path in written] == list(result.files())
    assert f"SMALL_NET_ARENA_BYTES {result.arena_bytes}" in (tmp_path / "out" / "small_net.h").read_text()
    assert f"{result.arena_bytes:,} B" in result.html()


def test_a_notebook_shows_the_memory_map(model: Path) -> None:
    result = ircompile.compile(str(model), "m4", input="rows")
    html = result._repr_html_()
    assert html.count('<path class="block') == len(memory_map(result.compiled.plan)["blocks"])
    assert f"{result.arena_bytes:,} bytes of arena" in html
    assert "<script" not in html


def test_results_can_be_pickled(model: Path) -> None:
    result = ircompile.compile(model, "m4")
    again = pickle.loads(pickle.dumps(result))
    assert again.files() == result.files()
    found = ircompile.analyze(model, "m4", ram=100)
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.thorough
def test_graphs_in_memory_are_analyzed_in_parallel() -> None:
    graphs = [graph_of(channels) for channels in (4, 8, 16)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(partial(ircompile.analyze, target="m4", ram=4000), graphs))
    assert [f.arena for f in found] == sorted(f.arena for f in found)
    assert found == [ircompile.analyze(graph, "m4", ram=4000) for graph in graphs]


def test_verify_takes_arrays_files_and_compilations(model: Path, tmp_path: Path) -> None:
    codes = np.zeros((9, 7, 3), np.int8)
    np.save(tmp_path / "in.npy", codes)
    result = ircompile.compile(model, "host")
    files = [codes, {"x": codes}, tmp_path / "in.npy", codes[np.newaxis]]
    found = ircompile.verify(result, on=["numpy"], inputs=files, random=0)
    assert found.equal
    assert [(rung.name, rung.vectors) for rung in found.rungs] == [("numpy", 4)]


@pytest.mark.toolchain
def test_verify_runs_the_c(model: Path) -> None:
    found = ircompile.verify(model, random=1)
    assert found.equal
    assert [rung.name for rung in found.rungs] == ["numpy", "host"]


def test_a_compilation_prints_as_a_line(model: Path) -> None:
    result = ircompile.compile(model, "m4")
    figures = f"{result.arena_bytes:,} bytes of arena, {result.constant_bytes:,} of constants in flash"
    assert str(result) == repr(result) == f"<Compilation of small_net for cortex-m4: {figures}>"


@pytest.mark.thorough
def test_what_is_wrong_is_told(model: Path) -> None:
    with pytest.raises(ircompile.CompileError, match="unknown target"):
        ircompile.compile(model, "m99")
    with pytest.raises(ircompile.CompileError, match="no C identifier"):
        ircompile.compile(graph_of(), "m4", name="7up")
    with pytest.raises(ircompile.CompileError, match="is one string"):
        ircompile.verify(model, on="numpy")  # type: ignore[arg-type]
    with pytest.raises(ircompile.CompileError, match="unknown rung"):
        ircompile.verify(model, on=["moon"])  # type: ignore[list-item]
    with pytest.raises(ircompile.CompileError, match="graphs in memory"):
        ircompile.verify(graph_of(), on=["numpy"], against="tflm")
    with pytest.raises(ircompile.CompileError, match="no inputs"):
        ircompile.verify(model, on=["numpy"], random=0)
    with pytest.raises(ircompile.CompileError, match="array of shape"):
        ircompile.verify(model, on=["numpy"], inputs=[np.zeros((3, 3), np.int8)])


def test_options_are_the_command_line_s(model: Path, tmp_path: Path) -> None:
    """The same C, self-test and time for the same words; each field has an option of its name, and a keyword."""
    words = ["--board", "nucleo-f446re", "--mean", "3,120,250.5", "--std", "60", "--prefer", "size", "--selftest"]
    assert main([str(model), *words, "-o", str(tmp_path)]) == 0
    how: Given = {"mean": [3, 120, 250.5], "std": [60], "prefer": "size"}
    result = ircompile.compile(model, board="nucleo-f446re", **how)
    files = result.files(selftest=True)
    assert "small_net_selftest.c" in files
    assert {name: (tmp_path / name).read_text() for name in files} == files
    assert result.compiled.interface.inputs[0].qtype.name == "uint8"
    timing = json.loads((tmp_path / "small_net.json").read_text())["timing"]
    assert result.timing() == result.report()["timing"] == timing
    assert timing["board"] == "nucleo-f446re"
    names = {field.name for field in fields(Options)}
    assert names == set(Given.__annotations__) | set(Reading.__annotations__)
    assert names <= set(vars(parse(["export", "net.ir", "--target", "m4", "--format", "cmake"])))


def test_analyze_and_verify_take_a_board(model: Path) -> None:
    found = ircompile.analyze(model, board="nucleo-f446re", mean=[3.0])
    assert found.timing
    assert found.timing["board"] == "nucleo-f446re"
    assert ircompile.analyze(model, "m4").timing is None
    assert ircompile.verify(model, board="nucleo-f446re", on=["numpy"], mean=[3.0], random=1).equal
    for both in ({}, {"target": "m4", "board": "nucleo-f446re"}):
        with pytest.raises(ircompile.CompileError, match=r"target, board: (none is|both are) given"):
            ircompile.compile(model, **both)


def test_a_graph_in_memory_is_cut() -> None:
    graph = graph_of()
    assert ircompile.compile(graph, "m4", outputs=["conv0"]).macs < ircompile.compile(graph, "m4").macs
    with pytest.raises(ircompile.CompileError, match="no operator computes"):
        ircompile.compile(graph, "m4", outputs=["nothing"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"memory": "a=8K"}, "memory: 'a=8K' is no list of memories .*MemoryRegion"),
        ({"memory": ["a=8K"]}, "memory: .'a=8K'. is no list of memories"),
        ({"flash": {"a": 8192}}, "flash: {'a': 8192} is no list of memories"),
        ({"ram": "20K"}, "'20K' is no budget"),
        ({"ram": None}, "None is no budget"),
        ({"input": "row"}, "'row' is unknown"),
        ({"weights": "blub"}, "'blub' is unknown"),
        ({"prefer": "small"}, "'small' is unknown"),
    ],
)
def test_an_unknown_option_of_compile_is_told_not_passed_over(
    model: Path, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ircompile.CompileError, match=told):
        ircompile.compile(model, "cortex-m4", **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ram": "20K"}, "'20K' is no budget"),
        ({"input": "row"}, "'row' is unknown"),
        ({"memory": ["a=8K"]}, "memory: .'a=8K'. is no list of memories"),
    ],
)
def test_an_unknown_option_of_analyze_is_told_not_passed_over(
    model: Path, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ircompile.CompileError, match=told):
        ircompile.analyze(model, "cortex-m4", **options)
