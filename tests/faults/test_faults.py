"""Each planted fault is caught, most of them before anything is written; docs/faults.md says by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from compiler_faults import FOLDS, PIXEL_FOLD, PIXELS, RULES, CompilerFault
from emitter_faults import EMITTED, STATEMENTS, CodeFault
from fault_nets import NETS, program_of
from ladder import codes_for
from planted_faults import FAULTS, Fault

from ircompile.checks import check
from ircompile.emit.writing import write_files
from ircompile.errors import CompileError, InternalError
from ircompile.importers.ir import write_ir
from ircompile.options import Options
from ircompile.passes import normalize
from ircompile.passes.fold_pixels import codes_of_pixels
from ircompile.pipeline import Compiled, build, read
from ircompile.target import load_target
from ircompile.verification import confirm
from ircompile.verification.confirm import Comparison, Confirmation
from ircompile.verification.ladder import Codes, compare
from ircompile.verification.runners.host import run_host
from ircompile.verification.sequences import restart_after, run_vectors


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.mechanism}: {fault.what}".replace(" ", "-"))
def test_a_compile_catches(fault: Fault) -> None:
    right = program_of(fault.net, fault.core, fault.mode)
    check(right)
    with pytest.raises(InternalError) as caught:
        check(fault.change(right))
    assert caught.value.where


def compiled(fault: CompilerFault) -> Compiled:
    return build(normalize(fault.make()), load_target("cortex-m4"), "net")


RIGHT = cache(lambda make: compiled(CompilerFault("", "", make, lambda patch: None)))
"""Networks compiled without any fault, by what makes them."""


@pytest.mark.thorough
@pytest.mark.parametrize("fault", RULES, ids=lambda fault: fault.what.replace(" ", "-"))
def test_a_compile_catches_a_wrong_rule(fault: CompilerFault, monkeypatch: pytest.MonkeyPatch) -> None:
    RIGHT(fault.make)
    fault.plant(monkeypatch)
    with pytest.raises(InternalError) as caught:
        compiled(fault)
    assert caught.value.where


@pytest.mark.thorough
@pytest.mark.parametrize("fault", EMITTED, ids=lambda fault: fault.what.replace(" ", "-"))
def test_a_compile_reads_the_c_back(fault: CompilerFault, monkeypatch: pytest.MonkeyPatch) -> None:
    RIGHT(fault.make)
    fault.plant(monkeypatch)
    with pytest.raises(InternalError) as caught:
        compiled(fault)
    assert caught.value.where.startswith(("net.c, ", "net_weights.c, "))


def climbs(net: str, folder: Path, change: Callable[[str], str]) -> None:
    """The C of a network, changed, on this machine: raises CompileError or AssertionError unless it is right."""
    built = build(NETS[net](), load_target("host"), "net")
    files = {**built.files(), "net.c": change(str(built.files()["net.c"]))}
    write_files(folder, files)
    graph, vectors = built.graph, codes_for(built.graph, 6)
    arrays = [[vector[name] for name in graph.input_names] for vector in vectors]
    restart = restart_after(graph, len(vectors))
    result = run_host(folder, built.interface, arrays, restart=restart, timeout=60)
    found = [dict(zip(graph.output_names, outputs, strict=True)) for outputs in result.outputs]
    assert not compare("C", run_vectors(graph, vectors), found).differing


@pytest.mark.toolchain
@pytest.mark.parametrize("fault", STATEMENTS, ids=lambda fault: fault.what.replace(" ", "-"))
def test_the_ladder_catches_a_wrong_statement(fault: CodeFault, tmp_path: Path) -> None:
    with pytest.raises((CompileError, AssertionError)) as caught:
        climbs(fault.net, tmp_path, lambda code: replaced(code, fault))
    assert "warning" not in str(caught.value)


def replaced(code: str, fault: CodeFault) -> str:
    if fault.right not in code:
        raise LookupError(fault.right)
    return code.replace(fault.right, fault.wrong)


@pytest.mark.toolchain
@pytest.mark.parametrize("net", sorted({fault.net for fault in STATEMENTS}))
def test_the_ladder_is_climbed_without_a_fault(net: str, tmp_path: Path) -> None:
    climbs(net, tmp_path, lambda code: code)


def compared(path: Path, pixels: bool = False) -> Comparison:
    """What a compile finds of a model that no framework runs; with pixels as its input, if wanted."""
    graph = read(path)
    if not pixels:
        with Confirmation(graph, path) as confirmation:
            return confirmation.result()
    folded, name = read(path, Options(mean=PIXELS[0], std=PIXELS[1])), graph.input_names[0]

    def codes(vectors: Sequence[Codes]) -> list[Codes]:
        return [{name: codes_of_pixels(graph, *PIXELS, each[name])} for each in vectors]

    with Confirmation(folded, path, (graph, codes)) as confirmation:
        return confirmation.result()


@pytest.mark.parametrize("fault", FOLDS, ids=lambda fault: fault.what.replace(" ", "-"))
def test_a_compile_without_a_framework_catches_a_wrong_fold(
    fault: CompilerFault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.ir"
    write_ir(fault.make(), path)
    assert "the same" in compared(path).why
    monkeypatch.setattr(confirm, "_KNOWN", {})
    fault.plant(monkeypatch)
    with pytest.raises(InternalError) as caught:
        compared(path)
    assert caught.value.where == fault.what.partition(":")[0]


def test_a_compile_without_a_framework_catches_wrong_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.ir"
    write_ir(PIXEL_FOLD.make(), path)
    assert "the same" in compared(path, pixels=True).why
    monkeypatch.setattr(confirm, "_KNOWN", {})
    PIXEL_FOLD.plant(monkeypatch)
    with pytest.raises(InternalError):
        compared(path, pixels=True)


EVERY: Sequence[tuple[Sequence[Fault | CompilerFault | CodeFault], str]] = (
    (FAULTS, "a compile"),
    (RULES, "a compile"),
    (EMITTED, "a compile"),
    ((*FOLDS, PIXEL_FOLD), "a compile: the framework; without one, the file's operators one by one"),
    (STATEMENTS, "the ladder: the C on this machine"),
)
"""All faults that are planted, and who catches them."""


def test_there_is_one_for_every_mechanism() -> None:
    named = [(fault.mechanism, fault.what) for faults, _ in EVERY for fault in faults]
    assert len(named) == len(set(named)) > 100
    assert len({mechanism for mechanism, _ in named}) >= 25


def table() -> str:
    """The catalogue as the page has it."""
    rows = [
        f"| {fault.mechanism} | {fault.what} | {getattr(fault, 'core', 'any')} | {who} |"
        for faults, who in EVERY
        for fault in faults
    ]
    return "\n".join(["| mechanism | planted | core | caught by |", "|---|---|---|---|", *rows])


def test_the_page_lists_them() -> None:
    page = Path(__file__).parents[2] / "docs" / "faults.md"
    assert table() in page.read_text(), table()


if __name__ == "__main__":
    print(table())
