"""Weights of 4 bits: which layers have them, and eight of them as one word."""

from collections.abc import Callable

import numpy as np

from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.ir.tensor import Array, integers
from ircompile.kernels.weights import excess_of, least_coding
from ircompile.qtype import INT4

PER_WORD = 8
BITS = 4
WORTH = 2048  # bytes that 4 bits must save in a model: code that reads them stands beside that which reads bytes
SHIFTS = BITS * np.arange(PER_WORD)


def has_nibbles(weights: Array) -> bool:
    """Whether all weights are numbers of 4 bits."""
    return weights.dtype.kind == "i" and excess_of(weights, INT4) == 0


def layers_of_nibbles(graph: Graph, reads: Callable[[Node], bool]) -> frozenset[str]:
    """The nodes whose weights are to be stored in 4 bits: those that get smaller so, if together it is worth it.

    `reads` says whether the kernel of a node can read 4 bits.
    """
    saved = {node.name: saved_bytes(graph, node) for node in graph.nodes if reads(node)}
    worth = sum(count for count in saved.values() if count > 0) >= WORTH
    return frozenset(name for name, count in saved.items() if count > 0 and worth)


def saved_bytes(graph: Graph, node: Node) -> int:
    """Bytes of flash that 4 bits save in a layer, with what pads words; 0 where weights or codes have more."""
    if not isinstance(node.op, ops.Conv | ops.Depthwise) or graph.tensors[node.inputs[0]].itemsize > 1:
        return 0
    if not has_nibbles(weights := graph.consts[node.op.weights]):
        return 0
    if isinstance(node.op, ops.Depthwise):
        count, channels = weights.shape[0] * weights.shape[1], weights.shape[2]
        return least_coding(weights).bytes(weights.size) - (count + 1) // 2 * channels
    words = words_of(weights.reshape(len(weights), -1))
    return least_coding(weights).bytes(weights.size) - words.nbytes


def words_of(weights: Array) -> Array:
    """The words of channels, int32 (C, K / 8 rounded up): weights (C, K) of 4 bits, zero behind the last ones."""
    padded = np.pad(integers(weights), ((0, 0), (0, -weights.shape[1] % PER_WORD)))
    nibbles = (padded & (2**BITS - 1)).reshape(len(weights), -1, PER_WORD)
    return (nibbles << SHIFTS).sum(axis=-1).astype(np.uint32).view(np.int32)


def bytes_of(weights: Array) -> Array:
    """Channels as bytes, int8 (C, K / 2 rounded up): weights (C, K) of 4 bits, the first of two in a lower half."""
    padded = np.pad(integers(weights), ((0, 0), (0, weights.shape[1] % 2))) & (2**BITS - 1)
    return (padded[:, 0::2] | padded[:, 1::2] << BITS).astype(np.uint8).view(np.int8)
