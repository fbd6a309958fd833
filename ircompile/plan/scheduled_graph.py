"""What is to be planned: a lowered graph with its stages, and who may write over whom."""

from collections.abc import Mapping, Set

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph
from ircompile.plan.aliases import aliases_of, slices_of
from ircompile.plan.model import MOST_STEPS, Demand, RowShape
from ircompile.plan.schedule import StepTimes, rows_pushed, segment_times
from ircompile.plan.stages import stages_of


class ScheduledGraph:
    """A graph, its stages, and all that planning looks up about them.

    Lists have one entry for each stage: `step_rows`, and `sums`, the bytes of running sums. By name of a tensor:
    `rows` are the bytes of a row and the number of rows, `slices` the tensor of whose rows it is a part,
    `last_reader` the last stage that reads it, the number of stages for an output, and -1 if nothing reads it.
    `rows` has an entry for every line buffer, too.
    Tensors in `unshifted` must have row r in slot r mod slots. Tensors in `history` have a state: so many of their
    rows are of earlier calls.

    Raises CompileError if a node has more than MOST_STEPS rows.
    """

    def __init__(
        self,
        graph: Graph,
        demands: Mapping[str, Demand],
        line_buffers: Set[str] = frozenset(),
        recomputing: Set[str] = frozenset(),
    ) -> None:
        self.graph, self.history = graph, graph.history
        self.demands = demands
        self.line_buffers, self.recomputing = frozenset(line_buffers), frozenset(recomputing)
        self.stages, self.step_rows = stages_of(graph, demands, line_buffers, recomputing)
        for stage in self.stages:
            if stage.steps > MOST_STEPS:
                where = stage.node.source or stage.node.name
                raise CompileError(where, f"{stage.steps:,} rows", f"tensors of up to {MOST_STEPS:,} rows")
        self.sums = [stage.node.op.sum_bytes(graph.site(stage.node)) for stage in self.stages]
        self.slices = slices_of(graph, demands)
        self.aliases = aliases_of(graph, demands, self.line_buffers)
        self.unshifted = {
            name for node in graph.nodes if not demands[node.name].row_pointers for name in node.inputs
        }
        self.rows = {name: RowShape(t.row_bytes, t.height) for name, t in graph.tensors.items()}
        nodes = [stage.node for stage in self.stages if stage.line_buffer]
        self.rows |= {line_buffer_name(node.name): self.rows[node.inputs[0]] for node in nodes}
        self.pushed_rows = rows_pushed(self.stages)
        self._times: dict[tuple[int, int, bool], StepTimes] = {}
        self.last_reader = dict.fromkeys(graph.tensors, -1)
        for i, stage in enumerate(self.stages):
            self.last_reader |= dict.fromkeys(stage.inputs, i)
        self.last_reader |= dict.fromkeys(graph.output_names, len(self.stages))

    def segment_times(self, first: int, stop: int, rows_input: bool) -> StepTimes:
        """The times of all steps of one segment; each segment is fired once."""
        key = first, stop, rows_input and first == 0
        if key not in self._times:
            self._times[key] = segment_times(self.stages, first, stop, self.pushed_rows if key[2] else 0)
        return self._times[key]


def line_buffer_name(node: str) -> str:
    """The name of a node's line buffer among the tensors."""
    return f"{node}:lines"
