"""The one tree of parsers: what the command line takes, what help prints, what shells complete, what docs show."""

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from ircompile import __version__
from ircompile.cli import answers, certify, commands, completion, explore, export, sweep, verify
from ircompile.cli.command import EXIT, Command, Help, Parser
from ircompile.cli.dump import DUMP
from ircompile.cli.quantize import QUANTIZE
from ircompile.errors import CompileError

COMMANDS: tuple[Command, ...] = (
    commands.COMPILE,
    answers.CHECK,
    answers.ANALYZE,
    sweep.SWEEP,
    verify.VERIFY,
    explore.EXPLORE,
    commands.BENCH,
    export.EXPORT,
    certify.CERTIFY,
    QUANTIZE,
    DUMP,
    commands.TARGETS,
    completion.COMPLETION,
)
NAMES = tuple(command.name for command in COMMANDS)
OTHERS_SAY = {
    "help": "'ircompile --help' lists the commands, and 'ircompile COMMAND --help' their options",
    "boards": "'ircompile targets --boards' lists them, with their RAM and flash",
    "info": "'check' lists a model's operators, 'analyze' what it needs",
    "report": "every compile writes a report, NAME.html; 'bench --report FILE.html' counts instructions for it",
    "run": "'verify' runs the C, 'bench' counts its instructions",
}
"""Words that other tools have for what a command of ours does."""
USAGE = "ircompile MODEL --target T [option ...]\n       ircompile COMMAND [argument ...]"
ABOUT = """\
Compile a quantized int8 convolutional network to C for a microcontroller: one
arena, no runtime, no malloc, bit for bit what the model's own framework gives.
MODEL is TFLite (.tflite), ONNX (.onnx, QDQ or QOperator) or ircompile's own
text (.ir). What is no command is a model to compile; ./check is a file."""
MORE = f"""\
examples:
  ircompile check person.tflite
      is every operator supported?
  ircompile analyze person.tflite --target m4 --ram 20K
      does it fit, and what would make it fit?
  ircompile person.tflite --target cortex-m4
      writes ./person: C files, a report person.html, and person.json
  ircompile verify person.tflite --target m4 --on numpy,host,qemu --against tflm
      compares the C, byte for byte, with the model's own framework

{EXIT}
environment:
  IRCOMPILE_DEBUG=1  show the traceback of an error of ircompile's own

ircompile COMMAND --help says more of each, with examples.
"""


def tree(given: Sequence[str] = ()) -> Parser:
    """The parser of everything, for the words of a line."""
    root = Parser(prog="ircompile", usage=USAGE, description=ABOUT, epilog=MORE, formatter_class=Help)
    root.add_argument("--version", action="version", version=f"ircompile {__version__}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="command")
    for command in COMMANDS:
        command.add_to(commands, given)
    return root


def _is_plain(word: str) -> bool:
    """Whether a word is neither an option nor the name of a file, as far as it looks."""
    return not word.startswith("-") and Path(word).name == word and not Path(word).suffix


def parse(words: Sequence[str]) -> argparse.Namespace:
    """What a command line says, and its `words`. Raises CompileError where it says nothing that can be done."""
    given = list(words)
    if given and given[0] not in (*NAMES, "-h", "--help", "--version"):
        near = [] if given[0].startswith("-") else get_close_matches(given[0], NAMES, 1)
        hint = OTHERS_SAY.get(given[0]) or (f"did you mean {near[0]}?" if near else "")
        if (hint or _is_plain(given[0])) and not Path(given[0]).exists():
            known = "" if hint else f"a model's file, or a command: {', '.join(NAMES)}"
            raise CompileError("", f"{given[0]!r} is neither a command nor a file", known, hint)
        given.insert(0, "compile")
    arguments, unknown = tree(given[1:]).parse_known_args(given)
    if unknown:
        arguments.parser.error(f"too many words: {' '.join(unknown)}")
    arguments.words = list(words)
    return arguments
