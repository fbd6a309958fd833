"""One candidate: what it needs, how long it takes, what it is worth by the proxy. It runs in worker processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.passes import normalize
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.work import macs
from ircompile.sweeps.space import Candidate, function_of
from ircompile.target import load_target
from ircompile.timing.board import Board, BoardMemory, load_board
from ircompile.timing.network import Timing, time_of
from ircompile.variants.estimate import constant_bytes
from ircompile.variants.estimate.screen import Screened, screen

MACS = "macs"
CODE_BYTES = 24 * 1024
"""Flash that is kept for code and tables where a limit is given: the largest measured networks take less."""


@dataclass(frozen=True)
class Limits:
    """What a candidate is to fit: None where it does not matter. Bytes, and milliseconds."""

    ram: int | None = None
    flash: int | None = None
    milliseconds: float | None = None


@dataclass(frozen=True)
class Question:
    """What is asked of every candidate. `mhz` is the clock of a target that no board was named for.

    Files are cut at the tensors `outputs`, if there are any.
    """

    target: str
    board: str | None = None
    mhz: float | None = None
    limits: Limits = Limits()
    input_mode: InputMode = "resident"
    proxy: str = MACS
    outputs: tuple[str, ...] = ()

    @property
    def timed_on(self) -> Board | None:
        """The board, or the target alone at its clock, with memories that are never waited for."""
        if self.board:
            return load_board(self.board)
        if self.mhz is None:
            return None
        target, whole = load_target(self.target), (BoardMemory("memory", 2**40),)
        return Board(target.name, f"{target.name} at {self.mhz:g} MHz", target, self.mhz, 0, whole, whole)


def evaluate(question: Question, candidate: Candidate) -> dict[str, Any]:
    """What a candidate needs as plain values, or what is wrong with it: a fault must not end a long sweep."""
    named = {"model": candidate.name, "parameters": dict(candidate.parameters)}
    try:
        return named | _answer(question, candidate)
    except CompileError as error:
        return named | {"error": str(error)}
    except Exception as error:
        return named | {"error": f"an error of ircompile's own: {type(error).__name__}: {error}"}


def _answer(question: Question, candidate: Candidate) -> dict[str, Any]:
    model = candidate.model()
    graph = model if isinstance(model, Graph) else load(Path(model), outputs=question.outputs)
    normal = normalize(graph, prune=not isinstance(model, Graph))  # random weights have no dead channels
    board = question.timed_on
    core = board.core if board and question.board else load_target(question.target)
    limits, constants = question.limits, constant_bytes(normal)

    def hopeless(plan: ScheduledGraph) -> bool:
        if limits.flash is not None and constants + CODE_BYTES > limits.flash:
            return True
        return bool(limits.milliseconds and board and time_of(plan, board).milliseconds > limits.milliseconds)

    found = screen(normal, core, question.input_mode, limits.ram, hopeless=hopeless)
    timing = time_of(found.scheduled, board, order=found.order) if board else None
    return {
        "arena": found.arena,
        "in_turn": found.in_turn,
        "basis": found.basis,
        "lower_bound": found.lower_bound,
        "macs": macs(found.scheduled),
        "constants": constants,
        "milliseconds": timing and timing.milliseconds,
        "band": timing and timing.band,
        "proxy": _proxy(question, candidate, normal),
        "verdict": found.verdict,
        "fits": _fits(limits, found, timing),
    }


def _proxy(question: Question, candidate: Candidate, graph: Graph) -> float:
    """What it is ranked by, more being better: its MACs, or what the user's own function says."""
    if question.proxy == MACS:
        return float(graph.macs())
    try:
        return float(function_of(question.proxy)(dict(candidate.parameters), graph))
    except Exception as error:
        raise CompileError(
            question.proxy, f"failed on {candidate.name}: {type(error).__name__}: {error}"
        ) from error


def _fits(limits: Limits, found: Screened, timing: Timing | None) -> bool | None:
    """Whether all limits hold; None where memory is open, or nothing was asked."""
    if limits == Limits():
        return None
    if limits.milliseconds is not None and timing and timing.milliseconds > limits.milliseconds:
        return False
    return found.fits if limits.ram is not None or found.fits is False else True
