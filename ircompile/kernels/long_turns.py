"""Which tiles of two pixels in one product take sixteen codes a turn: those whose layers end many turns of eight.

A percent of all cycles is worth two percent of the code.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Packed

TURN_END, ENTRY = 5, 1  # cycles of the end of a turn; how many more the first one takes to enter, at least
PRODUCT = 3.0  # cycles that a product takes, all in, or about
BYTES, CODE, A_NODE = 212, 2300, 190  # of long turns; about those of a network's code, and of what each node adds
WORTH = 0.5  # the part of all cycles that they must save, as a multiple of their part of the code


def with_long_turns(packed: Mapping[str, Packed], graph: Graph) -> dict[str, Packed]:
    """The same kernels, with long turns in tiles whose layers end many."""
    saved: dict[str, float] = defaultdict(float)
    for node in graph.nodes:
        if _is_packed(packed[node.name]) and isinstance(node.op, ops.Conv):
            saved[_tile(packed[node.name])] += _saved(node.op, graph.site(node))
    least = WORTH * BYTES / (CODE + A_NODE * len(graph.nodes)) * PRODUCT * graph.macs()
    return {name: _with_long(p, saved[_tile(p)] > least) if _is_packed(p) else p for name, p in packed.items()}


def _is_packed(packed: Packed) -> bool:
    return packed.shared.get("tile", ("",))[0] == "tile_packed"


def _tile(packed: Packed) -> str:
    """What layers have in common that share a tile."""
    return repr((packed.shared["tile"], packed.form))


def _saved(op: ops.Conv, site: Site) -> int:
    """Cycles that a layer takes less with sixteen codes a turn than with eight, most pixels being in pairs."""
    rows, width, channels = site.output.shape
    fours = -(-site.consts[op.weights][0].size // 4)
    return rows * (width // 2) * -(-channels // 2) * (TURN_END * (-(-fours // 2) + -fours // 4) - ENTRY)


def _with_long(packed: Packed, long: bool) -> Packed:
    template, key = packed.shared["tile"]
    return replace(packed, shared={**packed.shared, "tile": (template, {**key, "long": long})})
