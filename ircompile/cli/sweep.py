"""`ircompile sweep`: which members of families of networks, or which files, fit a target, and which are best."""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ircompile.cli.arguments import BUDGET, add_input, add_outputs, add_target, size
from ircompile.cli.command import Command, status
from ircompile.cli.console import ERR, OUT, number, print_json, print_table
from ircompile.cli.models import target_of
from ircompile.emit.writing import write_files
from ircompile.errors import CompileError
from ircompile.ir.families import FAMILIES, Value
from ircompile.sweeps.cluster import run_on_cluster
from ircompile.sweeps.evaluate import CODE_BYTES, MACS, Limits, Question
from ircompile.sweeps.front import front, picture, ranked
from ircompile.sweeps.run import missing, run_here
from ircompile.sweeps.space import Candidate, draw, function_of, grid, is_function, space_of
from ircompile.sweeps.store import Store

WIDTHS = (0.25, 0.35, 0.5, 0.75, 1.0)
SIZES = (96, 128, 160, 192, 224)
TOP = 20
"""Candidates that are listed."""
HEADS = {
    "arena": "arena bytes",
    "in_turn": "for slow flash",
    "lower_bound": "bound",
    "macs": "MACs",
    "constants": "constants",
}


def _fill(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "models", nargs="+", metavar="FAMILY", help=f"{', '.join(FAMILIES)}; FILE.py:FUNCTION; or files"
    )
    add_outputs(to)
    add_target(to)
    limits = to.add_argument_group("limits")
    limits.add_argument("--ram", type=size, metavar="BYTES", help=BUDGET)
    limits.add_argument("--flash", type=size, metavar="BYTES", help=FLASH)
    limits.add_argument("--ms", type=float, metavar="MS", help="milliseconds of one inference, as estimated")
    limits.add_argument("--mhz", type=float, metavar="MHZ", help="the clock of --target, where no --board is named")
    add_input(to)
    _add_space(to.add_argument_group("candidates"))
    run = to.add_argument_group("how it runs")
    run.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="processes at once (default: one a processor)",
    )  # fmt: skip
    run.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster instead: tcp://HOST:8786")
    run.add_argument(
        "--store", type=Path, metavar="FILE", help="keep results in this SQLite file, and go on from it"
    )
    output = to.add_argument_group("output")
    output.add_argument("--rank", default=MACS, metavar="PROXY", help=RANK)
    output.add_argument("--top", type=int, default=TOP, metavar="N", help=f"list so many (default: {TOP})")
    output.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw all, and the front")
    output.add_argument("--json", action="store_true", help="print all results as JSON")


FLASH = f"bytes for constants, as estimated, and {CODE_BYTES // 1024}K of code and tables"
RANK = (
    "what stands for accuracy, more being better: macs (default), or FILE.py:FUNCTION, called with the parameters "
    "and the graph"
)


def _add_space(to: argparse._ArgumentGroup) -> None:
    to.add_argument(
        "--widths",
        type=_numbers,
        metavar="LIST",
        help="parts of a family's channels (default: 0.25,0.35,0.5,0.75,1)",
    )
    to.add_argument(
        "--sizes", type=_numbers, metavar="LIST",
        help="heights and widths of a family's pictures (default: 96,128,160,192,224)",
    )  # fmt: skip
    to.add_argument(
        "--space", type=_dimension, action="append", default=[], metavar="NAME=LIST",
        help="values of another parameter, such as expand=3,4,6 or channels=1",
    )  # fmt: skip
    to.add_argument(
        "--random", type=int, metavar="N", help="N random candidates of the families' own spaces instead"
    )
    to.add_argument("--seed", type=int, default=0, metavar="N", help="of what is random (default: 0)")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 0.25,0.5")
    return found


def _dimension(text: str) -> tuple[str, tuple[Value, ...]]:
    """NAME=V1,V2: integers, numbers, true and false, or words."""
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=LIST such as expand=3,4,6")
    return name, tuple(map(_value, values.split(",")))


