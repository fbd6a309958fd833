from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_model import RESIDENT, ROWS, TOUCHED, expected, vectors, write_fake

from ircompile.errors import CompileError
from ircompile.interface import ArenaRegion, Interface
from ircompile.target import load_target
from ircompile.verification.runners.counts import BETWEEN_LAYERS
from ircompile.verification.runners.harness import RunResult
from ircompile.verification.runners.host import run_host
from ircompile.verification.runners.qemu import run_qemu

pytestmark = pytest.mark.toolchain

CORES = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"]
MODES = [pytest.param(RESIDENT, id="resident"), pytest.param(ROWS, id="rows")]


def check(result: RunResult, api: Interface, inputs: list[list[np.ndarray]]) -> None:
    assert len(result.outputs) == len(inputs)
    for got, vector in zip(result.outputs, inputs, strict=True):
        for value, want in zip(got, expected(vector), strict=True):
            assert value.dtype == want.dtype
            np.testing.assert_array_equal(value, want)
    assert result.arena_touched == TOUCHED
    assert result.ready_row == (3 if api.input_mode == "rows" else None)
    if result.sizes is None:
        return
    assert result.sizes.static_ram == 0
    assert result.sizes.weights == 2
    assert 40 < result.sizes.code < 8000


@pytest.mark.parametrize("api", MODES)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("sanitize", [True, False])
def test_host(tmp_path: Path, api: Interface, compiler: str, sanitize: bool) -> None:
    write_fake(tmp_path, api)
    inputs = vectors(api)
    result = run_host(tmp_path, api, inputs, compiler=compiler, sanitize=sanitize)
    check(result, api, inputs)
    assert result.stack_bytes is None
    assert (result.sizes is None) == sanitize


@pytest.mark.parametrize("api", MODES)
@pytest.mark.parametrize("core", CORES)
def test_board(tmp_path: Path, api: Interface, core: str) -> None:
    write_fake(tmp_path, api)
    inputs = vectors(api)
    result = run_qemu(tmp_path, api, inputs, load_target(core))
    check(result, api, inputs)
    assert result.stack_bytes is not None
    assert 0 < result.stack_bytes < 200
    assert set(result.library_symbols) <= {"memcpy", "memset"}


BROKEN = [
    ("((uint8_t *)arena)[FAKE_ARENA_BYTES + 1] = 1;", "a byte behind the arena was written", "value 1)"),
    ("((uint8_t *)arena)[-2] = 1;", "a byte before the arena was written", "value -2)"),
    (
        "out_at(arena)[0] = ((int8_t *)arena)[70];",
        "an output depends on arena bytes that were never written",
        "vector 0",
    ),
]


@pytest.mark.parametrize(("statement", "message", "value"), BROKEN)
@pytest.mark.parametrize("runner", ["host", "qemu"])
def test_harness_finds(tmp_path: Path, runner: str, statement: str, message: str, value: str) -> None:
    write_fake(tmp_path, RESIDENT, statement)
    run: Callable[[], RunResult]
    if runner == "host":
        run = lambda: run_host(tmp_path, RESIDENT, vectors(RESIDENT), sanitize=False)  # noqa: E731
    else:
        run = lambda: run_qemu(tmp_path, RESIDENT, vectors(RESIDENT), load_target("m4"))  # noqa: E731
    with pytest.raises(CompileError) as caught:
        run()
    assert message in caught.value.problem
    assert value in caught.value.problem


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    ("statement", "report"),
    [
        ("((uint8_t *)arena)[FAKE_ARENA_BYTES] = 1;", "AddressSanitizer: use-after-poison"),
        ("sums[0] = sums[1] = 2147483647; sums[0] += sums[1];", "signed integer overflow"),
    ],
)
def test_sanitizers_report(tmp_path: Path, compiler: str, statement: str, report: str) -> None:
    write_fake(tmp_path, RESIDENT, statement)
    with pytest.raises(CompileError) as caught:
        run_host(tmp_path, RESIDENT, vectors(RESIDENT), compiler=compiler)
    assert report in caught.value.problem
    assert "fake_run" in caught.value.problem


@pytest.mark.parametrize(
    ("core", "statement", "report"),
    [
        ("cortex-m4", "*(volatile int32_t *)0xf0000000u = 1;", "bad address"),
        ("cortex-m55", "*(volatile int32_t *)0xf0000000u = 1;", "bad address"),
        ("cortex-m0plus", "sums[0] = *(volatile int32_t *)((uint8_t *)arena + 1);", "unaligned access"),
        ("cortex-m33", "__builtin_trap();", "undefined instruction"),
    ],
)
def test_faults_are_reported(tmp_path: Path, core: str, statement: str, report: str) -> None:
    write_fake(tmp_path, RESIDENT, statement)
    with pytest.raises(CompileError) as caught:
        run_qemu(tmp_path, RESIDENT, vectors(RESIDENT), load_target(core))
    assert caught.value.problem.startswith("FAULT:")
    assert report in caught.value.problem
    assert caught.value.problem.endswith("in fake_run")


