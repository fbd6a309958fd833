"""Functions of one pixel with next to nothing to do, as a classifier's last layer, take one channel at a time."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Packed

SELDOM = 1 / 2000  # of a network's products: they then take twice their cycles, for 300 bytes less


def with_seldom_pixels(packed: Mapping[str, Packed], graph: Graph) -> dict[str, Packed]:
    """The same portable kernels, with less code where the layers that share it compute few pixels alone."""
    products: dict[str, int] = defaultdict(int)
    for node in graph.nodes:
        if _is_portable(packed[node.name]) and isinstance(node.op, ops.Conv):
            products[_pixel(packed[node.name])] += _alone(node.op, graph.site(node))
    most = SELDOM * graph.macs()
    return {name: _with(p, products[_pixel(p)] < most) if _is_portable(p) else p for name, p in packed.items()}


def _is_portable(packed: Packed) -> bool:
    return packed.shared.get("pixel", ("",))[0] == "pixel" and "stream" not in packed.arrays


def _pixel(packed: Packed) -> str:
    """What layers have in common that share this function."""
    return repr((packed.shared["pixel"], packed.form))


def _alone(op: ops.Conv, site: Site) -> int:
    """Products of pixels that are not one of a pair."""
    rows, width, _ = site.output.shape
    return rows * (width % 2) * int(site.consts[op.weights].size)


def _with(packed: Packed, seldom: bool) -> Packed:
    template, key = packed.shared["pixel"]
    return replace(packed, shared={**packed.shared, "pixel": (template, {**key, "seldom": seldom})})
