"""What a command is, and how help looks."""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ircompile.errors import CompileError
from ircompile.target import list_targets

WIDTH = 80
MISSING = "the following arguments are required: "  # as argparse says it
LONGEST = 14  # of a command's name, with its indentation: argparse forgets the latter
EXIT = """\
exit status:
  0    done
  2    it cannot be done; the message says why, and what to do about it
  70   an error of ircompile's own; IRCOMPILE_DEBUG=1 shows where
  130  interrupted
  141  what read the output has ended, as head does
"""


class Help(argparse.RawDescriptionHelpFormatter):
    """Help of the same width everywhere; texts are broken by hand."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=WIDTH)
        self._action_max_length = LONGEST


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with a command line as all else is told; `given` are the words of the line."""

    given: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Raises CompileError: the option that is missing or misspelled, and what may be meant."""
        hint = f"'{self.prog.replace('[compile]', 'compile')} --help' says what there is"
        if unknown := self._unknown_option():
            near = difflib.get_close_matches(unknown, [*self._options(), "--version"], 1)
            raise CompileError(
                "", f"there is no option {unknown}", hint=f"did you mean {near[0]}?" if near else hint
            )
        missing = message.partition(MISSING)[2].replace("COMMAND", "a model to compile, or a command")
        if message.startswith("one of the arguments --target"):
            missing = "--target"
        if "--target" in missing:
            known = ", ".join(target.name for target in list_targets())
            hint = "for instance --target m4; 'ircompile targets' describes them; or a --board"
            raise CompileError("", f"missing: {missing}; --target is the core to compile for", known, hint)
        raise CompileError("", f"missing: {missing}" if missing else message, hint=hint)

    def _unknown_option(self) -> str | None:
        """The first word that looks like an option and neither is one nor begins one."""
        for word in itertools.takewhile(lambda word: word != "--", self.given):
            name = word.partition("=")[0] if word.startswith("--") else word[:2]
            if re.match("--?[a-z]", name) and not any(option.startswith(name) for option in self._options()):
                return name
        return None

    def _options(self) -> list[str]:
        return [option for action in self._actions for option in action.option_strings]


@dataclass(frozen=True)
class Command:
    """A command: its name, a line about it, its help around the arguments, its arguments, and what runs."""

    name: str
    line: str
    about: str
    more: str
    fill: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    def add_to(self, commands: argparse._SubParsersAction[Parser], given: Sequence[str]) -> None:
        """Adds its parser to the tree, for the words of a line."""
        prog = "ircompile [compile]" if self.name == "compile" else f"ircompile {self.name}"
        parser = commands.add_parser(
            self.name, prog=prog, help=self.line, description=self.about, epilog=self.more, formatter_class=Help
        )
        parser.given = given
        self.fill(parser)
        parser.set_defaults(run=self.run, parser=parser)


def status(*lines: str) -> str:
    """The exit status of a command that has more than those of all."""
    head, done, *others = EXIT.splitlines(keepends=True)
    return head + done + "".join(f"  1    {line}\n" for line in lines) + "".join(others)
