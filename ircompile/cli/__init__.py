"""The command line: `ircompile MODEL --target T` and its companions."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ircompile.cli import commands
from ircompile.cli.arguments import COMMANDS, command_parser, parser
from ircompile.cli.console import ERR
from ircompile.cli.export import export_model, export_parser
from ircompile.errors import CompileError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code: 0, 1 for a failed comparison, 2 for what cannot be done."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] == "export":
        arguments = export_parser().parse_args(words[1:])
    elif words and words[0] in COMMANDS:
        arguments = command_parser(words[0]).parse_args(words[1:])
    else:
        arguments = parser().parse_args(words)
    try:
        return export_model(arguments) if arguments.command == "export" else commands.run(arguments)
    except CompileError as error:
        ERR.print(f"error: {error}", markup=False, style="red" if ERR.is_terminal else None)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
