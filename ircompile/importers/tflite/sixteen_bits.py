"""Functions of one code of 16 bits, for which a table of all codes would be too large."""

from typing import Literal

from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.ir.ops import Rescale, Sigmoid


def emit_rescale(
    low: Lowering, op: TfOperator, positive: float, negative: float, bounds: tuple[int, int] | None = None
) -> None:
    """Adds a Rescale on the operator's first input, of codes of 16 or 32 bits or to such."""
    stored, target = low.stored(op, 0), low.target(op)
    node = Rescale(float(positive), float(negative), *(bounds or target.qtype.range))
    low.in_place(op, node, low.target(op, stored.form.shape), stored.axes)


def wide_ends(low: Lowering, op: TfOperator) -> bool:
    """Whether the operator reads or writes codes of more than 8 bits: a table of all would be too large."""
    return max(low.stored(op, 0).form.itemsize, low.target(op).itemsize) > 1


def emit_sigmoid(
    low: Lowering, op: TfOperator, function: Literal["logistic", "tanh"], shifts: tuple[int, ...]
) -> None:
    """Adds a Sigmoid; input scales of 2^(s - 12), s one of `shifts`, are multiplied exactly, others by 15 bits."""
    stored, target = low.stored(op, 0), low.target(op)
    if stored.form.dtype != target.dtype or target.scale != 2.0**-15:
        raise low.error(op, f"{stored.form.dtype} to {target.dtype} of scale {target.scale}", "int16, 2^-15")
    multiplier, shift = float(stored.form.scale) * 4096.0 * 3.0, 0
    exact = [s for s in shifts if stored.form.scale == 2.0 ** (s - 12)]
    if exact:
        multiplier = 3 << exact[0]
    while not exact and multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    if not 1 <= multiplier < 2**15 or shift > 30:
        raise low.error(op, f"input scale {stored.form.scale}", "scales up to 2.66, from 2^-29 on")
    low.in_place(op, Sigmoid(function, int(multiplier), shift), low.target(op, stored.form.shape), stored.axes)
