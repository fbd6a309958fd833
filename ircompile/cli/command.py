"""What a command is, and how help looks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

WIDTH = 80
LONGEST = 14  # of a command's name, with its indentation: argparse forgets the latter
EXIT = """\
exit status:
  0    done
  2    it cannot be done; the message says why, and what to do about it
  70   an error of ircompile's own; IRCOMPILE_DEBUG=1 shows where
  130  interrupted
"""


class Help(argparse.RawDescriptionHelpFormatter):
    """Help of the same width everywhere; texts are broken by hand."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=WIDTH)
        self._action_max_length = LONGEST


@dataclass(frozen=True)
class Command:
    """A command: its name, a line about it, its help around the arguments, its arguments, and what runs."""

    name: str
    line: str
    about: str
    more: str
    fill: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    def add_to(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Adds its parser to the tree."""
        prog = "ircompile [compile]" if self.name == "compile" else f"ircompile {self.name}"
        parser = commands.add_parser(
            self.name, prog=prog, help=self.line, description=self.about, epilog=self.more, formatter_class=Help
        )
        self.fill(parser)
        parser.set_defaults(run=self.run)


def status(*lines: str) -> str:
    """The exit status of a command that has more than those of all."""
    head, done, *others = EXIT.splitlines(keepends=True)
    return head + done + "".join(f"  1    {line}\n" for line in lines) + "".join(others)
