"""`ircompile explore`: what less memory costs, and which of these plans is the default."""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from ircompile.cli.arguments import add_inputs, add_model_file, add_numbers, add_target
from ircompile.cli.command import EXIT, Command
from ircompile.cli.console import ERR, doing, number, print_json, print_table
from ircompile.cli.models import graph_of, target_of
from ircompile.emit.writing import write_files
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.report import front_picture
from ircompile.target import Target
from ircompile.variants.choose import choose_plan, explore
from ircompile.variants.orientation import choose_orientation
from ircompile.variants.tradeoffs import PlanVariant

Point = dict[str, int]
OPTIONS = {"auto": "--ram auto (default)", "min": "--ram min"}


def front_of(graph: Graph, target: Target, mode: InputMode) -> list[Point]:
    """The front of memory and work as plain values, fastest first."""
    return [_point(fitted) for fitted in explore(graph, target, mode)]


def named_plans(graph: Graph, target: Target, mode: InputMode) -> dict[str, Point]:
    """The plans that have a word of their own: those of `--ram auto` and `--ram min`."""
    words: tuple[Literal["auto", "min"], ...] = ("auto", "min")
    choose = partial(choose_plan, target=target, input_mode=mode)
    return {word: _point(choose_orientation(graph, partial(choose, ram=word), mode, word)[0]) for word in words}


def _point(fitted: PlanVariant) -> Point:
    return {"ram": fitted.ram, "macs": fitted.macs, "instructions_estimate": fitted.work}


def _fill(to: argparse.ArgumentParser) -> None:
    add_model_file(to)
    add_target(to)
    add_inputs(to)
    add_numbers(to)
    to.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the front, too")
    to.add_argument("--json", action="store_true", help="print the front as JSON")


def explore_model(arguments: argparse.Namespace) -> int:
    """Prints the front of memory and work, and where on it the plans of `--ram auto` and `--ram min` are."""
    target, _ = target_of(arguments)
    graph = graph_of(arguments)
    with doing("planning"):
        front = front_of(graph, target, arguments.input)
        named = named_plans(graph, target, arguments.input)
    if arguments.picture:
        title = f"{arguments.model.name}: estimated instructions over memory"
        names = {", ".join(words_for(plan, named)): plan for plan in named.values()}
        picture = front_picture(front, title, named=names)
        write_files(arguments.picture.parent, {arguments.picture.name: picture})
    if arguments.json:
        print_json([{**point, "given_by": words_for(point, named)} for point in front])
    else:
        _print_front(front, named, graph.macs())
    for word, plan in named.items():
        if plan not in front:
            ram, work = number(plan["ram"]), number(plan["instructions_estimate"])
            ERR.print(f"notice: {OPTIONS[word]} is not among these: {ram} bytes, {work} instructions", markup=False)
    return 0


def words_for(point: Point, named: Mapping[str, Point]) -> list[str]:
    """The words of `--ram` that give this plan."""
    return [word for word, plan in named.items() if plan == point]


def _print_front(front: list[Point], named: Mapping[str, Point], model_macs: int) -> None:
    rows = [
        (
            number(point["ram"]),
            number(point["macs"]),
            f"{point['macs'] / model_macs:.2f}x",
            number(point["instructions_estimate"]),
            ", ".join(OPTIONS[word] for word in words_for(point, named)),
        )
        for point in front
    ]
    titles = ("arena bytes", "MACs", "of the model's", "est. instructions", "given by")
    print_table(titles, rows, numeric=(0, 1, 2, 3))


EXPLORE = Command(
    "explore",
    "what less memory costs: the front of RAM and instructions",
    """\
List what less memory costs: the plans from which no other takes both fewer
bytes and fewer instructions (estimated). --ram with a line's bytes compiles it.
It is said which are those of --ram auto, the default, and of --ram min.""",
    f"""\
examples:
  ircompile explore net.tflite --target m4
  ircompile explore net.tflite --target m4 --input rows --picture front.svg

{EXIT}""",
    _fill,
    explore_model,
)
