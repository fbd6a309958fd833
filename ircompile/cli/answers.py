"""`ircompile check` and `ircompile analyze`: what one asks before compiling."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ircompile.cli.arguments import BUDGET, add_inputs, add_model_file, add_numerics, add_regions, add_target, size
from ircompile.cli.command import Command, status
from ircompile.cli.console import OUT, doing, number, print_json, print_table, wrapped
from ircompile.cli.models import options_of, target_of
from ircompile.cli.timing import timing_rows
from ircompile.emit.templating import shorten
from ircompile.importers.findings import Finding
from ircompile.ir.graph import Graph
from ircompile.pipeline import read
from ircompile.plan.bound import MEANING
from ircompile.report.support import Check, check_model
from ircompile.timing.network import time_of
from ircompile.variants.estimate import Analysis, analyze_graph

BASIS = {"planned": "", "estimated": " (estimated)", "in proportion": " (in proportion)"}


def _fill_check(to: argparse.ArgumentParser) -> None:
    add_model_file(to)
    to.add_argument("--all", action="store_true", help="list the operators that are supported, too")
    add_numerics(to)
    to.add_argument("--json", action="store_true", help="print all findings as JSON")


def _fill_analyze(to: argparse.ArgumentParser) -> None:
    add_model_file(to)
    add_target(to)
    to.add_argument("--ram", type=size, metavar="BYTES", help=BUDGET)
    add_regions(to)
    add_inputs(to)
    add_numerics(to)
    to.add_argument("--json", action="store_true", help="print the analysis as JSON")


def check_model_file(arguments: argparse.Namespace) -> int:
    """Prints the findings; 1 where something is not supported."""
    with doing(f"checking {arguments.model.name}"):
        found = check_model(arguments.model, arguments.numerics, arguments.outputs)
    if arguments.json:
        print_json(check_data(found))
    else:
        _print_check(found, arguments.all)
    return 0 if found.supported else 1


def check_data(found: Check) -> dict[str, Any]:
    """A check as plain values: docs/schema/check.json."""
    return {
        "model": found.model,
        "supported": found.supported,
        "findings": [asdict(finding) for finding in found.findings],
    }


def _print_check(found: Check, everything: bool) -> None:
    if everything:
        rows = [(f.index if f.index >= 0 else "-", f.kind, f.name, f.verdict) for f in found.findings]
        print_table(("node", "operator", "name", "verdict"), rows, numeric=(0,))
    said = set[str]()
    for same in _grouped(found.problems):
        _print_problem(same, said)
    verdict = "can be compiled" if found.supported else "cannot be compiled"
    counted = _counted(found.findings)
    OUT.print(f"{found.model} {verdict}{': ' if counted else ''}{counted}", markup=False)


def _grouped(problems: Sequence[Finding]) -> list[list[Finding]]:
    """Those with the same problem of the same operator together, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in problems:
        groups.setdefault((finding.kind, finding.problem, finding.supported, finding.hint), []).append(finding)
    return list(groups.values())


def _print_problem(same: Sequence[Finding], said: set[str]) -> None:
    """An operator that cannot be compiled: where it is, or how often and where, a hint, and what is supported.

    What was `said` before is not said again.
    """
    first, places = same[0], [_place(finding) for finding in same]
    if len(same) == 1:
        name = f" {shorten(first.name)!r}" if first.name else ""
        node = f"node {first.index} " if first.index >= 0 else ""
        OUT.print(f"{node}{first.kind}{name}: {shorten(first.problem)}", markup=False)
    else:
        OUT.print(f"{first.kind} x {len(same)}: {shorten(first.problem)}", markup=False)
        OUT.print(wrapped(f"nodes {', '.join(places)}"), markup=False)
    if first.hint and first.hint not in said:
        OUT.print(f"    hint: {first.hint}", markup=False)
    if first.supported and first.supported not in said:
        OUT.print(wrapped(f"supported: {first.supported}"), markup=False)
    said |= {first.supported, first.hint}


def _place(finding: Finding) -> str:
    return f"{finding.index} {shorten(finding.name)!r}" if finding.name else str(finding.index)


def _counted(findings: Sequence[Finding]) -> str:
    """How many operators are what, and which ends of the model are refused."""
    verdicts = Counter("supported" if f.verdict == "constant" else f.verdict for f in findings if f.index >= 0)
    constant = sum(finding.verdict == "constant" for finding in findings)
    refused = Counter(finding.kind for finding in findings if finding.index < 0 and finding.kind != "model")
    total = verdicts.total()
    ordered = sorted(verdicts.items(), key=lambda counted: (counted[0] != "supported", -counted[1]))
    counts = [f"{number(count)} {verdict}" for verdict, count in ordered]
    if len(verdicts) == 1 and total > 1:
        counts = [f"all {next(iter(verdicts))}"]
    if constant:
        counts[0] += f" ({number(constant)} of them constant: computed when compiling)"
    parts = [f"{number(total)} operator{'s' if total > 1 else ''}", *counts] if total else []
    ends = [f"{count} {kind}{'s' if count > 1 else ''} unsupported" for kind, count in refused.items()]
    return ", ".join([*parts, *ends])


