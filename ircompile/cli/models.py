"""What commands that take a model have in common: reading it, and compiling it."""

import argparse

from ircompile.cli.console import doing
from ircompile.interface import c_name
from ircompile.ir.graph import Graph
from ircompile.pipeline import Compiled, Pixels, build, read
from ircompile.target import Target, load_target
from ircompile.timing.board import Board, load_board
from ircompile.verification.confirm import Comparison, Confirmation
from ircompile.verification.original import Original, original


def board_of(arguments: argparse.Namespace) -> Board | None:
    """The board that a command was given; None where it was given a target."""
    return load_board(arguments.board) if arguments.board else None


def target_of(arguments: argparse.Namespace) -> Target:
    """The target that a command was given, or its board's core with the board's memories."""
    board = board_of(arguments)
    return board.core if board else load_target(arguments.target)


def graph_of(arguments: argparse.Namespace) -> Graph:
    """Reads the model of a command."""
    with doing(f"reading {arguments.model.name}"):
        return read(
            arguments.model,
            arguments.numerics,
            pixels_of(arguments),
            arguments.outputs,
            arguments.stream,
            arguments.state,
        )


def compiled_from(arguments: argparse.Namespace, graph: Graph | None = None, unverified: bool = False) -> Compiled:
    """Reads the model of a command, unless it is given, and compiles it."""
    name, target = c_name(arguments.name, arguments.model.stem), target_of(arguments)
    graph = graph or graph_of(arguments)
    with doing(f"planning {len(graph.nodes)} layers"):
        return build(
            graph,
            target,
            name,
            arguments.input,
            arguments.model.name,
            arguments.weights == "blob",
            arguments.ram,
            arguments.memory,
            arguments.flash,
            unverified,
            either_way=True,
            prefer=arguments.prefer,
        )


def confirmed_from(arguments: argparse.Namespace) -> tuple[Compiled, Comparison]:
    """Reads and compiles the model of a command, and compares it with its framework meanwhile.

    Raises CompileError where they differ, unless --unverified was given.
    """
    if arguments.unverified:
        return compiled_from(arguments, unverified=True), Comparison(why="not compared: --unverified")
    graph = graph_of(arguments)
    with Confirmation(graph, arguments.model, original_of(arguments), arguments.outputs) as confirmation:
        compiled = compiled_from(arguments, graph)
        with doing("comparing with the model's framework"):
            return compiled, confirmation.result()


def pixels_of(arguments: argparse.Namespace) -> Pixels | None:
    """The preprocessing that --mean and --std ask for."""
    if arguments.mean is None and arguments.std is None:
        return None
    return arguments.mean or (0.0,), arguments.std or (1.0,)


def original_of(arguments: argparse.Namespace) -> Original | None:
    """With --mean, --std, --stream or --state: the model as in its file, and how its inputs come of the graph's."""
    pixels = pixels_of(arguments)
    return original(
        arguments.model, arguments.numerics, pixels, arguments.outputs, arguments.stream, arguments.state
    )
