"""`ircompile sweep`: which widths and input sizes of a family of networks, or which files, fit a target."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ircompile import api
from ircompile.cli.arguments import BUDGET, add_input, add_target, size
from ircompile.cli.command import Command, status
from ircompile.cli.console import doing, number, print_json, print_table
from ircompile.errors import CompileError
from ircompile.ir.families import FAMILIES
from ircompile.target import load_target
from ircompile.variants.estimate import Analysis

Point = tuple[str, str | None, float, int]  # name, file or None, width, size


def _fill(to: argparse.ArgumentParser) -> None:
    to.add_argument("models", nargs="+", metavar="MODEL", help=f"{', '.join(FAMILIES)}, or files")
    add_target(to)
    to.add_argument("--ram", type=size, metavar="BYTES", help=BUDGET)
    add_input(to)
    to.add_argument(
        "--widths", type=_numbers, default=(0.25, 0.35, 0.5, 0.75, 1.0), metavar="LIST",
        help="parts of a family's channels (default: 0.25,0.35,0.5,0.75,1)",
    )  # fmt: skip
    to.add_argument(
        "--sizes", type=_numbers, default=(96, 128, 160, 192, 224), metavar="LIST",
        help="heights and widths of a family's pictures (default: 96,128,160,192,224)",
    )  # fmt: skip
    to.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="processes at once (default: one a processor)",
    )  # fmt: skip
    to.add_argument("--json", action="store_true", help="print the list as JSON")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 0.25,0.5")
    return found


def sweep(arguments: argparse.Namespace) -> int:
    """Prints a line for every model; 1 where a budget was given that none fits."""
    load_target(arguments.target)  # says at once what is wrong with it
    points = list(_points(arguments))
    ask = partial(analyze_point, arguments.target, arguments.ram, arguments.input)
    with doing(f"analyzing {len(points)} models"):
        found = _in_parallel(ask, points, arguments.jobs)
    if arguments.json:
        print_json(found)
    else:
        rows = [_row(each) for each in found]
        print_table(("model", "arena bytes", "bound", "MACs", "constants", "verdict"), rows, numeric=(1, 2, 3, 4))
    fitting = [each for each in found if each.get("fits")]
    return 0 if arguments.ram is None or fitting else 1


def _points(arguments: argparse.Namespace) -> list[Point]:
    points: list[Point] = []
    for model in arguments.models:
        if model in FAMILIES:
            points += [(model, None, w, int(s)) for w in arguments.widths for s in arguments.sizes]
        else:
            points.append((Path(model).name, model, 0.0, 0))
    return points


def _in_parallel(ask: partial[dict[str, Any]], points: Sequence[Point], jobs: int) -> list[dict[str, Any]]:
    if min(jobs, len(points)) < 2:
        return [ask(point) for point in points]
    with ProcessPoolExecutor(min(jobs, len(points)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(ask, points))


def analyze_point(target: str, ram: int | None, mode: Any, point: Point) -> dict[str, Any]:
    """What one model needs, as plain values; what is wrong with it where it cannot be compiled."""
    name, path, width, size = point
    try:
        model = FAMILIES[name](width, size) if path is None else path
        found: Analysis = api.analyze(model, target, ram=ram, input=mode, advise=False)
    except CompileError as error:
        return {"model": name, "error": str(error)}
    return {
        "model": name if path else found.model,
        "arena": found.arena,
        "basis": found.basis,
        "lower_bound": found.lower_bound,
        "macs": found.macs,
        "constants": found.constants,
        "verdict": found.verdict,
        "fits": found.fits,
    }


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    if "error" in found:
        return (found["model"], "-", "-", "-", "-", found["error"].splitlines()[0].partition(" (supported: ")[0])
    figures = (number(found[key]) for key in ("arena", "lower_bound", "macs", "constants"))
    return (found["model"], *figures, "" if found["verdict"] == "not asked" else found["verdict"])


SWEEP = Command(
    "sweep",
    "which widths and sizes of a family fit, or which files",
    """\
List what the members of a family of networks need, at several widths and input
sizes, or what several files do.""",
    f"""\
examples:
  ircompile sweep mobilenet_v2 --target m4 --ram 64K
  ircompile sweep mobilenet_v1 --target m7 --widths 0.25,0.5 --sizes 96,128,160
  ircompile sweep runs/*.tflite --target m4 --ram 64K --input rows

Figures are those of ircompile analyze; a family has random weights and two
classes, which need the same memory as trained ones.

{status("bytes were given, and nothing fits in them")}""",
    _fill,
    sweep,
)