def analyze_model(arguments: argparse.Namespace) -> int:
    """Prints the analysis; 1 where the model does not fit as it is."""
    target, board = target_of(arguments)
    with doing(f"analyzing {arguments.model.name}"):
        graph = read(arguments.model, options_of(arguments, ram="auto"))
        timed = (lambda plan: time_of(plan.scheduled, board, order=plan.times.order()).data) if board else None
        found = analyze_graph(graph, target, arguments.input, arguments.ram, memory=arguments.memory, timed=timed)
    if arguments.json:
        print_json(analysis_data(found))
    else:
        _print_analysis(found, arguments.model.name, _whole_bytes(graph, found))
    return 0 if found.fits or found.ram is None else 1


def analysis_data(found: Analysis) -> dict[str, Any]:
    """An analysis as plain values: docs/schema/analyze.json."""
    held = [{"name": name, "bytes": size} for name, size in found.held]
    regions = [{"name": name, "bytes": size} for name, size in found.regions]
    return {**asdict(found), "held": held, "regions": regions, "fits": found.fits}


def _pushes_rows(found: Analysis) -> bool:
    """Whether rows are pushed, as it is or by the first option."""
    return found.input_mode == "rows" or any(option.change == "rows" for option in found.options)


def _whole_bytes(graph: Graph, found: Analysis) -> int:
    """The bytes of the largest tensor that lies whole in every plan: an output, or an input that is not pushed."""
    names = graph.output_names if _pushes_rows(found) else [*graph.output_names, *graph.input_names]
    return max(graph.tensors[name].bytes for name in names)


def _print_analysis(found: Analysis, model: str, whole: int) -> None:
    held = ", ".join(f"{name} {number(size)}" for name, size in found.held)
    rows = [
        ("model", f"{model}, {found.layers} layers, {number(found.macs)} MACs"),
        ("target", f"{found.target}, input {found.input_mode}"),
        ("arena", f"about {number(found.arena)} bytes{BASIS[found.basis]}; compiling may find less"),
        *in_turn_rows(found),
        *(("", f"{number(size)} bytes in {name}") for name, size in found.regions),
        ("bound", f"{number(found.lower_bound)} bytes: {MEANING}; --ram min splits some"),
        ("flash", f"about {number(found.constants)} bytes of constants; code comes on top"),
        ("peak", f"at {found.peak_layer} ({shorten(found.peak_source)}); it holds {held}"),
    ]
    rows += timing_rows(found.timing)
    if found.ram is not None:
        rows.append(("verdict", f"{_verdict(found)}: {number(found.ram)} bytes were asked for"))
    for key, value in rows:
        OUT.print(f"{key:<9} {value}", markup=False)
    smaller = next((option for option in found.options if option.change in ("size", "width")), None)
    for option in found.options:
        if option is smaller and found.ram is not None and whole < found.ram:
            words = f"--ram {found.ram}{' --input rows' if _pushes_rows(found) else ''}"
            OUT.print(f"{'option':<9} {words}: compiling splits layers by channels, too, which is not estimated")
        fits = {True: "fits by estimate", False: "too large by estimate", None: ""}[option.fits]
        figures = f"{number(option.arena)} bytes{BASIS[option.basis]}, {number(option.macs)} MACs"
        OUT.print(f"{'option':<9} {option.how}\n{'':<9} {figures}{', ' if fits else ''}{fits}", markup=False)
    for notice in found.notices:
        OUT.print(f"notice    {notice}", markup=False)


def in_turn_rows(found: Analysis) -> list[tuple[str, str]]:
    """The bytes that compiling takes where weights in slow flash make more of them worth while."""
    if found.in_turn <= found.arena:
        return []
    return [("", f"about {number(found.in_turn)} so as to wait less for weights in slow flash; --ram does without")]


def _verdict(found: Analysis) -> str:
    """The verdict, and what it rests on: a bound is proved, all else is an estimate until it is compiled."""
    match found.verdict:
        case "may fit":
            return "may fit; compiling with --ram searches on"
        case "fits" | "fits with changes":
            return f"{found.verdict}, by an estimate that compiling confirms or refuses"
        case "does not fit":
            return "does not fit, these layers need the bound at least"
    return found.verdict


CHECK = Command(
    "check",
    "is every operator supported, or why not",
    "Say of every operator of a model whether it is supported or why not.",
    f"""\
examples:
  ircompile check net.tflite           all that is wrong, if anything is
  ircompile check net.onnx --all       the verdict on every operator
  ircompile check net.onnx --json      the same for programs

{status("the model cannot be compiled")}""",
    _fill_check,
    check_model_file,
)
ANALYZE = Command(
    "analyze",
    "does it fit, what is in the way, what would make it fit",
    """\
Say in a moment what a model needs, whether it fits, which layer is in the way,
and what would make it fit.""",
    f"""\
examples:
  ircompile analyze net.tflite --target m4
      what it needs
  ircompile analyze net.tflite --target m4 --ram 64K
      does it fit, and if not, how could it?
  ircompile analyze net.onnx --target m7 --input rows
      with an input that is pushed row by row
  ircompile analyze net.onnx --target m7 --memory dtcm=64K --memory sram=256K
      do these memories hold it, and what goes where?

The arena is that of a plan found in a moment; compiling searches longer and may
find less, but never less than the bound, which is proved. Where "estimated" is
said, live bytes were counted and not placed; "in proportion" is scaled down.

{status("it does not fit as it is")}""",
    _fill_analyze,
    analyze_model,
)
