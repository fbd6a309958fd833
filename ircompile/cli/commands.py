"""What each command does, and how it says so."""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from ircompile.cli.arguments import add_comparisons, add_model, add_unverified, folder
from ircompile.cli.command import EXIT, Command, status
from ircompile.cli.console import OUT, doing, number, print_json, print_table
from ircompile.cli.explore import front_of
from ircompile.cli.models import compiled_from, confirmed_from
from ircompile.cli.summary import print_summary
from ircompile.cli.timing import list_the_boards, print_measured, read_text, timing_rows
from ircompile.cli.verify import check_comparisons, compare_more, rung_data, rungs, unlike
from ircompile.emit.writing import sha256, write_files
from ircompile.errors import CompileError
from ircompile.pipeline import Compiled
from ircompile.report import html_report, memory_map
from ircompile.target import list_targets
from ircompile.timing.board import board_text
from ircompile.verification import ladder
from ircompile.verification.bench import compare_measured, count_instructions
from ircompile.verification.references.tflm import measured_arena
from ircompile.verification.runners.build import measure_sizes


def _fill_compile(to: argparse.ArgumentParser) -> None:
    add_model(to)
    report = to.add_argument_group("for the report")
    report.add_argument("--bench", action="store_true", help="count instructions per layer under QEMU")
    report.add_argument("--explore", action="store_true", help="find what less memory costs")
    report.add_argument("--verify", type=rungs, metavar="RUNGS", help="verify on numpy, host, qemu (a list)")
    add_comparisons(report)
    output = to.add_argument_group("output")
    output.add_argument("-o", "--output", type=folder, metavar="DIR", help="folder for the files (default: ./NAME)")
    output.add_argument(
        "--selftest", action="store_true", help="write NAME_selftest.c, too: golden inputs and outputs"
    )
    add_unverified(output)
    output.add_argument("--json", action="store_true", help="print the summary as JSON")


def compile_model(arguments: argparse.Namespace) -> int:
    """Compiles a model and writes its C files and report; 1 if it was verified and any element differs."""
    check_comparisons(arguments)
    compilation = confirmed_from(arguments)
    compiled, folder = compilation.compiled, arguments.output or Path(compilation.name)
    files = compilation.files(arguments.selftest)
    with doing("measuring code size"):
        sizes = measure_sizes(compiled.files(), compiled.name, compiled.target)
    data = compilation.report(sizes, "ircompile " + shlex.join(arguments.words))
    data["sha256"] = {arguments.model.name: sha256(arguments.model.read_bytes())}
    data["sha256"] |= {name: sha256(contents) for name, contents in files.items()}
    with doing("asking TFLite Micro"):
        data["tflm"] = measured_arena(arguments.model)
    if arguments.explore:
        with doing("exploring plans"):
            data["front"] = front_of(compiled.graph, compiled.target, arguments.input)
    if arguments.bench:
        with doing(f"counting instructions on {compiled.target.board}"):
            data["bench"] = count_instructions(compiled)
            data["timing"] = compilation.timing(data["bench"])
    if arguments.verify:
        data["verified"] = _climbed(compiled, arguments.verify)
    more = compare_more(arguments, compilation, ladder.vectors_for(compiled.graph, 2))
    data |= more
    files[f"{compiled.name}.html"] = html_report(data, memory_map(compiled.plan))
    files[f"{compiled.name}.json"] = json.dumps(data, indent=1) + "\n"  # the last: it has the hashes of the others
    data["files"] = [str(path) for path in write_files(folder, files)]
    if arguments.json:
        print_json(data)
    else:
        print_summary(data)
    differ = any(rung["differing"] for rung in data["verified"])
    return 1 if differ or any(map(unlike, more.values())) else 0


def _climbed(compiled: Compiled, names: list[str]) -> list[dict[str, Any]]:
    """The rungs climbed with seeded inputs."""
    with doing(f"verifying on {', '.join(names)}"):
        climb = ladder.climb(compiled, names, ladder.vectors_for(compiled.graph, 2))
        return [rung_data(rung) for rung in climb]


def _fill_bench(to: argparse.ArgumentParser) -> None:
    add_model(to)
    to.add_argument("--layers", action="store_true", help="list every layer: MACs, instructions, cycles")
    to.add_argument(
        "--measured", type=Path, metavar="LOG",
        help="what the self-test printed on the board (--board), counting cycles: put beside the estimates",
    )  # fmt: skip
    to.add_argument(
        "--keep", type=Path, metavar="FILE.toml", help="write the board, its waiting times fitted to --measured"
    )
    to.add_argument("--report", type=Path, metavar="FILE.html", help="write the report, all this in it")
    to.add_argument("--json", action="store_true", help="print the counts as JSON")


