"""The generated self-test: PASS on every core, FAIL as soon as one weight is wrong."""

from __future__ import annotations

import re
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from nets import Net, random_inputs

from ircompile.cli import main
from ircompile.errors import CompileError
from ircompile.export.selftest import generator, seeded_codes, selftest_files
from ircompile.importers.ir import write_ir
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target
from ircompile.timing.measured import parse_log
from ircompile.verification.runners.build import EMITTED_FLAGS
from ircompile.verification.runners.firmware import run_firmware


def network() -> Graph:
    net = Net((9, 7, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    return net.graph()


def written(
    folder: Path, target: str = "host", mode: InputMode = "resident", golden: int = 0, seeded: int = 2
) -> Compiled:
    compiled = build(network(), load_target(target), "net", mode)
    compiled.write(folder)
    inputs = [random_inputs(compiled.graph, seed) for seed in range(golden)]
    for name, text in selftest_files(compiled, inputs, seeded).items():
        (folder / name).write_text(text)
    return compiled


def flip_a_weight(path: Path) -> None:
    """Changes the first weight of the depthwise layer, which every later code of its channel depends on."""
    text = path.read_text()
    found = re.search(r"const int8_t net_dw2_weights\[\d+\] = \{\s+(-?\d+),", text)
    assert found
    path.write_text(f"{text[: found.start(1)]}{int(found[1]) ^ 64}{text[found.end(1) :]}")


def test_the_generator_is_the_plain_recurrence() -> None:
    state, plain = 7, []
    for _ in range(1000):
        state = (state * 1664525 + 1013904223) % 2**32
        plain.append(state >> 24)
    assert generator(7, 1000).tolist() == plain


def test_nothing_to_test_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no input vector"):
        written(tmp_path, seeded=0)


@pytest.mark.toolchain
@pytest.mark.parametrize("core", ["m3", "m4", "m7", "m33", "m55"])
def test_passes_on_every_core_and_fails_with_a_wrong_weight(core: str, tmp_path: Path) -> None:
    compiled = written(tmp_path, f"cortex-{core}", "rows" if core == "m4" else "resident", golden=1)
    sources = [tmp_path / f"net{end}.c" for end in ("", "_weights", "_selftest")]
    codes = [random_inputs(compiled.graph, 0), *(seeded_codes(compiled, seed) for seed in range(2))]
    wanted = b"".join(run_graph(compiled.graph, c)[compiled.graph.output_names[0]].tobytes() for c in codes)
    printed = run_firmware(sources, [tmp_path], compiled.target, defines=["NET_SELFTEST_MAIN"])
    assert f"PASS net crc 0x{zlib.crc32(wanted):08x}: 0 of {len(wanted)} output bytes wrong\n" in printed
    flip_a_weight(sources[1])
    with pytest.raises(CompileError, match=r"exit code 1:\nFAIL net crc 0x[0-9a-f]{8}: [1-9]"):
        run_firmware(sources, [tmp_path], compiled.target, defines=["NET_SELFTEST_MAIN"])


@pytest.mark.toolchain
@pytest.mark.parametrize(("golden", "seeded"), [(0, 1), (2, 0), (1, 2)])
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_the_host_runs_it_without_a_warning(golden: int, seeded: int, mode: InputMode, tmp_path: Path) -> None:
    written(tmp_path, "host", mode, golden, seeded)
    flags = [*EMITTED_FLAGS, "-fsanitize=address,undefined", "-DNET_SELFTEST_MAIN"]
    command = ["gcc", *flags, *map(str, sorted(tmp_path.glob("*.c"))), "-o", str(tmp_path / "test")]
    subprocess.run(command, check=True)
    assert subprocess.run([tmp_path / "test"], capture_output=True, check=True).stdout.startswith(b"PASS net")


@pytest.mark.toolchain
@pytest.mark.parametrize(("core", "mode"), [("m0plus", "resident"), ("m4", "rows"), ("m55", "resident")])
def test_it_counts_the_cycles_of_every_layer(core: str, mode: InputMode, tmp_path: Path) -> None:
    """On emulated boards SysTick runs, if not at the core's pace; DWT does not."""
    compiled = written(tmp_path, core, mode)
    sources = [tmp_path / f"net{end}.c" for end in ("", "_weights", "_selftest")]
    for path in sources:  # what -include does, of which this runner knows nothing
        path.write_text('#include "net_selftest.h"\n' + path.read_text())
    defines = ["NET_SELFTEST_MAIN", "NET_SELFTEST_CYCLES", "NET_SELFTEST_SYSTICK"]
    printed = run_firmware(sources, [tmp_path], compiled.target, defines=defines)
    assert "PASS net" in printed
    measured = parse_log(printed)
    layers = [node.name for node in compiled.lowered.graph.nodes]
    assert list(measured.layers) == layers
    assert 0 < sum(measured.layers.values()) <= measured.total + len(layers)


def test_the_command_line_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ir(network(), tmp_path / "net.ir")
    assert main([str(tmp_path / "net.ir"), "--target", "host", "--selftest", "-o", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"net_selftest.c", "net_selftest.h"} <= names
    assert "net_selftest.c" in capsys.readouterr().out
    header = (tmp_path / "out" / "net_selftest.h").read_text()
    assert max(map(len, header.splitlines())) <= 115


def test_seeded_codes_have_the_shape_and_type_of_the_input(tmp_path: Path) -> None:
    compiled = build(network(), load_target("host"), "net")
    codes = seeded_codes(compiled, 0)["x"]
    assert codes.shape == (9, 7, 3)
    assert codes.dtype == np.int8
