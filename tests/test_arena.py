"""The report's arena is what the simulated plan touches, what the linker shows and what the board writes to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from nets import Net, random_inputs

from ircompile.interface import InputMode
from ircompile.pipeline import Compiled, build
from ircompile.plan import Plan
from ircompile.plan.candidate import aligned
from ircompile.plan.simulate import run_plan
from ircompile.report import report_data
from ircompile.target import load_target
from ircompile.variants.choose import Ram
from ircompile.verification.runners.build import EMITTED_FLAGS, tool_beside
from ircompile.verification.runners.qemu import run_qemu

M4 = load_target("cortex-m4")
CASES: list[tuple[InputMode, Ram]] = [("resident", "auto"), ("rows", "auto"), ("rows", "min"), ("resident", 2200)]
BEHIND = 64  # bytes behind the arena that nothing may touch


def compiled(mode: InputMode, ram: Ram) -> Compiled:
    net = Net((24, 20, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    x = net.inverted_residual(net.inverted_residual(x, 4, 8), 4, 12, 2, 5)
    return build(net.graph(x), M4, "net", mode, ram=ram)


def touched(plan: Plan) -> int:
    """The arena's bytes from the first to the last that running the plan changes, whatever was there."""
    last = 0
    for poison in (0xA5, 0x5A):
        arena = np.full(plan.arena_bytes + BEHIND, poison, np.uint8)
        run_plan(plan, random_inputs(plan.graph), arena)
        last = max(last, int(np.flatnonzero(arena != poison)[-1]) + 1)
    return last


@pytest.mark.thorough
@pytest.mark.parametrize(("mode", "ram"), CASES)
def test_the_simulated_plan_touches_all_but_the_counters(mode: InputMode, ram: Ram) -> None:
    made = compiled(mode, ram)
    counters = made.plan.counters
    assert aligned(touched(made.plan)) == counters.offset
    assert aligned(counters.offset + counters.bytes) == report_data(made)["arena"]["bytes"]


@pytest.mark.toolchain
@pytest.mark.parametrize(("mode", "ram"), CASES)
def test_the_board_and_the_linker_agree(mode: InputMode, ram: Ram, tmp_path: Path) -> None:
    made = compiled(mode, ram)
    made.write(tmp_path)
    said = report_data(made)["arena"]["bytes"]
    result = run_qemu(tmp_path, made.interface, [[random_inputs(made.graph)["x"]]], M4)
    assert aligned(result.arena_touched) == said
    assert result.sizes
    assert result.sizes.static_ram == 0
    assert linked_bytes(tmp_path) == said


def linked_bytes(folder: Path) -> int:
    """The size of the arena in a linked program, as its symbol table has it."""
    output = "const void *output(void);\nconst void *output(void) { return net_output(arena); }\n"
    (folder / "main.c").write_text(f'#include "net.h"\nstatic uint8_t arena[NET_ARENA_BYTES];\n{output}')
    flags = [*M4.cflags, *EMITTED_FLAGS, "-nostdlib", "-Wl,-e,output"]
    command = [M4.compiler, *flags, "main.c", "net.c", "net_weights.c", "-lc", "-lgcc", "-o", "net.elf"]
    subprocess.run(command, cwd=folder, check=True)
    listing = subprocess.run(
        [tool_beside(M4.compiler, "nm"), "-S", "net.elf"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    (size,) = (line.split()[1] for line in listing.splitlines() if line.endswith(" arena"))
    return int(size, 16)
