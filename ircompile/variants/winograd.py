"""3 x 3 convolutions by Winograd's F(2, 3), where a percent of the cycles costs at most two of the flash."""

from __future__ import annotations

from dataclasses import replace

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.kernels.dsp.winograd import added_bytes, choose_winograd, serves
from ircompile.kernels.model import Kernel
from ircompile.target import Target
from ircompile.variants.roomy import Place, with_kernels
from ircompile.variants.tradeoffs import PlanVariant

PRODUCT, SAVED = 1.3, 0.35  # cycles of a product, all in, in a network; how many of them fall away
CODE = 1450  # bytes of the function, which layers of another requantization do not share
WORTH = 0.5  # the part of all cycles that must fall away, as a multiple of the part of the flash that is added


def with_winograd(variant: PlanVariant, target: Target, place: Place) -> PlanVariant:
    """The plan with such kernels where they are worth their bytes and it takes no more room.

    Weights in slow flash are waited for: there it is the plan as it is.
    """
    if target.slow_flash is not None:
        return variant
    lowered, found = variant.lowered, dict[str, Kernel]()
    for node in lowered.graph.nodes:
        old = lowered.kernels[node.name]
        if old.template == "conv" and old.coding is None and (kernel := _worthy(node, lowered.graph, target)):
            found[node.name] = replace(kernel, reads=old.reads, writes=old.writes)
    return with_kernels(variant, found, place)


def _worthy(node: Node, graph: Graph, target: Target) -> Kernel | None:
    """The kernel of a layer, if that serves it and saves enough cycles for its bytes."""
    op, site = node.op, graph.site(node)
    if not isinstance(op, ops.Conv) or not serves(op, site, target.features):
        return None
    saved = SAVED * op.macs(site) / (PRODUCT * graph.macs())
    flash = CODE + sum(values.nbytes for values in graph.consts.values())
    added = (CODE + added_bytes(site.consts[op.weights])) / flash
    return choose_winograd(op, site) if saved >= WORTH * added else None
