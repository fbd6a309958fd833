"""The cycle model: blocks of instructions, waiting for memories, and the fit of a measurement."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ircompile.errors import CompileError
from ircompile.target import load_target
from ircompile.timing.board import load_board
from ircompile.timing.instructions import Instruction, parse
from ircompile.timing.measured import fit, parse_log
from ircompile.timing.model import Work, cycles_of
from ircompile.timing.pipeline import block_cycles, taken_cycles
from ircompile.verification.runners.counts import disassembly


def block(*lines: str, size: int = 4) -> list[Instruction]:
    text = "\n".join(f" {size * i:x}:\t{line}" for i, line in enumerate(lines))
    return list(parse(f"{text}\n {size * len(lines):x}:\tnop").values())[:-1]


def cycles(core: str, *lines: str, size: int = 4) -> float:
    target = load_target(core)
    assert target.cycles is not None
    return block_cycles(block(*lines, size=size), None, target.cycles, target.pipeline)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ldrb r0, [r1]", "load"),
        ("ldrd r0, r1, [r2]", "load_double"),
        ("strh r0, [r1]", "store"),
        ("stmdb sp!, {r4, r5, r6, lr}", "multiple"),
        ("smlad r0, r1, r2, r0", "multiply_accumulate"),
        ("smull r0, r1, r2, r3", "multiply_long"),
        ("smlal r0, r1, r2, r3", "multiply_accumulate_long"),
        ("bne.n 20 <x>", "branch"),
        ("bic r0, r1, r2", "other"),
        ("bfi r0, r1, #2, #3", "other"),
        ("le lr, 20 <x>", "branch"),
        ("lsls r0, r1, #2", "other"),
        ("vldrb.u8 q0, [r0]", "vector_load"),
        ("vldrb.u16 q0, [r0, q1]", "vector_gather"),
        ("vmladava.s8 r0, q0, q1", "vector_multiply"),
        ("vadd.i32 q0, q1, q2", "vector"),
        ("vldr s0, [r0]", "load"),
        ("vfma.f32 s0, s1, s2", "float_multiply_accumulate"),
    ],
)
def test_instructions_have_a_class(line: str, kind: str) -> None:
    assert block(line.replace(" ", "\t", 1))[0].kind == kind


@pytest.mark.toolchain
@pytest.mark.parametrize("core", ["m55", "m85"])
def test_helium_is_disassembled_as_what_it_is(core: str, tmp_path: Path) -> None:
    """objdump lists it as instructions of a coprocessor unless it is told the architecture."""
    target, source, made = load_target(core), tmp_path / "sum.c", tmp_path / "sum.o"
    source.write_text(
        "#include <arm_mve.h>\n"
        "int32_t sum(const int8_t *a, const int8_t *b) { return vmladavq_s8(vldrbq_s8(a), vldrbq_s8(b)); }\n"
    )
    subprocess.run([target.compiler, *target.cflags, "-O2", "-c", source, "-o", made], check=True)
    kinds = [instruction.kind for instruction in parse(disassembly(target.compiler, made, target, "sum")).values()]
    assert kinds.count("vector_load") == 2
    assert kinds.count("vector_multiply") == 1


def test_m4_s_table() -> None:
    assert cycles("m4", "ldr\tr0, [r1]", "ldr\tr2, [r3]", "adds\tr0, r0, r2") == 1 + 2 + 1
    assert cycles("m4", "ldr\tr0, [r1]", "ldr\tr2, [r0]") == 2 + 2  # the second waits for the first
    assert cycles("m4", "push\t{r4-r7, lr}") == 1 + 5
    assert cycles("m3", "smull\tr0, r1, r2, r3") == 4


def test_m7_issues_two_at_once_unless_the_second_waits() -> None:
    free = ("adds\tr0, r1, r2", "subs\tr3, r4, r5") * 4
    chained = ("adds\tr0, r0, r1", "adds\tr0, r0, r2") * 4
    assert cycles("m7", *free) == len(free) / 2
    assert cycles("m7", *chained) == len(chained)
    assert cycles("m7", *("ldr\tr0, [r1]", "ldr\tr2, [r3]") * 2) == 4  # one memory port


def test_m33_pairs_narrow_instructions_only() -> None:
    pairs = ("adds\tr0, r1, r2", "subs\tr3, r4, r5") * 4
    assert cycles("m33", *pairs, size=2) == 4
    assert cycles("m33", *pairs) == 8


def test_helium_overlaps_a_load_and_a_multiply() -> None:
    loads = ("vldrb.u8\tq0, [r0]",) * 4
    both = tuple(
        line for i in range(4) for line in ("vldrb.u8\tq0, [r0]", f"vmladava.s8\tr{2 + 2 * (i % 2)}, q2, q3")
    )
    assert cycles("m55", *loads) == 8  # two beats each
    assert cycles("m55", *both) == 8
    assert cycles("m55", "vldrb.u16\tq0, [r0, q1]") > cycles("m55", *loads[:1])


def test_a_taken_branch_costs_a_refill_and_a_low_overhead_loop_nothing() -> None:
    target = load_target("m55")
    assert target.cycles
    assert taken_cycles(block("le\tlr, 0 <x>")[0], target.cycles) == 0
    assert taken_cycles(block("bne.n\t0 <x>")[0], target.cycles) > 0


def test_waiting_for_memories() -> None:
    board = load_board("nucleo-f446re")  # 16 bytes a line, 5 cycles, 128 bytes of cache
    plain = Work(1000, 1300)
    assert cycles_of(plain, board) == 1300 + board.fetch * 1000
    large = replace(plain, constants={"flash": (1600, 16000)})
    small = replace(plain, constants={"flash": (64, 16000)})
    assert cycles_of(large, board) - cycles_of(plain, board) == pytest.approx(5 * 1000)
    assert cycles_of(small, board) - cycles_of(plain, board) == pytest.approx(5 * 4)
    far = replace(plain, moved={"axi": 3200})
    h7 = load_board("nucleo-h753zi")
    assert cycles_of(far, h7) > cycles_of(replace(plain, moved={"dtcm": 3200}), h7)


WORKS: Mapping[str, Work] = {
    "conv0": Work(10_000, 13_000, {"flash": (800, 40_000)}),
    "dw1": Work(30_000, 36_000, {"flash": (90, 900)}),
    "conv2": Work(5_000, 6_000, {"flash": (6_000, 6_000)}),
}


def log_of(works: Mapping[str, Work], board_cycles: Mapping[str, float]) -> str:
    lines = [f"12:00 | cycles net {name} {round(board_cycles[name])}\r" for name in works]
    return "boot\n" + "\n".join([*lines, f"cycles net (all) {round(sum(board_cycles.values()))} by dwt"])


def test_a_fit_finds_the_waiting_times_again() -> None:
    board = load_board("nucleo-f446re")
    truth = replace(board, fetch=0.4, flash=tuple(replace(m, stall=9.0) for m in board.flash))
    log = parse_log(log_of(WORKS, {name: cycles_of(work, truth) for name, work in WORKS.items()}))
    assert log.counter == "dwt"
    found = fit(board, WORKS, log)
    assert found.board.fetch == pytest.approx(0.4, rel=0.02)
    assert found.board.flash[0].stall == pytest.approx(9.0, rel=0.02)
    assert found.error < 0.01


def test_no_term_becomes_negative() -> None:
    board = load_board("nucleo-f446re")
    found = fit(board, WORKS, parse_log(log_of(WORKS, {name: 0.5 * work.cycles for name, work in WORKS.items()})))
    assert found.board.fetch == 0
    assert found.board.flash[0].stall == 0
    assert found.error > 0.3


def test_logs_that_say_nothing() -> None:
    with pytest.raises(CompileError, match="no line 'cycles NAME LAYER COUNT'"):
        parse_log("PASS net crc 0x00000000")
    with pytest.raises(CompileError, match="counted no cycles"):
        parse_log("cycles net conv0 0\ncycles net (all) 0 by dwt")
    log = parse_log("cycles net other 5\ncycles net (all) 5 by dwt")
    with pytest.raises(CompileError, match="layer other is none of this network"):
        fit(load_board("nucleo-f446re"), WORKS, log)
