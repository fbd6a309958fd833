"""Reads weights and requantization back out of packed constants, in the order in which the kernels read them.

Nothing of what packs them is used. Each reader says how a template finds its constants; `READERS` has them. Those
of kernels that multiply code by code are here, `streams` has those of the DSP kernels, `vectors` those of Helium,
`narrow` those of narrow tensors.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from ircompile.checks.narrow import read_lanes, read_taps
from ircompile.checks.stored import (
    Convolution,
    Layer,
    Misplaced,
    coding_of,
    filters_of,
    layer_of,
    nibbles_of,
    words_in,
)
from ircompile.checks.streams import read_stream
from ircompile.checks.vectors import (
    vector_channels,
    vector_columns,
    vector_dense,
    vector_overlap,
    vector_rows,
    vector_strips,
    wide_channels,
)
from ircompile.checks.winograd import read_winograd
from ircompile.ir.ops import Conv, Depthwise
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.model import Packed

PAIRED_TAPS = ((0, 2), (3, 5), (6, 8), (1, 4))  # of a 3 x 3 filter: what one SMLAD multiplies; tap 7 stands alone
FOUR = 4


def read_layer(template: str, op: Convolution, site: Site, packed: Packed) -> Layer:
    """The layer that the kernel of a template finds in its constants. Raises Misplaced."""
    if template not in READERS:
        raise Misplaced(f"nothing reads the constants of {template} back")
    return READERS[template](op, site, packed)


def _simple(op: Convolution, site: Site, packed: Packed, order: Array | None = None) -> Layer:
    """Filter after filter, its taps in their order or another one; behind them what is read over."""
    channels, taps = filters_of(op, site).shape
    stored: Array = packed.arrays["weights"].reshape(-1).astype(np.int64)
    if coding_of(packed).nibbles:
        each = 8 * packed.arrays["weights"].itemsize // FOUR
        stored = nibbles_of(stored.reshape(channels, -1), each).reshape(channels, -1)
        if stored[:, taps:].any():
            raise Misplaced("what stands behind the weights of a channel is not zero")
        stored = stored[:, :taps].reshape(-1)
    if stored[channels * taps :].any():
        raise Misplaced("what stands behind its weights is not zero")
    weights: Array = stored[: channels * taps].reshape(channels, taps)
    if order is not None:
        weights = weights[:, np.argsort(order)]
    return layer_of(weights, *words_in(packed, channels), packed)


def _subtracted(op: Convolution, site: Site, packed: Packed) -> Layer:
    """The same where the zero point is subtracted from each code."""
    channels, taps = filters_of(op, site).shape
    if packed.sizes["zero_in"] != site.inputs[0].zero_point:
        raise Misplaced("the zero point that it subtracts is not the input's")
    stored = packed.arrays["weights"].reshape(channels, taps).astype(np.int64)
    return layer_of(stored, *words_in(packed, channels), packed, raw=False)


def _dense(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Filters as they are, or a stream of the DSP kernels."""
    return read_stream(cast(Conv, op), site, packed) if "stream" in packed.arrays else _simple(op, site, packed)


def _column(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Four channels tap by tap, then the others channel by channel."""
    channels, taps = filters_of(op, site).shape
    whole = channels // FOUR * FOUR
    flat: Array = packed.arrays["weights"].reshape(-1).astype(np.int64)
    if len(flat) != channels * taps:
        raise Misplaced("its weights are not as many as its kernel reads")
    first = flat[: whole * taps].reshape(-1, taps, FOUR).transpose(0, 2, 1).reshape(whole, taps)
    weights = np.concatenate([first, flat[whole * taps :].reshape(-1, taps)])
    return layer_of(weights, *words_in(packed, channels), packed)


def _strip(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Taps of a row; where weights are halfwords, those that one multiplication takes stand side by side."""
    width = cast(Depthwise, op).window.kernel[1]
    height = filters_of(op, site).shape[1] // width
    order = np.arange(height * width)
    if coding_of(packed).wide:
        row = [g + i for g in range(0, width, 4) for i in _halves(min(width - g, 4))]
        order = (np.arange(height)[:, np.newaxis] * width + row).reshape(-1)
    return _simple(op, site, packed, order)


def _halves(count: int) -> list[int]:
    """Up to four taps as pairs (0, 2), (1, 3)."""
    return [i for i in (0, 2, 1, 3) if i < count] if count > 2 else list(range(count))


def _three_by_three(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Pairs of taps as halfwords; as bytes two pairs a word, the second in the odd bytes, or row by row."""
    first, second, third, fourth = PAIRED_TAPS
    if coding_of(packed).nibbles:
        return _of_nibbles(op, site, packed)
    if packed.key.get("by_rows"):
        return _simple(op, site, packed)
    order = [*first, *second, *third, *fourth, 7]
    if not coding_of(packed).wide:
        order = [first[0], second[0], first[1], second[1], third[0], fourth[0], third[1], fourth[1], 7]
    return _simple(op, site, packed, np.array(order))


def _of_nibbles(op: Convolution, site: Site, packed: Packed) -> Layer:
    """Two weights a byte, below and above, and a last one above alone. Sums are times 16."""
    (channels, taps), above, below = filters_of(op, site).shape, [0, 3, 2, 5, 7], [6, 1, 8, 4]
    nibbles = nibbles_of(packed.arrays["weights"].reshape(channels, -1).astype(np.int64), 2)
    weights = np.zeros((channels, taps), np.int64)
    weights[:, above], weights[:, below] = nibbles[..., 1], nibbles[:, :4, 0]
    if nibbles[:, 4:, 0].any():
        raise Misplaced("what stands beside the last weight of a channel is not zero")
    layer = layer_of(weights, *words_in(packed, channels), packed)
    return replace(layer, bits=layer.bits - FOUR)


def _winograd(op: Convolution, site: Site, packed: Packed) -> Layer:
    return read_winograd(cast(Conv, op), site, packed)


READERS: Mapping[str, Callable[[Convolution, Site, Packed], Layer]] = {
    "fully_connected": _dense,
    "pointwise": _dense,
    "stem": _dense,
    "conv": _dense,
    "dense_column": _dense,
    "winograd": _winograd,
    "depthwise": _simple,
    "depthwise_pairs": _simple,
    "depthwise_column": _column,
    "depthwise_taps": read_taps,
    "depthwise_lanes": read_lanes,
    "depthwise_strip": _strip,
    "depthwise_3x3": _three_by_three,
    "depthwise_narrow": _three_by_three,
    "depthwise_short": _three_by_three,
    "transpose_conv": _subtracted,
    "long_sums": _subtracted,
    "dense": vector_dense,
    "dense_windows": vector_dense,
    "dense_overlap": vector_overlap,
    "dense_rows": vector_rows,
    "depthwise_channels": vector_channels,
    "depthwise_columns": vector_columns,
    "depthwise_strips": vector_strips,
    "wide_dense": vector_dense,
    "wide_windows": vector_dense,
    "wide_channels": wide_channels,
}
