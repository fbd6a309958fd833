"""The command line: `ircompile MODEL --target T` and its companions."""

import os
import platform
import sys
from collections.abc import Sequence

from ircompile import __version__
from ircompile.cli.console import ERR, print_error
from ircompile.cli.tree import parse
from ircompile.emit.writing import reason
from ircompile.errors import CompileError, InternalError

__all__ = ["main", "parse"]

INTERNAL = 70  # the exit code of an error that is ours, as in BSD's sysexits
READER_GONE = 141  # as a shell has it of a program that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code.

    0 done, 1 a comparison failed, 2 what cannot be done, 70 an error of ours, 130 interrupted, 141 nobody reads
    the output.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _check_text(words)
        arguments = parse(words)
        status = int(arguments.run(arguments))
        sys.stdout.flush()
        return status
    except CompileError as error:
        print_error(error)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _forget_output()
        return READER_GONE
    except OSError as error:
        if os.environ.get("IRCOMPILE_DEBUG") == "1":
            raise
        print_error(CompileError(str(error.filename or "output"), f"cannot be read or written: {reason(error)}"))
        _forget_output()
        return 2
    except Exception as error:
        if os.environ.get("IRCOMPILE_DEBUG") == "1":
            raise
        ERR.print(_ours(error, words), markup=False)
        return INTERNAL


def _check_text(words: Sequence[str]) -> None:
    """Raises CompileError for a word that is no UTF-8: it could stand in no report and in no C file."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = repr(os.fsencode(word))[2:-1]
            raise CompileError("", f"'{shown}' is not UTF-8", "names in UTF-8", "rename the file") from None


def _forget_output() -> None:
    """What is left to be written to a full output goes nowhere, lest the interpreter complains when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ours(error: Exception, words: Sequence[str]) -> str:
    """What to tell of an error that is not the user's."""
    command = "ircompile " + " ".join(words)
    told = f"failed in a way that it should not: {type(error).__name__}: {error}"
    if isinstance(error, InternalError):
        told = f"checked its own work and found a mistake, so that nothing was written: {error}"
    return (
        f"error: ircompile {told}. This is no "
        f"fault of yours. Please report it with the model, if you can share it, and these two lines:\n"
        f"  ircompile {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
        f"  {command}\n"
        f"hint: IRCOMPILE_DEBUG=1 shows where it failed"
    )
