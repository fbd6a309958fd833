"""The firmware's raw pixels as input: the model's own preprocessing becomes part of the network."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph, IoBinding, Node
from ircompile.ir.numerics import quantize
from ircompile.ir.ops import Flip, PixelTable
from ircompile.ir.rewrite import unique
from ircompile.ir.tensor import Array
from ircompile.qtype import FLIP, UINT8


def fold_pixels(graph: Graph, mean: Sequence[float], std: Sequence[float]) -> Graph:
    """Makes the only input raw pixels of 0 to 255; `mean` and `std` are of these, one for all or one a channel.

    x: int8                              x: uint8
    y = Conv (x)                ->       t = PixelTable (x)
                                         y = Conv (t)

    The codes are those that the model's own framework gives (pixel - mean) / std in float32, for each of the 256
    pixels of each channel. Where code = pixel - 128 throughout, the node is a Flip. Raises CompileError where
    the model has no such input, and for numbers that make no sense.
    """
    if len(graph.inputs) != 1:
        raise CompileError("--mean, --std", f"a model of {len(graph.inputs)} inputs", "one input")
    external = graph.inputs[0]
    source = graph.tensors[external.tensor]
    if source.dtype == "int32":
        raise CompileError("--mean, --std", "an input of int32", "int8, uint8 or float32 inputs")
    codes = pixel_codes(graph, mean, std).astype(np.int64)
    low = source.qtype.low
    signed = replace(source, name=unique(f"{source.name}_codes", graph.tensors), dtype="int8")
    signed = replace(signed, zero_point=source.zero_point - FLIP - low)
    pixels = replace(source, dtype="uint8", scale=1.0, zero_point=0)
    consts = dict(graph.consts)
    if np.array_equal(codes - low, np.broadcast_to(UINT8.codes(), codes.shape)):
        pixels = replace(pixels, scale=source.scale, zero_point=source.zero_point - low)
        op: Flip | PixelTable = Flip()
    else:
        op = PixelTable(unique(f"{source.name}_pixels", consts))
        consts[op.tables] = (codes - FLIP - low).astype(np.int8)
    tensors = {**graph.tensors, pixels.name: pixels, signed.name: signed}
    names = {node.name for node in graph.nodes}
    nodes = [Node(unique(f"{source.name}_pixels", names), op, (source.name,), signed.name, "--mean, --std")]
    fed = signed.name
    if source.dtype == "uint8":
        back = replace(source, name=unique(f"{source.name}_back", tensors))
        tensors[back.name], fed = back, back.name
        nodes.append(Node(unique(back.name, names), Flip(), (signed.name,), back.name, "--mean, --std"))
    renamed = [
        replace(node, inputs=tuple(fed if name == source.name else name for name in node.inputs))
        for node in graph.nodes
    ]
    given = IoBinding(source.name, external.name, (1, *source.shape), "uint8", (1, 2, 3))
    folded = graph.rebuilt([*nodes, *renamed], tensors=tensors, consts=consts, inputs=(given,))
    cut = int(((codes == low) | (codes == source.qtype.high)).sum(axis=1).max())
    if 2 * cut <= UINT8.count:
        return folded
    notice = f"with this --mean and --std {cut} of 256 pixels become the lowest or the highest code"
    return replace(folded, notices=(*graph.notices, notice))


def pixel_codes(graph: Graph, mean: Sequence[float], std: Sequence[float]) -> Array:
    """The input's codes (C or 1, 256) of the pixels 0 to 255, in its own dtype; one row where channels agree."""
    external = graph.inputs[0]
    source = graph.tensors[external.tensor]
    for option, values in (("--mean", mean), ("--std", std)):
        if len(values) not in (1, source.channels):
            raise CompileError(option, f"{len(values)} values", f"one, or one a channel of {source.channels}")
        if not all(map(isfinite, values)) or (option == "--std" and min(values) <= 0):
            raise CompileError(option, f"{', '.join(map(str, values))}", "finite numbers; --std above 0")
    pixels = UINT8.codes().astype(np.float32)
    means, stds = (np.asarray(values, np.float32)[:, np.newaxis] for values in (mean, std))
    codes = quantize((pixels - means) / stds, source.scale, source.zero_point, source.dtype, external.half_even)
    return codes[:1] if (codes == codes[0]).all() else codes


def codes_of_pixels(graph: Graph, mean: Sequence[float], std: Sequence[float], pixels: Array) -> Array:
    """The input's codes (H, W, C) of raw pixels (H, W, C), uint8."""
    tables = pixel_codes(graph, mean, std)
    return tables[np.minimum(np.arange(pixels.shape[2]), len(tables) - 1), pixels]
