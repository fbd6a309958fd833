"""Functions that portable kernels share, made for all layers that call them: how long their loops are, and how much
they do at once.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Packed

TURN_END, ENTRY = 5, 1  # cycles of the end of a turn; how many more the first one takes to enter, at least
PRODUCT = 3.0  # cycles that a product takes, all in, or about
BYTES, CODE, A_NODE = 212, 2300, 190  # of long turns; about those of a network's code, and of what each node adds
WORTH = 0.5  # the part of all cycles that they must save, as a multiple of their part of the code
SELDOM = 1 / 2000  # of a network's products: they then take twice their cycles, for 300 bytes less


def with_long_turns(packed: Mapping[str, Packed], graph: Graph) -> dict[str, Packed]:
    """The same kernels; tiles of two pixels in one product take sixteen codes a turn where that ends fewer turns.

    A percent of all cycles is worth two percent of the code.
    """
    least = WORTH * BYTES / (CODE + A_NODE * len(graph.nodes)) * PRODUCT * graph.macs()
    return _decided(packed, graph, ("tile", "tile_packed"), _saved, lambda saved: {"long": saved > least})


def with_seldom_pixels(packed: Mapping[str, Packed], graph: Graph) -> dict[str, Packed]:
    """The same kernels; functions of one pixel with next to nothing to do take one channel at a time.

    A classifier's last layer is such a pixel.
    """
    most = SELDOM * graph.macs()
    return _decided(packed, graph, ("pixel", "pixel"), _alone, lambda products: {"seldom": products < most})


def _decided(
    packed: Mapping[str, Packed],
    graph: Graph,
    part: tuple[str, str],
    count: Callable[[ops.Conv, Site], int],
    decide: Callable[[int], dict[str, object]],
) -> dict[str, Packed]:
    """The kernels with what is decided for each function of a name and template, by the sum over its layers."""
    name, template = part

    def function(each: Packed) -> str:
        """What layers have in common that share it; "" where it is none of theirs."""
        own = each.shared.get(name, ("",))[0] == template and "stream" not in each.arrays
        return repr((each.shared[name], each.form)) if own else ""

    sums: dict[str, int] = defaultdict(int)
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv):
            sums[function(packed[node.name])] += count(node.op, graph.site(node))

    def decided(each: Packed) -> Packed:
        shared = (template, {**each.shared[name][1], **decide(sums[function(each)])})
        return replace(each, shared={**each.shared, name: shared})

    return {node: decided(each) if function(each) else each for node, each in packed.items()}


def _saved(op: ops.Conv, site: Site) -> int:
    """Cycles that a layer takes less with sixteen codes a turn than with eight, most pixels being in pairs."""
    rows, width, channels = site.output.shape
    fours = -(-site.consts[op.weights][0].size // 4)
    return rows * (width // 2) * -(-channels // 2) * (TURN_END * (-(-fours // 2) + -fours // 4) - ENTRY)


def _alone(op: ops.Conv, site: Site) -> int:
    """Products of pixels that are not one of a pair."""
    rows, width, _ = site.output.shape
    return rows * (width % 2) * int(site.consts[op.weights].size)
