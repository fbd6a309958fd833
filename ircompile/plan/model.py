"""What a plan is: where every row lives, and in which order the nodes take their steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from ircompile.interface import InputMode
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Tensor

Layout = Literal["hwc", "chw"]
ARENA_ALIGN = 4
COUNTER_BYTES = 2
POSITION_BYTES = 2
MOST_STEPS = 2**15 - 1
"""Steps of one stage, and rows that are pushed: the tables in the C have 16 bits for them."""


class RowShape(NamedTuple):
    """The bytes of a tensor's row, and how many rows it has."""

    bytes: int
    height: int


@dataclass(frozen=True)
class Demand:
    """What the kernel that was chosen for a node asks of the plan.

    `reads` and `writes` are the layouts of a row: pixels of channels ("hwc") or channels of pixels ("chw").
    The `scratch` bytes are used during each step only. The output may be written over the rows of input number
    `in_place`. `instructions` estimates the executed instructions of all steps together. With `row_pointers` the
    kernel is handed pointers to rows; else it finds rows itself, and row r must stand in slot r mod slots.
    A `strided` kernel can write pixels any number of bytes apart. A `whole` one reads all rows of its input and
    writes all rows of its output in a single step. `pixels` are how many it takes in one pass over its weights; 0:
    as many as the core's other kernels do.
    """

    reads: tuple[Layout, ...]
    writes: Layout
    scratch: int = 0
    in_place: int | None = None
    instructions: int = 0
    row_pointers: bool = True
    strided: bool = False
    whole: bool = False
    pixels: int = 0


@dataclass(frozen=True)
class Dependency:
    """Step s of a stage may be taken once stage `source` has taken required_steps[s] steps.

    A negative `source` is an input of the graph: -1 - source is its number, and its rows count as steps.
    """

    source: int
    required_steps: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """A node as the schedule sees it.

    `dependencies` say what each of its `steps` waits for. After a step, the schedule goes on at stage `resume_at`:
    where all branches that begin with the node's output have joined again, or else the last reader (see
    `plan.stages`).

    A stage with a `line_buffer` takes one input row a step. It keeps those rows that later windows need in memory
    of its own, so that the ring buffer of its input need not hold them. A stage with a `recomputed_producer`
    computes the input rows of its window again at each step, by that pointwise convolution, into memory that is
    used during this step only. A `whole` stage reads all rows of its input and writes all rows of its output in a
    single step.
    """

    node: Node
    steps: int
    dependencies: tuple[Dependency, ...]
    resume_at: int
    line_buffer: bool = False
    recomputed_producer: Node | None = None
    whole: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tensors that the stage reads."""
        return self.recomputed_producer.inputs if self.recomputed_producer else self.node.inputs

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that the stage computes: its own and, if there is one, its recomputed producer."""
        return (self.node, self.recomputed_producer) if self.recomputed_producer else (self.node,)


@dataclass(frozen=True)
class Buffer:
    """Rows of a tensor in the arena: row r lives at offset + ((r + slot_offset) mod slots) * pitch, in `layout`.

    Where the tensor has a state, its rows move on by `advance` with each call, before they are taken modulo slots:
    they stay where they are and get new numbers. `position` is the arena offset of the 16-bit number of slots that
    they have moved so far; -1 where rows have moved all the way round, so that nobody need know.

    Pixels are dense unless `pixel_stride` gives the bytes from one to the next: then the rows are channels of
    another tensor's rows.
    """

    offset: int
    pitch: int
    slots: int
    layout: Layout
    slot_offset: int = 0
    pixel_stride: int = 0
    advance: int = 0
    position: int = -1

    @property
    def bytes(self) -> int:
        """Bytes of all slots."""
        return self.pitch * self.slots

    def row(self, index: int, call: int = 0) -> int:
        """Arena offset of row `index` in call number `call`."""
        return self.offset + (index + self.slot_offset + call * self.advance) % self.slots * self.pitch


@dataclass(frozen=True)
class Block:
    """Arena bytes that hold no tensor: a node's scratch or sums, or the schedule's counters."""

    offset: int
    bytes: int


@dataclass(frozen=True)
class Region:
    """One physical memory: it holds the plan's bytes [offset, offset + bytes)."""

    name: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """A graph laid out in one arena.

    The arena may be split into `regions`, one after the other; no buffer or block lies across a border.

    `segments` are half-open ranges of stages that stream together; one segment runs after the other. Nodes in
    `placed` have nothing to do, because their inputs were written where their output is. `peak_live` is the most
    bytes alive at one step of this schedule, without its counters, so no placement of it can be smaller.
    `lower_bound` holds for every plan that computes each row once and places whole rows, whatever its cuts, order
    and placement. The first `state_bytes` of the arena outlive a call.
    """

    graph: Graph
    input_mode: InputMode
    stages: tuple[Stage, ...]
    demands: Mapping[str, Demand]
    segments: tuple[tuple[int, int], ...]
    buffers: Mapping[str, Buffer]
    scratch: Mapping[str, Block]
    sums: Mapping[str, Block]
    line_buffers: Mapping[str, Buffer]
    counters: Block
    placed: frozenset[str]
    arena_bytes: int
    regions: tuple[Region, ...]
    peak_live: int
    lower_bound: int
    state_bytes: int = 0

    @property
    def lost(self) -> int:
        """Bytes of the arena in which nothing lies at the peak: what placing loses."""
        return self.arena_bytes - self.peak_live - self.counters.bytes

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of the stage that computes the node of each name."""
        return {node.name: i for i, stage in enumerate(self.stages) for node in stage.nodes}

    def tensor(self, name: str) -> Tensor:
        """The tensor called `name`."""
        return self.graph.tensors[name]


@dataclass(frozen=True)
class StageRow:
    """A stage: its steps, its waits [first_wait, end_wait), and the stage at which the schedule goes on."""

    steps: int
    first_wait: int
    end_wait: int
    resume_at: int


@dataclass(frozen=True)
class WaitRow:
    """Step s waits until `source` has done min((s * times + plus) / over, most) steps.

    Where `over` is 0, the steps stand in table number `times` instead. Source -1 is the pushed input.
    """

    source: int
    times: int
    plus: int
    over: int
    most: int


@dataclass(frozen=True)
class Tables:
    """All that the driver in C reads. `segments` are the first stage of each segment, and the end.

    All `rows` input rows that are pushed arrive while the first segment runs.
    """

    stages: tuple[StageRow, ...]
    waits: tuple[WaitRow, ...]
    tables: tuple[tuple[int, ...], ...]
    segments: tuple[int, ...]
    rows: int