def _value(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def sweep(arguments: argparse.Namespace) -> int:
    """Evaluates all candidates and lists the best; 1 where limits were given that none fits."""
    question = _question(arguments)
    candidates = _candidates(arguments)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(arguments.store or Path(folder) / "sweep.sqlite")
        try:
            store.ask(question)
            _evaluate(arguments, question, candidates, store)
            results = store.results(candidates)
        finally:
            store.close()
    best = front(results)
    if arguments.picture:
        if not best:
            raise CompileError("--picture", "there is nothing to draw: no candidate could be analyzed")
        where = arguments.board or arguments.target
        title = f"{', '.join(arguments.models)}: {number(len(results))} candidates on {where}"
        image = picture(results, title, question.proxy, question.limits.ram)
        write_files(arguments.picture.parent, {arguments.picture.name: image})
    if arguments.json:
        chosen = set(map(id, best))
        print_json([{**result, "front": id(result) in chosen} for result in results])
    else:
        _print(results, best, arguments.top, question)
    return 0 if question.limits == Limits() or any(result.get("fits") for result in results) else 1


def _question(arguments: argparse.Namespace) -> Question:
    target, _ = target_of(arguments)  # says at once what is wrong with it
    if arguments.ms is not None and not arguments.board and arguments.mhz is None:
        raise CompileError("--ms", "needs a clock", hint="--board NAME, or --mhz with --target")
    if arguments.rank != MACS:
        function_of(arguments.rank)
    name = arguments.target or target.name
    limits = Limits(arguments.ram, arguments.flash, arguments.ms)
    return Question(
        name, arguments.board, arguments.mhz, limits, arguments.input, arguments.rank, arguments.outputs
    )


def _candidates(arguments: argparse.Namespace) -> list[Candidate]:
    given = dict(arguments.space)
    if arguments.widths:
        given["width"] = arguments.widths
    if arguments.sizes:
        given["size"] = tuple(map(int, arguments.sizes))
    families = [word for word in arguments.models if is_function(word)]
    found = [Candidate(word) for word in arguments.models if word not in families]
    for word in arguments.models:
        if word not in families:
            _check_file(word)
    for family in families:
        function_of(family)
    if arguments.random is not None:
        return found + draw({f: space_of(f, given) for f in families}, arguments.random, arguments.seed)
    for family in families:
        plain = {"width": WIDTHS, "size": SIZES} if family in FAMILIES else {}
        space = {**plain, **given}
        space_of(family, given)
        found += grid(family, space)
    return found


def _check_file(word: str) -> None:
    """Raises CompileError where what is no family is no file either: a name that was misspelled."""
    if not Path(word).exists() and not Path(word).suffix:
        near = get_close_matches(word, FAMILIES, 1)
        hint = f"did you mean {near[0]}?" if near else ""
        raise CompileError("", f"{word!r} is neither a family nor a file", ", ".join(FAMILIES), hint)


def _evaluate(arguments: argparse.Namespace, question: Question, candidates: list[Candidate], store: Store) -> None:
    todo = len(missing(candidates, store))
    with _progress(len(set(candidates)), len(set(candidates)) - todo) as tell:
        if arguments.scheduler:
            run_on_cluster(question, candidates, store, arguments.scheduler, tell)
        else:
            run_here(question, candidates, store, arguments.jobs, tell)


@contextmanager
def _progress(total: int, done: int) -> Iterator[Callable[[int], None]]:
    """A bar, on a terminal: how many are done and how long the others will take."""
    columns = (TextColumn("analyzing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal) as progress:
        task = progress.add_task("", total=total, completed=done)
        yield lambda count: progress.advance(task, count)


def _print(results: list[dict[str, Any]], best: list[dict[str, Any]], top: int, question: Question) -> None:
    timed = any(result.get("milliseconds") for result in results)
    turns = any(result["in_turn"] != result["arena"] for result in results if "in_turn" in result)
    keys = ("arena", *(("in_turn",) if turns else ()), "lower_bound", "macs", "constants")
    heads = ("model", *(HEADS[key] for key in keys), *(("ms", "band") if timed else ()))
    own = () if question.proxy == MACS else ("proxy",)
    rows = [_row(each, keys, timed, bool(own), each in best) for each in ranked(results)[:top]]
    print_table((*heads, *own, "front", "verdict"), rows, numeric=tuple(range(1, len(heads) + len(own))))
    if len(results) > top:
        fitting = sum(bool(result.get("fits")) for result in results)
        failed = sum("error" in result for result in results)
        text = f"{number(len(results))} candidates, {number(fitting)} fit, {number(failed)} could not be analyzed; "
        OUT.print(text + f"the front has {number(len(best))}; ranked by {question.proxy}", markup=False)


def _row(found: dict[str, Any], keys: Sequence[str], timed: bool, own: bool, best: bool) -> tuple[str, ...]:
    if "error" in found:
        blank = ("-",) * (len(keys) + 2 * timed + own + 1)
        return (found["model"], *blank, found["error"].splitlines()[0].partition(" (supported: ")[0])
    figures = [number(found[key]) for key in keys]
    if timed:
        figures += [f"{found['milliseconds']:.3g}", f"+-{100 * found['band']:.0f} %"]
    if own:
        figures.append(f"{found['proxy']:.4g}")
    return (found["model"], *figures, "*" if best else "", _verdict(found))


def _verdict(found: dict[str, Any]) -> str:
    if found["fits"] is False and found["verdict"] in ("fits", "not asked"):
        return "flash or time does not fit"
    if found["fits"] and found["verdict"] == "not asked":
        return "fits"
    return "" if found["verdict"] == "not asked" else str(found["verdict"])


SWEEP = Command(
    "sweep",
    "which members of a family fit and are best, or which files",
    """\
List what the members of families of networks need, or what files do: a grid of
widths and input sizes, or random ones; which fit, and which are best.""",
    f"""\
examples:
  ircompile sweep mobilenet_v2 --target m4 --ram 64K
  ircompile sweep mcunet --board nucleo-f446re --ram 64K --flash 512K --ms 100
      three limits
  ircompile sweep mobilenet_v2 --target m4 --random 2000 --store v2.sqlite
      random ones; the same command goes on after an interruption
  ircompile sweep mobilenet_v1 --target m7 --widths 0.25,0.5 --space channels=1
  ircompile sweep mine.py:net --space width=1,2 --target m4 --rank mine.py:score
  ircompile sweep runs/*.tflite --target m4 --ram 64K --input rows
  ircompile sweep fomo --target m4 --random 500 --scheduler tcp://10.0.0.5:8786

Figures are those of ircompile analyze; a family has random weights and two
classes, which need the same memory as trained ones. Ranked by multiply-
accumulates, which stand for accuracy only roughly, or by your own function.
A * is on the front: nothing else takes less memory and ranks as high.
With --store, a sweep that was interrupted goes on where it was.

{status("limits were given, and nothing fits in them")}""",
    _fill,
    sweep,
)
