"""What several commands take, said once."""

import argparse
import re
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError
from ircompile.ir.numerics import PROFILES
from ircompile.target import MemoryRegion

TARGET = "a core, such as cortex-m4 or m4 (ircompile targets lists them), or a file of your own, core.toml"
BOARD = (
    "a board, such as nucleo-f446re (ircompile targets --boards lists them), or a file of your own, board.toml: "
    "its core, its memories, and the time of one inference"
)
FILES = (".c", ".h", ".bin", ".html", ".json", ".md", ".zip", ".pack")
"""How no folder is called that is to be made."""
BUDGET = "bytes to fit in, such as 20000 or 64K"


def ram(text: str) -> str | int:
    """ "auto", "min" or bytes, with K or M for 1024 or 1024 * 1024 of them."""
    if text in ("auto", "min"):
        return text
    return size(text, "neither auto, min nor")


def size(text: str, instead: str = "no") -> int:
    """Bytes, with K or M for 1024 or 1024 * 1024 of them."""
    units = {"": 1, "K": 1024, "M": 1024 * 1024}
    match = re.fullmatch(r"0*([1-9]\d*)([KM]?)B?", text.upper())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is {instead} bytes such as 20000 or 18K")
    return int(match[1]) * units[match[2]]


def memory(text: str) -> MemoryRegion:
    """NAME=SIZE; the name is in lower case in C."""
    name, equals, number = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=SIZE such as dtcm=64K")
    try:
        return MemoryRegion(name.lower(), size(number))
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


def folder(text: str) -> Path:
    """A folder to write to, which need not be there."""
    path = Path(text)
    above = next((each for each in (path, *path.parents) if each.exists()), path)
    if above.is_file() or (path.suffix.lower() in FILES and not path.exists()):
        name = above if above.is_file() else path
        raise argparse.ArgumentTypeError(
            f"{str(name)!r} is the name of a file; -o takes a folder for several files"
        )
    return path


def add_model_file(to: argparse.ArgumentParser) -> None:
    """The model, and where it is cut."""
    to.add_argument("model", type=Path, metavar="MODEL", help="the model: .tflite, .onnx or .ir")
    add_outputs(to)


def add_outputs(to: argparse._ActionsContainer) -> None:
    """Where a model is cut."""
    to.add_argument(
        "--outputs", type=_names, default=(), metavar="TENSOR,...",
        help="cut the model at these tensors, by their names in the file: they become its outputs",
    )  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def add_target(to: argparse._ActionsContainer) -> None:
    """The target, or a board, which has one."""
    one = to.add_mutually_exclusive_group(required=True)
    one.add_argument("--target", metavar="T", action=_Once, help=TARGET)
    one.add_argument("--board", metavar="B", action=_Once, help=BOARD)


