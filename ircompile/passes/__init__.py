"""Graph to Graph, one function a file, in the order in which they run."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph
from ircompile.ir.validate import validate
from ircompile.passes.absorb_transposes import absorb_transposes
from ircompile.passes.drop_dead import drop_dead
from ircompile.passes.drop_identities import drop_identities
from ircompile.passes.fold_clamps import fold_clamps
from ircompile.passes.fold_lookups import fold_lookups
from ircompile.passes.fold_moves import fold_moves
from ircompile.passes.fold_pad import fold_pad
from ircompile.passes.fold_reshape import fold_reshape
from ircompile.passes.merge_tables import merge_tables, scalar_tables
from ircompile.passes.notice_overflow import notice_overflow
from ircompile.passes.positive_scales import positive_scales
from ircompile.passes.prune_channels import prune_channels
from ircompile.passes.shrink_windows import shrink_windows
from ircompile.passes.state_rings import state_rings

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    drop_dead,
    positive_scales,
    drop_identities,
    state_rings,
    absorb_transposes,
    scalar_tables,
    merge_tables,
    fold_clamps,
    fold_pad,
    fold_reshape,
    fold_moves,
    drop_identities,
    drop_dead,
    fold_lookups,
    shrink_windows,
    prune_channels,
    notice_overflow,
)


LOOK_AT_VALUES = (prune_channels, notice_overflow)
"""Passes that look at every weight, and change no shape where all channels are of use."""


def normalize(graph: Graph, prune: bool = True) -> Graph:
    """The normal form that all later stages rely on; quicker without `prune`, and with all channels.

    Raises CompileError where no node is left, so that there is nothing to compile.
    """
    *_, (_, normal) = each_pass(graph, prune)
    if not normal.nodes:
        raise CompileError(graph.name, "has no operator that computes anything", "one operator and more")
    return normal


def each_pass(graph: Graph, prune: bool = True) -> Iterator[tuple[str, Graph]]:
    """The name of every pass that runs, in order, and the graph behind it."""
    for run in PASSES:
        if prune or run not in LOOK_AT_VALUES:
            changed = run(graph)
            if not _same(graph, changed):
                graph = validate(changed)
            yield run.__name__, graph


def _same(before: Graph, after: Graph) -> bool:
    """Whether a pass has changed nothing, so that a graph that holds need not be checked again."""
    if before is after:
        return True
    consts = before.consts.keys() == after.consts.keys() and all(
        before.consts[name] is array for name, array in after.consts.items()
    )
    return consts and replace(after, consts=before.consts) == before
