"""`ircompile verify`: the equality ladder, every layer alone, and the accuracy on a data set."""

import argparse
from pathlib import Path
from typing import Any

from ircompile.cli import accuracy, layers
from ircompile.cli.arguments import add_comparisons, add_model
from ircompile.cli.command import Command, status
from ircompile.cli.console import ERR, OUT, doing, number, print_json
from ircompile.cli.models import compiled_from
from ircompile.compilation import Compilation
from ircompile.emit.templating import shorten
from ircompile.errors import CompileError
from ircompile.ir.numerics import PROFILES
from ircompile.verification import ladder
from ircompile.verification.inputs import read_calls

HELIUM = (
    "notice: Helium does not run on this machine; host ran portable C of the same network. --on qemu runs Helium."
)


def _fill(to: argparse.ArgumentParser) -> None:
    what = to.add_argument_group("what is compared")
    what.add_argument(
        "--on", type=rungs, default="numpy,host", metavar="RUNGS", help="of numpy, host, qemu (default: numpy,host)"
    )
    what.add_argument(
        "--against", choices=PROFILES, metavar="PROFILE", help=f"and with this framework: {', '.join(PROFILES)}"
    )
    add_comparisons(what)
    inputs = to.add_argument_group("inputs")
    inputs.add_argument("--inputs", type=Path, nargs="+", metavar="FILE", help="pictures, .npy or .npz files")
    inputs.add_argument(
        "--random", type=int, default=5, metavar="N",
        help="seeded random inputs besides, and four extreme ones before them; 0 for neither (default: 5)",
    )  # fmt: skip
    inputs.add_argument("--seed", type=int, default=0, metavar="N", help="of the random inputs (default: 0)")
    add_model(to)
    to.add_argument("--json", action="store_true", help="print the results as JSON")


def verify_model(arguments: argparse.Namespace) -> int:
    """Climbs the ladder, and compares what else was asked for; 1 if any of it differs."""
    check_comparisons(arguments)
    compilation = compiled_from(arguments)
    compiled = compilation.compiled
    vectors = [call for path in arguments.inputs or [] for call in read_calls(compiled.graph, path)]
    vectors += ladder.vectors_for(compiled.graph, arguments.random, arguments.seed) if arguments.random > 0 else []
    if not vectors:
        raise CompileError("--random", "no inputs to verify with", "--inputs FILE, or --random of 1 and more")
    extra = compare_more(arguments, compilation, vectors, arguments.against)
    results = [rung_data(rung) for rung in _climbed(arguments, compilation, vectors)]
    if compiled.target.features.mve and ("host" in arguments.on or arguments.accuracy):
        ERR.print(HELIUM, markup=False)
    if arguments.json:
        print_json({"rungs": results, **extra} if extra else results)
    else:
        _show(results, extra)
    return 1 if any(rung["differing"] for rung in results) or any(map(unlike, extra.values())) else 0


def check_comparisons(arguments: argparse.Namespace) -> None:
    """Raises CompileError for options of a comparison that was not asked for."""
    if arguments.labels and not arguments.accuracy:
        raise CompileError("--labels", "lists files of a data set, and none is named", hint="--accuracy FOLDER")


def compare_more(
    arguments: argparse.Namespace, compilation: Compilation, vectors: list[ladder.Codes], against: str | None = None
) -> dict[str, Any]:
    """The results of --isolated and --accuracy, where they were asked for, beside a framework."""
    extra: dict[str, Any] = {}
    if arguments.isolated:
        extra["isolated"] = layers.compare(compilation, against or compilation.compiled.graph.numerics, vectors)
    if arguments.accuracy:
        extra["accuracy"] = accuracy.measure(arguments, compilation, against)
    return extra


def unlike(extra: dict[str, Any]) -> bool:
    """Whether layers differ in more than ties, or classes on any file."""
    kinds = extra.get("kinds", [])
    return any(kind["differing"] > kind["ties"] for kind in kinds) or bool(extra.get("disagreements"))


def _climbed(
    arguments: argparse.Namespace, compilation: Compilation, vectors: list[ladder.Codes]
) -> list[ladder.Rung]:
    results = []
    if arguments.against:
        with doing(f"comparing with {arguments.against}"):
            results.append(compilation.against(arguments.against, vectors))
    with doing("cutting the network"):
        inner = ladder.cut_where_wide(compilation.compiled)
    climb = ladder.climb(compilation.compiled, arguments.on, vectors, inner)
    for name in arguments.on:
        with doing(f"running on {name}"):
            results.append(next(climb))
    return results


def rungs(text: str) -> list[str]:
    """The rungs in a list such as "numpy,host"."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in ladder.RUNNERS]
    if unknown or not words:
        raise argparse.ArgumentTypeError(
            f"unknown rung {', '.join(unknown)!r}; there are {', '.join(ladder.RUNNERS)}"
        )
    return words


def rung_data(rung: ladder.Rung) -> dict[str, Any]:
    """A rung as plain values."""
    return {**rung.__dict__, "first": rung.first.__dict__ if rung.first else None}


def _show(results: list[dict[str, Any]], extra: dict[str, Any]) -> None:
    if "isolated" in extra:
        layers.show(extra["isolated"])
    for rung in results:
        _show_rung(rung)
    if "accuracy" in extra:
        accuracy.show(extra["accuracy"])


def _show_rung(rung: dict[str, Any]) -> None:
    verdict = "equal" if not rung["differing"] else f"{number(rung['differing'])} DIFFER"
    what = f"{rung['name']} = graph" if rung["name"] in ladder.RUNNERS else f"graph = {rung['name']}"
    OUT.print(f"{what:<18} {verdict}: {number(rung['compared'])} elements, {rung['vectors']} inputs", markup=False)
    if first := rung["first"]:
        values = f"expected {first['expected']}, found {first['found']}"
        place = f"input {first['vector']}, {shorten(first['where'])} at {list(first['index'])}"
        OUT.print(f"  first: {place}: {values}", markup=False)
    if rung["note"]:
        OUT.print(f"  {shorten(rung['note'])}", markup=False)


VERIFY = Command(
    "verify",
    "compare the C with the model's own framework, byte for byte",
    """\
Climb the equality ladder: the plan run in NumPy, the C on this machine (with
sanitizers), the C on an emulated board, each compared byte for byte with the
simulated graph; and the graph with the model's own framework. Where all
outputs together have few elements, as two classes have, the network is also
cut at the last wide tensor, and that is compared.""",
    f"""\
examples:
  ircompile verify net.tflite --target m4 --on numpy,host,qemu --against tflm
      all rungs, four extreme and five random inputs; TFLite Micro at the top
  ircompile verify net.onnx --target m4 --inputs cat.png dog.jpg --random 0
      on pictures, resized to the input
  ircompile verify net.onnx --target m4 --isolated
      every layer alone, fed ONNX Runtime's tensors
  ircompile verify net.tflite --target m4 --accuracy pictures
      both accuracies on a data set, and every file on which they differ

files:
  An .npz has arrays by the model's input names, or x0, x1 ...: codes of height
  x width x channels, or what the framework takes. An .npy is one such array.
  For a network that remembers, arrays may have one more axis in front, or the
  rows of many calls: these are its calls, one after the other.
  --accuracy FOLDER has folders of files, which are named as the classes and
  numbered as they sort; or labels.csv. classes.txt in it gives another order.

{status("something differs: an element, a layer (in more than ties) or a class")}""",
    _fill,
    verify_model,
)
