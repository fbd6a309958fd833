"""What the command line takes, said once."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ircompile import __version__
from ircompile.errors import CompileError
from ircompile.numerics import PROFILES
from ircompile.target import MemoryRegion

EXAMPLES = """\
examples:
  ircompile check person.tflite                         is every operator supported
  ircompile analyze person.tflite --target m4 --ram 20K does it fit, what would make it fit
  ircompile sweep mobilenet_v2 --target m4 --ram 64K    which widths and sizes of a family fit
  ircompile person.tflite --target cortex-m4            C files in ./person
  ircompile net.onnx --target m7 -o src/net --name net  C files in src/net
  ircompile net.tflite --target m4 --input rows         takes a camera's rows, stores no picture
  ircompile verify net.tflite --target m4 --on numpy,host,qemu --against tflm
  ircompile verify net.onnx --target m4 --isolated      every layer alone, fed ONNX Runtime's tensors

MODEL is TFLite (.tflite), ONNX (.onnx, QDQ or QOperator) or ircompile's own text (.ir).
"""
COMMANDS = ("verify", "explore", "dump", "bench", "targets")
OTHERS = ("check", "analyze", "sweep", "export")


def parser() -> argparse.ArgumentParser:
    """The parser of the main command: compile."""
    main = argparse.ArgumentParser(
        prog="ircompile",
        description="Compile a quantized int8 convolutional network to C for a microcontroller: one arena, no "
        "runtime, no malloc, bit for bit what the model's own framework computes.",
        epilog=EXAMPLES + "\nother commands: " + ", ".join(f"ircompile {c} --help" for c in (*COMMANDS, *OTHERS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--version", action="version", version=f"ircompile {__version__}")
    add_model(main)
    main.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the C files (default: ./NAME)")
    main.add_argument(
        "--bench", action="store_true", help="count instructions per layer under QEMU, for the report"
    )
    main.add_argument("--explore", action="store_true", help="add what less memory costs to the report")
    main.add_argument("--verify", metavar="RUNGS", help="verify on numpy, host, qemu (a list), for the report")
    main.add_argument(
        "--selftest", action="store_true", help="write NAME_selftest.c, too: golden inputs and outputs"
    )
    add_comparisons(main)
    main.add_argument("--json", action="store_true", help="print the summary as JSON")
    main.set_defaults(command="compile")
    return main


def command_parser(command: str) -> argparse.ArgumentParser:
    """The parser of one of the other commands."""
    return {"verify": _verify, "explore": _explore, "dump": _dump, "bench": _bench, "targets": _targets}[command]()


def ram(text: str) -> str | int:
    """ "auto", "min" or bytes, with K or M for 1024 or 1024 * 1024 of them."""
    if text in ("auto", "min"):
        return text
    return size(text, "neither auto, min nor")


def size(text: str, instead: str = "no") -> int:
    """Bytes, with K or M for 1024 or 1024 * 1024 of them."""
    units = {"": 1, "K": 1024, "M": 1024 * 1024}
    match = re.fullmatch(r"(\d+)([KM]?)B?", text.upper())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is {instead} bytes such as 20000 or 18K")
    return int(match[1]) * units[match[2]]


def memory(text: str) -> MemoryRegion:
    """NAME=SIZE."""
    name, equals, number = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=SIZE such as dtcm=64K")
    try:
        return MemoryRegion(name, size(number))
    except CompileError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of numbers such as 127.5 or 123.7,116.3,103.5"
        ) from None


def add_model(to: argparse.ArgumentParser) -> None:
    """What every command that compiles takes."""
    to.add_argument("model", type=Path, metavar="MODEL", help="the model's file")
    to.add_argument(
        "--target", required=True, metavar="T", help="a core, such as cortex-m4 (see: ircompile targets)"
    )
    to.add_argument("--name", help="prefix of all C names (default: from the file's name)")
    to.add_argument(
        "--input", choices=("resident", "rows"), default="resident",
        help="resident: the input lies in the arena; rows: it is pushed row by row and never stored whole",
    )  # fmt: skip
    to.add_argument(
        "--ram",
        type=ram,
        default="auto",
        metavar="BYTES",
        help="auto: the fastest of the small plans; min: the least without computing windows anew; "
        "or bytes to fit in (18K, 1M), recomputing if need be (default: auto)",
    )
    to.add_argument(
        "--memory", type=memory, action="append", default=[], metavar="NAME=SIZE",
        help="a RAM to plan for, such as dtcm=64K; once for each, the fastest first: the buffers that are touched "
        "most go there",
    )  # fmt: skip
    to.add_argument(
        "--flash", type=memory, action="append", default=[], metavar="NAME=SIZE",
        help="a memory for constants; once for each, the fastest first; each has a macro that places its own",
    )  # fmt: skip
    to.add_argument(
        "--weights", choices=("source", "blob"), default="source",
        help="source: constants in NAME_weights.c; blob: in NAME_weights.bin, bound at run time",
    )  # fmt: skip
    to.add_argument(
        "--mean", type=numbers, metavar="R,G,B", help="the input becomes raw pixels of 0 to 255; subtract this in "
        "the network itself, one value or one a channel (torchvision's 0.485 is 123.675 here)",
    )  # fmt: skip
    to.add_argument(
        "--std", type=numbers, metavar="R,G,B", help="and divide by this; the model quantizes the result"
    )
    to.add_argument(
        "--numerics",
        choices=PROFILES,
        metavar="PROFILE",
        help=f"whose rounding to reproduce: {', '.join(PROFILES)} (default: the file's own)",
    )


def add_comparisons(to: argparse.ArgumentParser) -> None:
    """What both commands that verify take."""
    to.add_argument(
        "--accuracy", type=Path, metavar="FOLDER",
        help="classify the files of a data set by the C and by the model's framework: a folder for each class, or "
        "labels.csv with lines 'name,label'",
    )  # fmt: skip
    to.add_argument(
        "--labels", type=Path, metavar="FILE", help="the list of names and labels, if it lies elsewhere"
    )
    to.add_argument(
        "--isolated",
        action="store_true",
        help="compare every layer alone with the model's framework, fed the framework's own tensors",
    )


def _verify() -> argparse.ArgumentParser:
    verify = argparse.ArgumentParser(
        prog="ircompile verify",
        description="Climb the equality ladder: the plan run in NumPy, the C on this machine (with sanitizers), "
        "the C on an emulated board, each compared byte for byte with the simulated graph; and the graph with "
        "the model's own framework.",
    )
    add_model(verify)
    verify.add_argument(
        "--on", default="numpy,host", metavar="RUNGS", help="of numpy, host, qemu (default: numpy,host)"
    )
    verify.add_argument("--against", choices=PROFILES, help="compare with this framework, too")
    add_comparisons(verify)
    verify.add_argument("--inputs", type=Path, nargs="+", metavar="FILE", help="pictures, .npy or .npz files")
    verify.add_argument(
        "--random", type=int, default=5, metavar="N", help="seeded inputs besides, extremes first (default: 5)"
    )
    verify.add_argument("--seed", type=int, default=0, help="of the random inputs (default: 0)")
    verify.add_argument("--json", action="store_true", help="print the results as JSON")
    verify.set_defaults(command="verify")
    return verify


def _explore() -> argparse.ArgumentParser:
    explore = argparse.ArgumentParser(
        prog="ircompile explore",
        description="List what less memory costs: the plans from which no other takes both fewer bytes and fewer "
        "instructions (estimated). --ram with a line's bytes compiles it.",
    )
    add_model(explore)
    explore.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the front, too")
    explore.add_argument("--json", action="store_true", help="print the front as JSON")
    explore.set_defaults(command="explore")
    return explore


def _dump() -> argparse.ArgumentParser:
    dump = argparse.ArgumentParser(prog="ircompile dump", description="Print a stage of the compilation as text.")
    add_model(dump)
    dump.add_argument(
        "--stage",
        choices=("graph", "plan"),
        default="graph",
        help="graph: nodes and tensors; plan: segments, buffers, offsets (default: graph)",
    )
    dump.set_defaults(command="dump")
    return dump


def _bench() -> argparse.ArgumentParser:
    bench = argparse.ArgumentParser(
        prog="ircompile bench",
        description="Count the instructions that one inference executes on the target's emulated board.",
    )
    add_model(bench)
    bench.add_argument("--layers", action="store_true", help="list the layers")
    bench.add_argument("--json", action="store_true", help="print the counts as JSON")
    bench.set_defaults(command="bench")
    return bench


def _targets() -> argparse.ArgumentParser:
    targets = argparse.ArgumentParser(
        prog="ircompile targets", description="List the cores that can be compiled for."
    )
    targets.add_argument("--json", action="store_true", help="print the list as JSON")
    targets.set_defaults(command="targets")
    return targets
