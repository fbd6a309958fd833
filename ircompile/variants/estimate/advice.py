"""What would make a model fit: other ways to plan it, then smaller forms of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor, sqrt

from ircompile.errors import CompileError
from ircompile.ir import ops
from ircompile.ir.graph import Graph, IoBinding, Node
from ircompile.ir.ops import Op
from ircompile.ir.tensor import Shape, Site
from ircompile.ir.validate import validate
from ircompile.plan.settings import (
    MOST_RECOMPUTED,
    PLACING_LOSS,
    RECOMPUTING_STEPS,
    SIZES_TRIED,
    SMALLEST_INPUT,
    SMALLEST_WIDTH,
)
from ircompile.target import MemoryRegion, Target
from ircompile.variants.estimate.estimate import Estimate, estimate_forms, recomputing


def rescale(graph: Graph, height: int, width: int) -> Graph:
    """The graph with its first input `height` x `width`; raises CompileError where an op keeps to its size."""
    first = graph.input_names[0]
    tensors = dict(graph.tensors)
    tensors[first] = replace(tensors[first], shape=(height, width, tensors[first].channels))
    nodes = []
    for node in graph.nodes:
        site = graph.site(node)
        inputs = tuple(tensors[name] for name in node.inputs)
        op = _fitted(node, site, inputs[0].shape)
        shape = op.infer(inputs, graph.consts)
        if min(shape) < 1:
            raise CompileError(node.source or node.name, f"gives shape {shape}", "sizes of 1 and more")
        tensors[node.output] = replace(tensors[node.output], shape=shape)
        nodes.append(replace(node, op=op))
    ends = [tuple(_resized(e, tensors[e.tensor].shape) for e in side) for side in (graph.inputs, graph.outputs)]
    return validate(replace(graph, nodes=tuple(nodes), tensors=tensors, inputs=ends[0], outputs=ends[1]))


def _fitted(node: Node, site: Site, after: Shape) -> Op:
    """The op with the sizes it names in proportion; raises CompileError where they cannot be."""
    before = site.inputs[0].shape
    try:
        return node.op if before == after else node.op.resized(before, after, site.output.shape)
    except CompileError as error:
        raise error.at(node.source or node.name) from None


def _resized(external: IoBinding, shape: Shape) -> IoBinding:
    sizes = list(external.shape)
    for axis, size in zip(external.axes, shape, strict=True):
        if axis >= 0:
            sizes[axis] = size
    return replace(external, shape=tuple(sizes))


@dataclass(frozen=True)
class Option:
    """A change, and the arena bytes and multiply-accumulates with it.

    `how` says what to do: command-line flags, or a change of the model. `basis` is "planned" (every byte has its
    place), "estimated" (live bytes of a schedule) or "in proportion" (scaled down from another figure).
    """

    change: str
    how: str
    arena: int
    macs: int
    fits: bool | None
    basis: str


def options(graph: Graph, target: Target, now: Estimate, ram: int | None) -> Iterator[Option]:
    """Ways to need less, those that change no result first. `now` is how the graph is planned as asked."""
    best = now
    if not now.candidate.rows_input and len(graph.inputs) == 1:
        pushed = now.planner.estimate(True)
        if pushed.bytes < now.bytes:
            best = pushed
            yield _option("rows", "--input rows: the input is pushed and never stored", pushed, ram)
    if _fits(best, ram):
        return
    flags = " --input rows" if best.candidate.rows_input and not now.candidate.rows_input else ""
    steps = max(1, min(MOST_RECOMPUTED, RECOMPUTING_STEPS // best.candidate.times.end))
    again = recomputing(best, ram, steps)
    if again is not best:
        budget = again.surely if ram is None else ram
        how = f"--ram {budget}{flags}: rows are computed anew instead of kept"
        yield _option("recompute", how, again, ram)
    if ram is None or _fits(again, ram):
        return
    yield from _smaller(graph, target, best, ram, flags)


def _smaller(graph: Graph, target: Target, best: Estimate, ram: int, flags: str) -> Iterator[Option]:
    """A smaller input, planned; and fewer channels, in proportion."""
    within = f", with{flags}" if flags else ""
    for height, width in _sizes(graph, ram / best.bytes):
        try:
            small = estimate_forms(rescale(graph, height, width), target, best.candidate.rows_input)
        except CompileError:
            break
        if _fits(small, ram):
            yield _option("size", f"train it for an input of {height} x {width}{within}", small, ram)
            break
    fixed = _fixed_bytes(best)
    factor = floor(20 * (ram - fixed) / max(best.surely - fixed, 1)) / 20
    if factor >= SMALLEST_WIDTH:
        macs = round(factor**2 * graph.macs())
        how = f"train it with about {factor:.2f} of the channels{within}"
        arena = fixed + round(factor * (best.surely - fixed))
        yield Option("width", how, arena, macs, None, "in proportion")


def _fixed_bytes(found: Estimate) -> int:
    """The most bytes that are alive at a time and stay as many with fewer channels."""
    fixed = fixed_in_width(found.planner.lowered.graph)
    held = [each for each in found.candidate.allocations if fixed.issuperset(each.name.split("+"))]
    times = {found.candidate.peak_time, *(time for each in held for time in each.span)}
    return max(sum(each.alive_at(time) for each in held) for time in times)


def fixed_in_width(graph: Graph) -> set[str]:
    """The tensors whose channels the inputs or the outputs prescribe: no dense convolution lies between."""
    fixed = {*graph.input_names, *graph.output_names}
    mixing = {node.name for node in graph.nodes if isinstance(node.op, ops.DenseConvolution)}
    for node in graph.nodes:
        if node.name not in mixing and fixed.issuperset(node.inputs):
            fixed.add(node.output)
    for node in reversed(graph.nodes):
        if node.name not in mixing and node.output in fixed:
            fixed.update(node.inputs)
    return fixed


def _sizes(graph: Graph, part: float) -> list[tuple[int, int]]:
    """Input sizes to try, largest first: those near the one that memory in proportion to pixels would allow."""
    first = graph.tensors[graph.input_names[0]]
    grain = total_stride(graph)
    found: list[tuple[int, int]] = []
    factor = min(sqrt(part) * 1.1, 0.99)
    while factor >= SMALLEST_INPUT and len(found) < SIZES_TRIED:
        height, width = (floor(factor * size / grain) * grain for size in first.shape[:2])
        if height and width and (height, width) not in found:
            found.append((height, width))
        factor *= 0.88
    return found


def total_stride(graph: Graph) -> int:
    """How many input rows one row of the smallest map stands for: the grain of input sizes."""
    stride: dict[str, int] = dict.fromkeys(graph.input_names, 1)
    for node in graph.nodes:
        step = 1
        if isinstance(node.op, ops.Windowed):
            small = graph.tensors[node.output].height > 1
            step = node.op.window.stride[0] if small else 1
        stride[node.output] = step * max((stride.get(name, 1) for name in node.inputs), default=1)
    return max(stride.values())


def _fits(found: Estimate, ram: int | None) -> bool:
    return ram is not None and found.surely <= ram


def _option(change: str, how: str, found: Estimate, ram: int | None) -> Option:
    fits = None if ram is None else _fits(found, ram)
    return Option(change, how, found.bytes, found.macs, fits, "planned" if found.placed else "estimated")


def only_if_sure(options: Iterable[Option], memory: Sequence[MemoryRegion]) -> Iterator[Option]:
    """Options, with those open that were only compared with all memories together."""
    for option in options:
        split = len(memory) > 1 and PLACING_LOSS * option.arena > memory[0].bytes
        yield replace(option, fits=None) if option.fits and split else option
