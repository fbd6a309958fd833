"""The stage around emission: what was made is checked by means that share nothing with what made it.

The plan is replayed in a shadow of the arena, intervals are found again, packed constants are read back and
compared with the graph, each requantization is compared with its reference over all accumulators that can occur,
and removed channels are found again. Of what is checked only data types are imported here; import-linter holds
that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ircompile.checks.layers import check_layers
from ircompile.checks.plan import check_plan
from ircompile.checks.pruning import check_pruning
from ircompile.errors import InternalError
from ircompile.ir.graph import Pruned
from ircompile.kernels.model import Program


@dataclass(frozen=True)
class Checked:
    """How much was checked.

    `steps` of the schedule, and `reads` of rows by them; `thresholds` of requantizations, and `pairs` of codes that
    are added or multiplied; `channels` of convolutions, and their `weights`; `removed` channels of tensors;
    `numbers` of the emitted C.
    """

    steps: int = 0
    reads: int = 0
    thresholds: int = 0
    pairs: int = 0
    channels: int = 0
    weights: int = 0
    removed: int = 0
    numbers: int = 0


def check(program: Program, pruned: Sequence[Pruned] = ()) -> Checked:
    """Checks all that was made of a graph; raises InternalError, naming layer and place, where it is wrong."""
    replayed = check_plan(program.plan, program.tables)
    counts = check_layers(program)
    removed = sum(_removed(each) for each in pruned)
    return Checked(replayed.steps, replayed.reads, removed=removed, **counts)


def _removed(pruned: Pruned) -> int:
    """How many channels were removed from tensors; raises InternalError unless that is proved to change nothing."""
    if faults := check_pruning(pruned.before, pruned.after, pruned.kept):
        raise InternalError("channels that were removed", faults[0])
    before = {name: pruned.before.tensors[name].channels for name in pruned.kept}
    return sum(before[name] - len(channels) for name, channels in pruned.kept.items())
