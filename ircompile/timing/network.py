"""The time of a compiled network on a board, layer by layer: from counted instructions, or from the plan alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ircompile.ir import ops
from ircompile.plan.model import Plan
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.weight_reads import order_of_steps, weights_brought
from ircompile.plan.work import pixels_at_once, stage_instructions, times_recomputed, weight_loads, weight_passes
from ircompile.timing.band import band_of, cycles_an_instruction
from ircompile.timing.board import Board
from ircompile.timing.model import Work, cycles_of, waits_of

Executed = Mapping[str, tuple[float, float]]
"""Instructions, and cycles at zero wait states, of each layer by its name; "(schedule)" is what runs between."""


@dataclass(frozen=True)
class Timing:
    """How long one inference takes: `milliseconds`, right within `band` either way (0.2 is 20 %).

    `layers` are the cycles of each, and `brought` the bytes of weights that come from flash, past what its cache
    holds. `millijoules` are there where the board's power is published. `counted`: from executed instructions; else
    the plan's estimate of them.
    """

    board: str
    mhz: float
    cycles: float
    layers: Mapping[str, float]
    brought: float
    band: float
    counted: bool
    milliwatts: float | None

    @property
    def milliseconds(self) -> float:
        """The estimate."""
        return self.cycles / self.mhz / 1000

    @property
    def millijoules(self) -> float | None:
        """Energy of the same."""
        return None if self.milliwatts is None else self.milliwatts * self.milliseconds / 1000

    @property
    def data(self) -> dict[str, Any]:
        """Plain values for reports."""
        return {
            "board": self.board,
            "mhz": self.mhz,
            "milliseconds": self.milliseconds,
            "at_least": self.milliseconds * (1 - self.band),
            "at_most": self.milliseconds * (1 + self.band),
            "band": self.band,
            "millijoules": self.millijoules,
            "counted": self.counted,
            "cycles": round(self.cycles),
            "weight_bytes_brought": round(self.brought),
            "layers": [{"layer": name, "cycles": round(cycles)} for name, cycles in self.layers.items()],
        }


def time_of(
    plan: Plan | ScheduledGraph, board: Board, stored: Mapping[str, int] | None = None,
    executed: Executed | None = None, order: Sequence[int] | None = None,
) -> Timing:  # fmt: skip
    """The time of one inference on a board.

    `stored` are the bytes that a node's weights take as its kernel stores them (default: as the graph has them);
    `executed` what was counted, layer by layer. `order` is the stage of each step where there is no plan yet;
    without it, layers wait for their weights as little as any plan makes them.
    """
    works = layer_works(plan, board, stored, executed, order)
    layers = {name: cycles_of(work, board) for name, work in works.items()}
    brought = sum(
        waits_of(work, board).lines[memory.name] * memory.line for work in works.values() for memory in board.flash
    )
    band, counted = band_of(board, executed is not None), executed is not None
    return Timing(board.name, board.mhz, sum(layers.values()), layers, brought, band, counted, board.milliwatts)


def layer_works(
    plan: Plan | ScheduledGraph, board: Board, stored: Mapping[str, int] | None, executed: Executed | None,
    order: Sequence[int] | None = None,
) -> dict[str, Work]:  # fmt: skip
    """What every layer executes, loads and moves, by its name."""
    homes = _flash_of(plan, board, stored or {})
    brought = _brought(plan, board, stored, homes, order_of_steps(plan) if isinstance(plan, Plan) else order)
    each = cycles_an_instruction(board.target.name)
    planned = {stage.node.name: stage_instructions(plan, stage) for stage in plan.stages}
    found: Executed = executed or {name: (work, work * each) for name, work in planned.items()}
    moved = _moved(plan, board)
    works = {}
    for name, (instructions, cycles) in found.items():
        constants = {}
        if name in brought:
            constants = {homes[name][0]: (brought[name], brought[name])}
        works[name] = Work(instructions, cycles, constants, moved.get(name, {}))
    return works


def _brought(
    plan: Plan | ScheduledGraph, board: Board, stored: Mapping[str, int] | None,
    homes: Mapping[str, tuple[str, int]], order: Sequence[int] | None,
) -> dict[str, float]:  # fmt: skip
    """Bytes of weights that each layer brings into the cache.

    Without an order each layer is alone. If its weights have no room in the cache it brings them at each pass, but
    once where plans are made for slow flash.
    """
    pixels, brought = pixels_at_once(board.target.features), dict[str, float]()
    loads = weight_loads(plan, stored, pixels)
    for memory in board.flash:
        sizes = {name: size for name, (home, size) in homes.items() if home == memory.name}
        if order is not None:
            brought |= weights_brought(plan, order, sizes, memory.cache, pixels)
            continue
        in_turn = board.core.slow_flash and memory == board.flash[0]
        brought |= {name: size if in_turn or size <= memory.cache else loads[name] for name, size in sizes.items()}
    return brought


def _flash_of(plan: Plan | ScheduledGraph, board: Board, stored: Mapping[str, int]) -> dict[str, tuple[str, int]]:
    """The memory that holds each layer's weights, and their bytes: those read most are in the first with room."""
    room = {memory.name: memory.bytes for memory in board.flash}
    sizes = {
        node.name: stored.get(node.name, int(plan.graph.consts[node.op.weights].nbytes))
        for node in plan.graph.nodes
        if isinstance(node.op, ops.Convolution)
    }
    homes = {}
    nodes = [node for node in plan.graph.nodes if node.name in sizes]
    for node in sorted(nodes, key=lambda node: -weight_passes(plan, node)):
        size = sizes[node.name]
        home = next((name for name, free in room.items() if free >= size), board.flash[-1].name)
        homes[node.name] = home, size
        room[home] -= size
    return homes


def _moved(plan: Plan | ScheduledGraph, board: Board) -> dict[str, dict[str, float]]:
    """Bytes of rows that every layer reads and writes in each RAM; all in the first where no plan says more."""
    moved: dict[str, dict[str, float]] = {}
    for stage in plan.stages:
        own = moved.setdefault(stage.node.name, {})
        again = times_recomputed(plan.graph, stage.node) if stage.recomputed_producer else 1.0
        for tensor, times in ((stage.node.output, 1.0), *((name, again) for name in stage.inputs)):
            home = _ram_of(plan, board, tensor)
            size = plan.graph.tensors[tensor].row_bytes * plan.graph.tensors[tensor].height
            own[home] = own.get(home, 0.0) + times * size
    return moved


def _ram_of(plan: Plan | ScheduledGraph, board: Board, tensor: str) -> str:
    """The RAM in which a tensor's rows lie."""
    if isinstance(plan, Plan) and len(plan.regions) > 1 and tensor in plan.buffers:
        offset = plan.buffers[tensor].offset
        for region in plan.regions:
            if region.offset <= offset < region.offset + region.bytes:
                return region.name
    return board.memory[0].name