def test_push_row_must_answer_in_time(tmp_path: Path) -> None:
    write_fake(tmp_path, ROWS, "if (y == FAKE_INPUT_HEIGHT) return 0;")
    with pytest.raises(CompileError, match="push_row never returned 1"):
        run_host(tmp_path, ROWS, vectors(ROWS))


def test_push_row_must_not_take_back(tmp_path: Path) -> None:
    write_fake(tmp_path, ROWS, "return y == 2;")
    with pytest.raises(CompileError, match="returned 0 after it had returned 1"):
        run_host(tmp_path, ROWS, vectors(ROWS))


def test_warnings_are_errors(tmp_path: Path) -> None:
    write_fake(tmp_path, RESIDENT, "int unused;")
    with pytest.raises(CompileError, match=r"compiling fake.c with gcc failed:[\s\S]*unused"):
        run_host(tmp_path, RESIDENT, vectors(RESIDENT))


def test_endless_run_is_stopped(tmp_path: Path) -> None:
    write_fake(tmp_path, RESIDENT, "for (volatile int i = 0; i < 1;) {}")
    with pytest.raises(CompileError, match="did not finish in 1 seconds"):
        run_qemu(tmp_path, RESIDENT, vectors(RESIDENT), load_target("m4"), timeout=1)


def test_missing_compiler(tmp_path: Path) -> None:
    write_fake(tmp_path, RESIDENT)
    with pytest.raises(CompileError, match="'no-such-cc' is not installed"):
        run_host(tmp_path, RESIDENT, vectors(RESIDENT), compiler="no-such-cc")


def test_wrong_input_is_refused(tmp_path: Path) -> None:
    write_fake(tmp_path, RESIDENT)
    wrong = [[array.astype(np.int16) for array in vector] for vector in vectors(RESIDENT)]
    with pytest.raises(CompileError, match="vector 0 input 0 is int16"):
        run_host(tmp_path, RESIDENT, wrong)


def test_host_is_no_board(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"no emulated board .supported: cortex-m0plus, "):
        run_qemu(tmp_path, RESIDENT, vectors(RESIDENT), load_target("host"))


@pytest.mark.parametrize("api", MODES)
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_counts(tmp_path: Path, api: Interface, core: str) -> None:
    write_fake(tmp_path, api)
    target, inputs = load_target(core), vectors(api)
    counts = run_qemu(tmp_path, api, inputs, target, count=True).counts
    again = run_qemu(tmp_path, api, inputs, target, count=True).counts
    assert counts is not None
    assert counts == again
    layers = {0, 1} if api.input_mode == "resident" else {0, 1, 2, 3, 4}
    assert set(counts.per_layer) == {BETWEEN_LAYERS, *layers}
    assert abs(sum(counts.per_layer.values()) - counts.total) < 0.2 * counts.total
    assert all(counts.per_layer[layer] >= 10 for layer in layers)
    if core == "cortex-m4":
        assert counts.cycles_estimate is not None
        assert counts.total < counts.cycles_estimate < 3 * counts.total
        assert counts.cycles_per_layer is not None
        assert set(counts.cycles_per_layer) == set(counts.per_layer)


def test_counts_are_exact(tmp_path: Path) -> None:
    loop = 'int32_t n = 1000;__asm__ volatile("1: subs %0, %0, #1\\n nop\\n bne 1b" : "+l"(n) : : "cc");'
    target = load_target("m4")
    totals = []
    for name, body in (("without", ""), ("with", loop)):
        folder = tmp_path / name
        folder.mkdir()
        write_fake(folder, RESIDENT, body)
        totals.append(run_qemu(folder, RESIDENT, vectors(RESIDENT), target, count=True).counts)
    without, with_loop = totals
    assert without is not None
    assert with_loop is not None
    assert 3000 <= with_loop.total - without.total <= 3004
    assert without.cycles_estimate is not None
    assert with_loop.cycles_estimate is not None
    assert 4998 <= with_loop.cycles_estimate - without.cycles_estimate <= 5006


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m33", "cortex-m55"])
def test_large_weights_and_arena_go_where_there_is_room(tmp_path: Path, core: str) -> None:
    size = 5 << 20
    api = Interface("fake", RESIDENT.inputs, RESIDENT.outputs, "resident", (ArenaRegion("arena", 7 << 19),), 16)
    last = "((uint8_t *)arena)[FAKE_ARENA_BYTES - 1] = 1; sums[0] = fake_weights[0] + fake_weights[%d];"
    write_fake(tmp_path, api, last % (size - 1))
    code = tmp_path / "fake.c"
    code.write_text(code.read_text().replace("fake_weights[2];", f"fake_weights[{size}];"))
    weights = f"const int8_t fake_weights[{size}] = {{ [0] = 7, [1] = -2, [{size - 1}] = 9 }};\n"
    extern = f"extern const int8_t fake_weights[{size}];\n"
    (tmp_path / "fake_weights.c").write_text("#include <stdint.h>\n" + extern + weights)
    inputs = vectors(api, 1)
    result = run_qemu(tmp_path, api, inputs, load_target(core))
    np.testing.assert_array_equal(result.outputs[0][0], expected(inputs[0])[0])
    assert result.outputs[0][1][0, 0, 0] == 16
    assert result.arena_touched == api.arena_bytes
