"""What the DSP kernels of convolution make of output channels that are left over of four."""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Context
from ircompile.kernels.windows import is_straight

HALF = 0.45  # of the work of a tile: what two channels by themselves save
WORTH = 1 / 400  # of a network's products: what they must save, for 470 bytes of code


def in_fours(channels: int) -> Array:
    """The channels of a stream, int64: four at a time, the last four whatever is left over, some of them twice.

    Less than four are as they are.
    """
    whole = channels // 4 * 4 if channels >= 4 else channels
    return np.array([*range(whole), *range(channels - 4 if whole < channels else channels, channels)], np.int64)


def in_twos(context: Context) -> bool:
    """Whether one or two channels are computed by themselves, not with others again: where that is much work.

    It is so for all layers that may share code, or for none.
    """
    graph, kernels = context.plan.graph, context.kernels
    sites = {node.name: graph.site(node) for node in graph.nodes}

    def kind(name: str, op: ops.Op) -> tuple[str, bool]:
        return kernels[name].template, isinstance(op, ops.Conv) and is_straight(op, sites[name])

    own = kind(context.node.name, context.node.op)
    alike = [n for n in graph.nodes if isinstance(n.op, ops.Conv) and kind(n.name, n.op) == own]
    most = max((_saved(n.op, sites[n.name]) for n in alike if isinstance(n.op, ops.Conv)), default=0)
    return most > WORTH * graph.macs()


def _saved(op: ops.Conv, site: Site) -> float:
    """Products that are not computed again, in about."""
    rows, width, channels = site.output.shape
    tile = 4 * 2 * int(site.consts[op.weights][0].size)
    return HALF * rows * (width // 2) * tile if channels % 4 in (1, 2) and channels > 4 else 0
