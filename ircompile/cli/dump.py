"""`ircompile dump`: any stage of a compilation as text."""

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict

from ircompile.cli.arguments import add_model
from ircompile.cli.command import EXIT, Command
from ircompile.cli.models import compiled_from, graph_of
from ircompile.importers import load
from ircompile.importers.ir import print_ir
from ircompile.ir.graph import Graph
from ircompile.kernels.text import print_lowered, print_program
from ircompile.passes import each_pass
from ircompile.pipeline import Compiled
from ircompile.plan.text import print_plan
from ircompile.report.data import checked_text
from ircompile.report.memory import peak_text

STAGES: Mapping[str, Callable[[argparse.Namespace], str]] = {
    "imported": lambda arguments: print_ir(_imported(arguments)),
    "passes": lambda arguments: changes_by_pass(_imported(arguments)),
    "graph": lambda arguments: print_ir(graph_of(arguments)),
    "lowered": lambda arguments: print_lowered(_compiled(arguments).lowered),
    "plan": lambda arguments: print_plan(plan := _compiled(arguments).plan) + peak_text(plan),
    "program": lambda arguments: print_program(_compiled(arguments).program),
    "checked": lambda arguments: checked_text(asdict(_compiled(arguments).checked)) + "\n",
    "c": lambda arguments: _texts(_compiled(arguments)),
}
"""The stages in the order in which they run, and how each is printed."""


def changes_by_pass(graph: Graph) -> str:
    """What every pass changes, line by line; a pass that changes nothing is not listed."""
    parts, before = list[str](), print_ir(graph)
    for name, changed in each_pass(graph):
        after = print_ir(changed)
        parts += difflib.unified_diff(before.splitlines(), after.splitlines(), "", name, n=0, lineterm="")
        before = after
    changes = [part for part in parts if part.strip() != "---"]
    return "\n".join(changes or ["no pass changes this graph"]) + "\n"


def _texts(compiled: Compiled) -> str:
    """The files of C, one after the other, without the blob of weights."""
    return "\n".join(text for text in compiled.files().values() if isinstance(text, str))


def _compiled(arguments: argparse.Namespace) -> Compiled:
    return compiled_from(arguments).compiled


def _imported(arguments: argparse.Namespace) -> Graph:
    return load(arguments.model, arguments.numerics, outputs=arguments.outputs)


def _fill_dump(to: argparse.ArgumentParser) -> None:
    add_model(to)
    to.add_argument(
        "--stage", choices=tuple(STAGES), default="graph", metavar="STAGE",
        help="imported: the graph as it was read; passes: what each pass changes; graph: behind the passes; "
        "lowered: kernels and layouts; plan: segments, buffers, offsets, the peak; program: packed constants; "
        "checked: how much was checked; c: what is emitted (default: graph)",
    )  # fmt: skip


def dump(arguments: argparse.Namespace) -> int:
    """Prints a stage."""
    sys.stdout.write(STAGES[arguments.stage](arguments))
    return 0


DUMP = Command(
    "dump",
    "print any stage of the compilation as text",
    "Print a stage of the compilation as text.",
    f"""\
examples:
  ircompile dump net.onnx --target m4
  ircompile dump net.onnx --target m4 --stage passes
  ircompile dump net.onnx --target m4 --stage plan --input rows

{EXIT}""",
    _fill_dump,
    dump,
)
