"""Estimated instructions of a form, from the accumulator in a register to the code in a register."""

from ircompile.kernels.requantize.form import LINES, Form, PairForm
from ircompile.kernels.requantize.synthesize import Core
from ircompile.qtype import INT8

# Counted in what gcc 12 -O2 makes of a loop (`tests/kernels/test_requantize_c.py`), the callees' instructions
# estimated. Without a long multiply, that is on ARMv6-M, there is no SSAT either.
LONG = {"twice": 2, "double": 14, "single": 11, "float32": 45, "steps": 75}
LONG_WITHOUT_MUL64 = {"double": 85, "single": 75, "float32": 110, "steps": 85}
FLOAT32_WITH_FPU = 6
NEAR_TIES = 3  # to test for ties, and what they cost on average


def instructions(form: Form | PairForm, core: Core) -> int:
    """Instructions of one output, but for loads of the channel's words."""
    clamp = _clamp(form, core)
    if form.name == "pair":
        return clamp + (2 if core.mul64 else 5) + {"up": 0, "away": 2, "even": 3}[form.ties]
    if form.name not in LINES:
        if form.name == "float32" and core.fpu:
            return clamp + FLOAT32_WITH_FPU
        if form.quick:
            return clamp + (form.pre > 0) + _multiply(form, core) + (0 if core.mul64 else 2) + NEAR_TIES
        return clamp * (form.name != "steps") + (LONG if core.mul64 else LONG_WITHOUT_MUL64)[form.name]
    own_shift = form.shift is None or not core.mul64
    return clamp + _multiply(form, core) + own_shift + (form.pre > 0) + _kink(form, core) + _exceptions(form, core)


def _multiply(form: Form, core: Core) -> int:
    if form.parts:
        return {2: 4, 3: 6}[form.parts] + (0 if core.mul64 else 2)
    if core.dsp:
        return 1 if form.rounded else 2
    if core.mul64:
        return 4 if form.rounded else 2
    return 29 if form.rounded else 23


def _kink(form: Form, core: Core) -> int:
    return 0 if not form.kink else 1 if core.mul64 and not form.parts else 2


def _exceptions(form: Form, core: Core) -> int:
    return form.exceptions * (3 if core.mul64 else 6)


def _clamp(form: Form | PairForm, core: Core) -> int:
    if not core.mul64:
        return 6
    sides = (form.low != INT8.low) + (form.high != INT8.high)
    return (1, 4, 7)[sides]