def bench(arguments: argparse.Namespace) -> int:
    """Counts executed instructions, in all and by layer."""
    if arguments.measured and arguments.board is None:
        raise CompileError("--measured", "was measured on a board, and none is named", hint="--board NAME")
    if arguments.keep and not arguments.measured:
        raise CompileError("--keep", "keeps what was fitted to a measurement", hint="--measured LOG")
    log = read_text(arguments.measured) if arguments.measured else ""
    compilation = compiled_from(arguments)
    compiled, board = compilation.compiled, compilation.board
    with doing(f"running on {compiled.target.board}"):
        result = count_instructions(compiled)
    result["timing"] = compilation.timing(result)
    if board and log:
        result["measured"], fitted = compare_measured(compiled, board, result, log)
        if arguments.keep:
            origin = f"Waiting times fitted to {arguments.measured.name}: {compiled.name} on {board.name}."
            write_files(arguments.keep.parent, {arguments.keep.name: board_text(fitted.board, origin)})
    if arguments.report:
        sizes = measure_sizes(compiled.files(), compiled.name, compiled.target)
        data = compilation.report(sizes, "ircompile " + shlex.join(arguments.words))
        page = html_report(data | {"bench": result, "timing": result["timing"]}, memory_map(compiled.plan))
        write_files(arguments.report.parent, {arguments.report.name: page})
    if arguments.json:
        print_json(result)
        return 0
    if arguments.layers:
        rows = [
            (x["layer"], number(x["macs"]), number(x["instructions"]),
             f"{x['instructions'] / x['macs']:.2f}" if x["macs"] else "-", number(x["cycles_estimate"]))
            for x in result["layers"]
        ]  # fmt: skip
        print_table(("layer", "MACs", "instructions", "per MAC", "est. cycles"), rows, numeric=(1, 2, 3, 4))
    cycles = result["cycles_estimate"]
    estimate = f", about {number(cycles)} cycles (estimated)" if cycles else ""
    total, stack = number(result["instructions"]), number(result["stack"])
    OUT.print(f"{result['target']}: {total} instructions{estimate}, stack {stack} bytes", markup=False)
    for _, text in timing_rows(result["timing"]):
        OUT.print(text, markup=False)
    if result["measured"]:
        print_measured(result["measured"], result["timing"])
    return 0


def _fill_targets(to: argparse.ArgumentParser) -> None:
    to.add_argument("--boards", action="store_true", help="list the boards instead: what --board takes")
    to.add_argument("--json", action="store_true", help="print the list as JSON")


def targets(arguments: argparse.Namespace) -> int:
    """Lists the targets, or the boards."""
    if arguments.boards:
        list_the_boards(arguments.json)
        return 0
    known = list_targets()
    if arguments.json:
        print_json([{"name": t.name, "description": t.description, "aliases": list(t.aliases)} for t in known])
    else:
        print_table(("target", "core", "also"), [(t.name, t.description, ", ".join(t.aliases)) for t in known])
    return 0


COMPILE = Command(
    "compile",
    "write C and a report (this word may be left out)",
    """\
Compile a quantized int8 convolutional network to C for a microcontroller.""",
    f"""\
examples:
  ircompile person.tflite --target cortex-m4
      C files and a report in ./person
  ircompile net.onnx --target m7 -o src/net --bench --verify numpy,host
      in src/net; the report has instructions by layer, and what was compared
  ircompile net.tflite --target m4 --input rows --ram 48K
      takes a camera's rows, stores no picture, fits in 48 KiB
  ircompile net.tflite --target m7 --memory dtcm=64K --memory sram=256K
      two RAMs: what is touched most in the first

files, NAME being that of the model's file:
  NAME.h, NAME.c      functions, sizes, scales; the code
  NAME_weights.c      constants (NAME_weights.bin with --weights blob)
  NAME_selftest.c, .h with --selftest
  NAME.html           the report, one page that loads nothing
  NAME.json           the same for programs: docs/schema/compile.json
The C is the same, byte for byte, for the same model, options and version.

{status("it was compared, and something differs")}""",
    _fill_compile,
    compile_model,
)
BENCH = Command(
    "bench",
    "count executed instructions, in all and by layer",
    """\
Count the instructions that one inference executes on the target's emulated
board, and the stack that it takes. Cycles are estimates, at zero wait states;
with --board, with what its memories make it wait, as milliseconds and a band.""",
    f"""\
examples:
  ircompile bench net.tflite --target m4 --layers
  ircompile bench net.tflite --target m55 --json
  ircompile bench net.tflite --board nucleo-f446re --measured log.txt
      beside what the self-test printed on the board; --report net.html shows it
      in the report, --keep mine.toml writes a board file fitted to it

It needs the cross compiler and QEMU; make setup in a checkout installs them.

{EXIT}""",
    _fill_bench,
    bench,
)
TARGETS = Command(
    "targets",
    "list the cores that can be compiled for",
    "List the cores that can be compiled for, or the boards whose time is estimated.",
    f"""\
examples:
  ircompile targets
  ircompile targets --boards
  ircompile net.tflite --target path/to/mine.toml
      a core or a board of your own: a file as those in targets/

{EXIT}""",
    _fill_targets,
    targets,
)
