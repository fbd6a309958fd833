"""Kernels for Helium (Armv8.1-M vectors): which there are, and their constants."""

from __future__ import annotations

import numpy as np

from ircompile.ir import ops
from ircompile.ir.graph import Node
from ircompile.ir.tensor import Site, integers
from ircompile.kernels.helium_dense import choose_dense, pack_dense
from ircompile.kernels.helium_depthwise import choose_depthwise_lanes, pack_channels, pack_strips
from ircompile.kernels.helium_elementwise import choose_add, pack_add
from ircompile.kernels.helium_requant import VectorRecipe, vector_recipe
from ircompile.kernels.model import Context, Kernel, Packed
from ircompile.kernels.weights import natural_coding


def choose_helium(node: Node, site: Site, nibbles: bool = False) -> Kernel | None:
    """The Helium kernel of a node, with weights of 4 bits if wanted; None where portable C serves."""
    op = node.op
    if isinstance(op, ops.Conv | ops.Depthwise) and site.consts[op.weights].dtype == np.int8:
        return choose_dense(op, site, nibbles) if isinstance(op, ops.Conv) else choose_depthwise_lanes(op, site)
    if isinstance(op, ops.Binary):
        return choose_add(op, site)
    return None


def pack_helium(node: Node, site: Site, context: Context) -> Packed | None:
    """The constants of a node that `choose_helium` has a kernel for."""
    op, template = node.op, context.kernels[node.name].template
    apart = context.plan.buffers[node.output].layout == "chw" and site.output.width > 1
    if isinstance(op, ops.Conv) and template in ("dense", "dense_windows"):
        coding = context.kernels[node.name].coding or natural_coding(site.consts[op.weights])
        return pack_dense(op, site, recipe_of(node, op, site, context), apart, coding)
    if isinstance(op, ops.Depthwise) and template == "depthwise_strips":
        return pack_strips(op, site, recipe_of(node, op, site, context), apart)
    if isinstance(op, ops.Depthwise) and template == "depthwise_channels":
        return pack_channels(op, site, recipe_of(node, op, site, context))
    if isinstance(op, ops.Binary) and template == "add_lanes":
        return pack_add(op, site)
    return None


def recipe_of(node: Node, op: ops.Conv | ops.Depthwise, site: Site, context: Context) -> VectorRecipe:
    """The requantization of a node."""
    low, high = context.intervals.accumulators[node.name]
    bias, scale = integers(site.consts[op.bias]), site.consts[op.requant.scale]
    return vector_recipe(op.requant, scale, bias, low, high, context.target.features)
