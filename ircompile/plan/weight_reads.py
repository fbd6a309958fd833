"""Weights that a cache brings from the memory behind it, told by the order in which the steps are taken."""

from collections.abc import Iterable, Mapping, Set

from ircompile.plan.model import Plan
from ircompile.plan.schedule import rows_pushed, whole_run
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.work import weight_loads


def weights_brought(
    plan: Plan | ScheduledGraph, order: Iterable[int], sizes: Mapping[str, int], cache: int, pixels: int = 2
) -> dict[str, float]:
    """Bytes of weights that are brought for each node; see `WeightReads`."""
    return WeightReads(plan, sizes, pixels).brought(order, cache)


class WeightReads:
    """The weights that each step of a plan reads from one memory.

    `sizes` are the bytes of the nodes that have weights there; a kernel takes `pixels` at a time.
    """

    def __init__(self, plan: Plan | ScheduledGraph, sizes: Mapping[str, int], pixels: int) -> None:
        self.sizes = sizes
        self._passes = _passes_a_step(plan, sizes.keys(), pixels)
        self._nodes = [[node.name for node in stage.nodes if node.name in sizes] for stage in plan.stages]

    def brought(self, order: Iterable[int], cache: int) -> dict[str, float]:
        """Bytes that are brought for each node, where `cache` bytes hold what was read last.

        `order` is the stage of each step. Weights that the cache has no room for are brought at each pass of the
        kernel. Others are there still if they, and all that was read since the node's last step, have room
        together.
        """
        sizes, brought, held = self.sizes, dict.fromkeys(self.sizes, 0.0), list[str]()  # read last stands last
        for name in (name for stage in order for name in self._nodes[stage]):
            if sizes[name] > cache:
                brought[name] += self._passes[name] * sizes[name]
                held.clear()
                continue
            since = held[held.index(name) :] if name in held else []
            if not since or sum(sizes[each] for each in since) > cache:
                brought[name] += sizes[name]
            held = [each for each in held if each != name] + [name]
        return brought


def order_of_steps(plan: Plan) -> list[int]:
    """The stage of each step of one inference."""
    pushed = rows_pushed(plan.stages) if plan.input_mode == "rows" else 0
    return [stage for stage, _ in whole_run(plan.stages, plan.segments, pushed) if stage >= 0]


def _passes_a_step(plan: Plan | ScheduledGraph, names: Set[str], pixels: int) -> dict[str, float]:
    """How often one step of a node goes over its weights."""
    loads = weight_loads(plan, dict.fromkeys(names, 1), pixels)
    return {
        node.name: loads[node.name] / stage.steps
        for stage in plan.stages
        for node in stage.nodes
        if node.name in names
    }
