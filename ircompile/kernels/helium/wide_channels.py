"""Depthwise convolution of 16-bit codes for Helium, eight channels at a time, where pixels lie.

VMULLB and VMULLT multiply the even and the odd ones of eight channels, and VQMOVNB and VQMOVNT bring their codes
beside each other again. Codes outside of the picture are zero, so that no row is copied for its padding.
"""

import numpy as np

from ircompile.ir import ops
from ircompile.ir.tensor import Array, Site
from ircompile.kernels.helium import layouts
from ircompile.kernels.helium.taps import first_channels
from ircompile.kernels.helium.wide import FIELDS, SUPPORT, lanes_of, serves, words_of
from ircompile.kernels.model import Context, Kernel, Packed, Request, window_suffix
from ircompile.qtype import INT8

VECTOR = 8  # channels


def choose_wide_channels(op: ops.Depthwise, site: Site, request: Request) -> Kernel | None:
    """Channels in lanes; None where they do not serve."""
    if not serves(op, site, request) or not is_direct(op, site):
        return None
    count = channels_estimate(op, site) * site.output.height
    return Kernel(
        "wide_channels", pack_wide_channels, "window", ("hwc",), ("hwc",), instructions=count, strided=True
    )


def is_direct(op: ops.Depthwise, site: Site) -> bool:
    """Whether there is a vector of channels, each with one output, and codes outside of the picture are zero."""
    channels, zero = site.output.channels, site.inputs[0].zero_point == 0 == op.requant.zero_point
    return channels >= VECTOR and channels == site.inputs[0].channels and op.window.dilation[1] == 1 and zero


def channels_estimate(op: ops.Depthwise, site: Site) -> int:
    """Instructions of a row: pixels are computed two by two, but those at the borders."""
    (kh, kw), width = op.window.kernel, site.output.width
    pixel, alone = kh * (6 * kw + 2) + 16, kh * (7 * (kw - 1) + 9) + 35
    borders = min(width, sum(-(-side // op.window.stride[1]) for side in op.window.padding[2:]))
    return int(-(-site.output.channels // VECTOR) * (20 + (width - borders) * pixel + borders * alone))


def pack_wide_channels(op: ops.Depthwise, site: Site, context: Context) -> Packed:
    """Filters eight channels at a time, tap by tap; words of the even ones, then of the odd ones."""
    channels = site.output.channels
    places = np.array(first_channels(channels, VECTOR))[:, np.newaxis] + np.arange(VECTOR)
    taps: Array = site.consts[op.weights].reshape(-1, channels)
    filters = taps[:, places].transpose(1, 0, 2).astype(INT8.dtype)
    words = words_of(op, site)[places].reshape(len(places), VECTOR // 2, 2, 2).transpose(0, 2, 3, 1)
    key: dict[str, object] = {"window": op.window, "lanes": lanes_of(op)}
    sizes = {"channels": channels, "width_in": site.inputs[0].width, "width_out": site.output.width}
    sizes["pixel_step"] = context.steps(site)["pixel_step"]
    arrays: dict[str, Array] = {"weights": np.ascontiguousarray(filters), "requant": np.ascontiguousarray(words)}
    told = {"weights": layouts.taps_of(len(places), len(taps), VECTOR)}
    told["requant"] = layouts.words_of_fours(FIELDS, 2 * len(places), layouts.OF_EIGHT)
    return Packed(window_suffix(op.window), key, arrays, sizes, None, {"wide": channels}, dict(SUPPORT), told)
