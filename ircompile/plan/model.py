"""What a plan is: where every row lives, and in which order the nodes fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Tensor

Layout = Literal["hwc", "chw"]
InputMode = Literal["resident", "rows"]
ARENA_ALIGN = 4
COUNTER_BYTES = 2


@dataclass(frozen=True)
class Demand:
    """What the kernel chosen for a node asks of the plan.

    `reads` and `writes` are the layouts of a row: pixels of channels ("hwc") or channels of pixels ("chw").
    `scratch` bytes live during each firing. `in_place` is the input whose row the output may be written over.
    `instructions` estimates those of the whole node. `row_pointers`: the kernel is handed pointers to rows;
    else it finds rows itself, row r in slot r mod slots. `strided`: it can write pixels any number of bytes apart.
    """

    reads: tuple[Layout, ...]
    writes: Layout
    scratch: int = 0
    in_place: int | None = None
    instructions: int = 0
    row_pointers: bool = True
    strided: bool = False


@dataclass(frozen=True)
class Wait:
    """Step s of a node may fire once `source`, a node or -1 - input, has done stops[s] steps."""

    source: int
    stops: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """A node as the schedule sees it: how many steps, what each waits for, and whose turn it is after each.

    `join` is the node where all branches that begin with its output have come together again, or the last that
    reads it (see `plan.stages`).
    `lines`: the node, whose window spans several rows, takes one input row a step and keeps those that later steps
    read in memory of its own, so that no ring holds more of its input than others need. `again`: the pointwise
    convolution that feeds the node computes the rows of its window anew at each step, in memory of that step alone.
    """

    node: Node
    steps: int
    waits: tuple[Wait, ...]
    join: int
    lines: bool = False
    again: Node | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tensors that it reads."""
        return self.again.inputs if self.again else self.node.inputs


@dataclass(frozen=True)
class Buffer:
    """Rows of a tensor in the arena: row r lives at offset + ((r + phase) mod slots) * pitch, in `layout`.

    `spread`, where it is not 0, is how many bytes its pixels are apart: its rows are slices of another tensor's.
    """

    offset: int
    pitch: int
    slots: int
    layout: Layout
    phase: int = 0
    spread: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of all slots."""
        return self.pitch * self.slots

    def row(self, index: int) -> int:
        """Arena offset of row `index`."""
        return self.offset + (index + self.phase) % self.slots * self.pitch


@dataclass(frozen=True)
class Block:
    """A run of arena bytes that is no tensor: a node's scratch or sums, or the schedule's counters."""

    offset: int
    bytes: int


@dataclass(frozen=True)
class Region:
    """A memory of its own: the plan's bytes [offset, offset + bytes)."""

    name: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """A graph laid out in one arena.

    The arena may be split into `regions`, one after the other; nothing lies across a border.

    `segments` are half-open ranges of stages that stream together, run one after the other. `placed` nodes have
    nothing to do: their inputs were written where their output is. `peak_live` is the most bytes alive at one step
    of this very schedule: no placement of it can be smaller. `lower_bound`: no plan at row grain that computes
    every row once can be smaller, whatever its cuts, order and placement.
    """

    graph: Graph
    input_mode: InputMode
    stages: tuple[Stage, ...]
    demands: Mapping[str, Demand]
    segments: tuple[tuple[int, int], ...]
    buffers: Mapping[str, Buffer]
    scratch: Mapping[str, Block]
    states: Mapping[str, Block]
    lines: Mapping[str, Buffer]
    counters: Block
    placed: frozenset[str]
    arena_bytes: int
    regions: tuple[Region, ...]
    peak_live: int
    lower_bound: int

    @cached_property
    def index(self) -> dict[str, int]:
        """Stage index of every node's name."""
        return {node.name: i for i, s in enumerate(self.stages) for node in (s.node, s.again) if node}

    def tensor(self, name: str) -> Tensor:
        """The tensor called `name`."""
        return self.graph.tensors[name]
