"""Float32 arithmetic in fixed point: the code by a product in integers, and float32 itself only next to ties.

With x = acc * 2^pre, a multiplier Q of 31 bits and scale = Q / 2^exponent, the sum

    s = base + (x * Q, shifted right),    base = (zero point + 1/2) * 2^shift + near / 2

is the code before it is rounded down, in units of 2^-shift codes. One multiplication is off by at most one unit,
half of `near`. One from p parts of `limb` bits leaves out the lowest bits of Q and rounds p - 1 times: it is off by
less than p + |x| * 2^(limb - p * limb), |x| below 2^(31 - limb); half of `near`, 2^(30 + p - p * limb), is more.
Float32's product is off by at most 2^-24 of itself, for codes that do not saturate 2^(shift - 16) units, and so is
one with Q of "three halves", whose lowest bits are a start's. So the shifted sum is the code unless its lowest
`shift` bits are below `near`: there, in one sum of some hundred, the C computes float32's product.

Where Q is a whole number this is float32 arithmetic with the scale itself; where it is rounded, in channels of far
smaller scales than others, float32 arithmetic with a scale nearby, which must be seen to have the same thresholds.
"""

from collections.abc import Iterator

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.kernels.requantize.form import MULTIPLIER_BITS, Form

SHIFT = 9
PRES = (4, 7, 10, 0)  # few, so that layers share code
PARTS = ((2, 12, 20), (2, 12, 17), (3, 10, 16), (3, 9, 16), (3, 10, 12), (3, 9, 12))  # number, bits, shift
EXACT = 1 << 24  # integers below are float32s


def quick_forms(scale: Array, reach: Array, dsp: bool, mul64: bool, shifted: int) -> Iterator[Form]:
    """The forms in which no value leaves int32, for scales and the greatest accumulators, (C,), best first.

    The kernel has accumulators times 2^shifted already.
    """
    if np.any(reach >= EXACT) or not np.any(scale):
        return
    if mul64:
        forms = [
            Form("float32", quick=True, shift=SHIFT, pre=pre, rounded=dsp)
            for pre in dict.fromkeys(max(pre, shifted) for pre in PRES)
        ]
    else:
        forms = [Form("float32", quick=True, shift=n, parts=parts, limb=limb) for parts, limb, n in PARTS]
    for form in forms:
        assert form.shift is not None
        fits = scale.max() * 2.0**form.exponent < 2**MULTIPLIER_BITS
        fits = fits and float((reach * scale).max()) * 2.0**form.shift < 2**30
        most = 2 ** (MULTIPLIER_BITS - form.limb) if form.parts else 2 ** (MULTIPLIER_BITS - form.pre)
        if fits and reach.max() < most:
            yield form


def quick_words(form: Form, scale: Array, zero_point: int) -> tuple[int, Array]:
    """What is added to all products, and the multiplier of each channel, int64 (C,), at least 1."""
    assert form.shift is not None
    return (zero_point << form.shift) + form.half, np.maximum(np.rint(np.ldexp(scale, form.exponent)), 1).astype(
        np.int64
    )