class _Once(argparse.Action):
    """Stores a word; a second one is refused rather than taken in place of the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        first = getattr(namespace, self.dest)
        if first is not None:
            raise argparse.ArgumentError(
                self, f"is given twice, {first} and {values}; one is compiled for at a time"
            )
        setattr(namespace, self.dest, values)


def add_input(to: argparse._ActionsContainer) -> None:
    """Where the input is."""
    to.add_argument(
        "--input", choices=("resident", "rows"), default="resident", metavar="MODE",
        help="resident: the input lies in the arena; rows: it is pushed row by row and never stored whole "
        "(default: resident)",
    )  # fmt: skip


def add_inputs(to: argparse._ActionsContainer) -> None:
    """Where the input is, how it moves on in time, and what is fed back into it."""
    add_input(to)
    to.add_argument(
        "--stream", type=_hop, default=0, metavar="HOP",
        help="the input is a window of time: take HOP new rows a call, and keep what the last call computed of the "
        "others; every output is that of the whole window",
    )  # fmt: skip
    to.add_argument(
        "--state", type=_pair, action="append", default=[], metavar="IN=OUT",
        help="the model's output OUT is its input IN of the next call: kept in the arena; once for each",
    )  # fmt: skip


def _hop(text: str) -> int:
    """A number of new rows; whether the input has as many is seen later."""
    if not re.fullmatch(r"0*[1-9]\d*", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of new rows, 1 and more")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    """IN=OUT."""
    given, equals, taken = text.partition("=")
    if not (given and equals and taken):
        raise argparse.ArgumentTypeError(f"{text!r} is no IN=OUT such as h=h_next")
    return given, taken


def add_numerics(to: argparse._ActionsContainer) -> None:
    """Whose rounding."""
    to.add_argument(
        "--numerics", choices=PROFILES, metavar="PROFILE",
        help=f"whose rounding to reproduce: {', '.join(PROFILES)} (default: the file's own framework's)",
    )  # fmt: skip


def add_model(to: argparse.ArgumentParser) -> None:
    """What every command that compiles takes."""
    add_model_file(to)
    _add_memory(to.add_argument_group("target and memory"))
    add_numbers(to.add_argument_group("numbers"))
    code = to.add_argument_group("C code")
    code.add_argument("--name", help="prefix of all C names (default: from the file's name)")
    code.add_argument(
        "--weights", choices=("source", "blob"), default="source", metavar="WHERE",
        help="source: constants in NAME_weights.c; blob: in NAME_weights.bin, bound at run time (default: source)",
    )  # fmt: skip


def _add_memory(to: argparse._ActionsContainer) -> None:
    add_target(to)
    add_inputs(to)
    to.add_argument(
        "--ram", type=ram, default="auto", metavar="BYTES",
        help="auto: the fastest of the small plans; min: the least without computing windows anew; or bytes to "
        "fit in (18K, 1M), computing anew if need be (default: auto)",
    )  # fmt: skip
    add_regions(to)
    to.add_argument(
        "--prefer", choices=("speed", "size"), default="speed", metavar="WHAT",
        help="speed: constants are smaller only where that takes few instructions; size: constants as small as can "
        "be, and the same codes (default: speed)",
    )  # fmt: skip
    to.add_argument(
        "--flash", type=memory, action="append", default=[], metavar="NAME=SIZE",
        help="a memory for constants; once for each, the fastest first; each has a macro that places its own",
    )  # fmt: skip


def add_regions(to: argparse._ActionsContainer) -> None:
    """The RAMs."""
    to.add_argument(
        "--memory", type=memory, action="append", default=[], metavar="NAME=SIZE",
        help="a RAM to plan for, such as dtcm=64K; once for each, the fastest first: the buffers that are touched "
        "most go there",
    )  # fmt: skip


def add_numbers(to: argparse._ActionsContainer) -> None:
    """Whose rounding, and preprocessing to be folded in."""
    add_numerics(to)
    to.add_argument(
        "--mean", type=numbers, metavar="R,G,B", help="the input becomes raw pixels of 0 to 255; subtract this in "
        "the network itself, one value or one a channel (torchvision's 0.485 is 123.675 here)",
    )  # fmt: skip
    to.add_argument(
        "--std", type=numbers, metavar="R,G,B", help="and divide by this; the model quantizes the result"
    )


def add_unverified(to: argparse._ActionsContainer) -> None:
    """Whether the model is compared with its framework."""
    to.add_argument(
        "--unverified", action="store_true",
        help="do not compare the network with its framework; a difference is an error else. The header says so",
    )  # fmt: skip


def add_comparisons(to: argparse._ActionsContainer) -> None:
    """What both commands that verify take."""
    to.add_argument(
        "--isolated", action="store_true",
        help="compare every layer alone with the model's framework, fed the framework's own tensors",
    )  # fmt: skip
    to.add_argument(
        "--accuracy", type=Path, metavar="FOLDER",
        help="classify the files of a data set by the C and by the model's framework: a folder for each class, or "
        "labels.csv with lines 'name,label'",
    )  # fmt: skip
    to.add_argument("--labels", type=Path, metavar="FILE", help="the list of names and labels, if elsewhere")
