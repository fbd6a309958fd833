"""What commands that take a model have in common: reading it, and compiling it."""

import argparse
from dataclasses import fields
from typing import Any

from ircompile.cli.console import doing
from ircompile.compilation import Compilation, compile_model
from ircompile.ir.graph import Graph
from ircompile.options import Options
from ircompile.pipeline import build_with_options, read
from ircompile.target import Target
from ircompile.timing.board import Board, core_of


def options_of(arguments: argparse.Namespace, **others: Any) -> Options:
    """The options that a command was given, of which it may have fewer than there are; `others` in their place."""
    given = {**vars(arguments), **others}
    return Options(**{field.name: given[field.name] for field in fields(Options) if field.name in given})


def target_of(arguments: argparse.Namespace) -> tuple[Target, Board | None]:
    """The target that a command was given, or its board's core with the board's memories, and the board."""
    return core_of(arguments.target, arguments.board)


def graph_of(arguments: argparse.Namespace) -> Graph:
    """Reads the model of a command."""
    with doing(f"reading {arguments.model.name}"):
        return read(arguments.model, options_of(arguments))


def compiled_from(arguments: argparse.Namespace) -> Compilation:
    """Reads and compiles the model of a command."""
    target, board = target_of(arguments)
    graph, options = graph_of(arguments), options_of(arguments)
    with doing(f"planning {len(graph.nodes)} layers"):
        return Compilation(
            build_with_options(graph, target, options, arguments.model), arguments.model, options, board
        )


def confirmed_from(arguments: argparse.Namespace) -> Compilation:
    """Reads and compiles the model of a command, and compares it with its framework meanwhile.

    Raises CompileError where they differ, unless --unverified was given.
    """
    target, board = target_of(arguments)
    return compile_model(arguments.model, target, options_of(arguments), board, doing)
