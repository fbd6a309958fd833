"""The command line: `ircompile MODEL --target T` and its companions."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence

from ircompile import __version__
from ircompile.cli import commands
from ircompile.cli.answers import analyze_model, analyze_parser, check_model_file, check_parser
from ircompile.cli.arguments import COMMANDS, command_parser, parser
from ircompile.cli.console import ERR
from ircompile.cli.export import export_model, export_parser
from ircompile.cli.sweep import sweep, sweep_parser
from ircompile.errors import CompileError

OWN = {
    "export": (export_parser, export_model),
    "check": (check_parser, check_model_file),
    "analyze": (analyze_parser, analyze_model),
    "sweep": (sweep_parser, sweep),
}
"""Commands that have a file of their own: parser, and what runs."""
INTERNAL = 70  # the exit code of an error that is ours, as in BSD's sysexits


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code.

    0 done, 1 a comparison failed, 2 what cannot be done, 70 an error of ours, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = parse(words)
    _, run = OWN.get(words[0] if words else "", (None, commands.run))
    try:
        return run(arguments)
    except CompileError as error:
        ERR.print(f"error: {error}", markup=False, style="red" if ERR.is_terminal else None)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if os.environ.get("IRCOMPILE_DEBUG") == "1":
            raise
        ERR.print(_ours(error, words), markup=False)
        return INTERNAL


def _ours(error: Exception, words: Sequence[str]) -> str:
    """What to tell of an error that is not the user's."""
    command = "ircompile " + " ".join(words)
    return (
        f"error: ircompile failed in a way that it should not: {type(error).__name__}: {error}. This is no "
        f"fault of yours. Please report it with the model, if you can share it, and these two lines:\n"
        f"  ircompile {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
        f"  {command}\n"
        f"hint: IRCOMPILE_DEBUG=1 shows where it failed"
    )


def parse(words: list[str]) -> argparse.Namespace:
    """What a command line says, and its `words`; exits where it says nothing that can be done."""
    make, _ = OWN.get(words[0] if words else "", (None, None))
    if make:
        arguments = make().parse_args(words[1:])
    elif words and words[0] in COMMANDS:
        arguments = command_parser(words[0]).parse_args(words[1:])
    else:
        arguments = parser().parse_args(words)
    arguments.words = words
    return arguments
