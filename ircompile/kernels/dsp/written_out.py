"""Which tiles of the DSP kernels of convolution have their turns written out, and how long other loops are."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.dsp.shared_tiles import SHORT
from ircompile.kernels.model import Context, Packed
from ircompile.kernels.weights import WeightCoding
from ircompile.kernels.windows import POINT, gather_of, is_large, is_straight, order_of
from ircompile.target import Target

LONG_STEM = 20  # turns: the most that a stem has written out
LONG = 16  # turns of a loop, where they are worth their code
HELD = 16  # turns whose codes the FPU's registers have room for
DEEPER = (12, 16)  # turns of pixels that have code of their own, too, where these are...
SHARE = 1 / 16  # ... such a part of a network's products, at least
LOOP_END, PRODUCT = 6, 1.3  # cycles
WORTH, LEAST = 1 / 150, 20_000  # of all cycles, and cycles: what longer loops must save, for 400 bytes


def written_out(op: ops.Conv, site: Site, context: Context, order: Array, coding: WeightCoding) -> int:
    """How many turns of a tile stand one after the other; 0 where they are a loop."""
    turns, template = len(order), context.kernel.template
    if template == "stem":
        return turns if turns <= LONG_STEM and ends_cost(context.target) else 0
    if template != "pointwise":
        return 0
    deeper = turns in DEEPER and coding is WeightCoding.PAIRS and can_hold(context.target)
    deeper = deeper and _expands(op, site) and _share(context.plan.graph, turns) >= SHARE
    return turns if is_straight(op, site) or deeper else 0


def is_held(target: Target, turns: int, coding: WeightCoding) -> bool:
    """Whether the codes of two pixels are in the FPU's registers while all their output channels are computed."""
    return can_hold(target) and 0 < turns <= HELD and coding in (WeightCoding.INT16, WeightCoding.PAIRS)


def ends_cost(target: Target) -> bool:
    """Whether the end of a loop takes cycles of its own: it does where nothing overlaps."""
    return target.pipeline is None


def can_hold(target: Target) -> bool:
    """Whether a core takes codes from the FPU quicker than from memory: one that overlaps nothing."""
    return target.features.fpu and ends_cost(target)


def _expands(op: ops.Conv, site: Site) -> bool:
    return op.window == POINT and is_large(site) and site.output.channels >= site.inputs[0].channels


def _share(graph: Graph, turns: int) -> float:
    """Which part of a network's products layers have that expand pixels whose codes are so many turns."""
    products = 0
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv) and _expands(node.op, site := graph.site(node)):
            order = order_of(node.op, site, gather_of(node.op, site, True))
            products += node.op.macs(site) if len(order) == turns else 0
    return products / graph.macs()


def with_long_loops(packed: Mapping[str, Packed], graph: Graph, target: Target) -> dict[str, Packed]:
    """The same kernels, with loops of more turns in functions whose layers end many, if ends cost anything."""
    if not ends_cost(target):
        return dict(packed)
    saved: dict[str, float] = defaultdict(float)
    for node in graph.nodes:
        if _has_loop(packed[node.name]):
            saved[_tile(packed[node.name])] += LOOP_END * _ends(packed[node.name], graph.site(node))
    least = max(LEAST, WORTH * PRODUCT * graph.macs())
    return {name: _with_turns(p, LONG) if saved[_tile(p)] > least else p for name, p in packed.items()}


def _has_loop(packed: Packed) -> bool:
    return "kept" in packed.shared and bool(packed.shared["kept"][1]["loops"])


def _tile(packed: Packed) -> str:
    """What layers have in common that share a tile."""
    return repr((packed.shared.get("tile"), packed.form))


def _ends(packed: Packed, site: Site) -> int:
    """How many ends of loops a layer has less with the longer loop."""
    rows, width, channels = site.output.shape
    sizes = packed.sizes
    turns = sizes["words"] // 2
    passes = sizes["height"] * sizes["taps"] // sizes["runs"] if "runs" in sizes else 1
    return rows * -(-width // 2) * (channels // 4) * passes * (-(-turns // SHORT) + -turns // LONG)


def _with_turns(packed: Packed, turns: int) -> Packed:
    shared = dict(packed.shared)
    for part in ("kept", "tile"):
        template, key = shared[part]
        shared[part] = (template, {**key, "turns": turns})
    return replace(packed, shared=shared)
