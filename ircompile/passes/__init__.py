"""Graph to Graph, one function a file, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from ircompile.graph import Graph, validate
from ircompile.passes.absorb_transposes import absorb_transposes
from ircompile.passes.drop_dead import drop_dead
from ircompile.passes.drop_identities import drop_identities
from ircompile.passes.fold_clamps import fold_clamps
from ircompile.passes.fold_pad import fold_pad
from ircompile.passes.fold_reshape import fold_reshape
from ircompile.passes.intervals import notice_overflow
from ircompile.passes.merge_tables import merge_tables, scalar_tables
from ircompile.passes.positive_scales import positive_scales
from ircompile.passes.prune_channels import prune_channels

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    drop_dead,
    positive_scales,
    drop_identities,
    absorb_transposes,
    scalar_tables,
    merge_tables,
    fold_clamps,
    fold_pad,
    fold_reshape,
    drop_identities,
    drop_dead,
    prune_channels,
    notice_overflow,
)


def normalize(graph: Graph) -> Graph:
    """The graph in the normal form that all later stages rely on."""
    for run in PASSES:
        graph = validate(run(graph))
    return graph
