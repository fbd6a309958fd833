"""The functions and macros that the DSP kernels of convolution share."""

from collections.abc import Mapping

from ircompile.ir import ops
from ircompile.kernels.weights import WeightCoding

SHORT = 8
"""Turns of a loop, where no more are worth their code."""
HELD = {1: "one_held", 3: "three_held"}
"""Macros of so many turns."""
Shared = dict[str, tuple[str, Mapping[str, object]]]
"""Templates and their parameters, by the names under which those that follow, and the kernel, know them."""


def shared_of(
    template: str, coding: WeightCoding, totals: bool, unrolled: int, twos: bool,
    *, held: bool, passes: bool, ordered: bool, paired: bool, single: bool, of_bytes: bool,
    window: tuple[ops.Window, int] | None,
) -> Shared:  # fmt: skip
    """Those of a kernel: of one pixel, of two pixels, or of both where `single`, for a row may have an odd pixel.

    `totals`, `unrolled`, `twos`, `held`, `passes` and `ordered` are those of `tile.dsp.c.j2`. `paired`: two
    channels are requantized at once; `of_bytes`: codes are to be spread first. `window`: the window and the input
    channels of a stem that is gathered where codes are held.
    """
    sums: dict[str, object] = {"coding": coding, "totals": totals, "twos": twos}
    shared: Shared = {"unpack": ("unpack", {}), "turn": ("turn", {"coding": coding})}
    spread = single and of_bytes and template != "fully_connected"
    if template in ("fully_connected", "dense_column") or single:
        shared["one_turn"] = ("asm_turn", {"coding": coding, "named": "one", "pixels": 1})
        shared["one_pixel"] = ("one_pixel", {"coding": coding, "spread": spread})
        shared |= _codes_of("one", 1, paired)
    if spread and template == "pointwise":
        shared["spread_one"] = ("spread_one", {"totals": totals})
    if template == "fully_connected" or single:
        shared["pixel"] = ("pixel", {**sums, "spread": spread})
    if template in ("fully_connected", "dense_column"):
        return shared
    two: dict[str, object] = {"coding": coding, "pixels": 2, "first": False}
    passes = passes and template == "conv"
    if held:
        for turns in (3,) * coding.pairs + (1,) * (not coding.pairs or unrolled % 3 > 0):
            named = HELD[turns].removesuffix("_held")
            shared[HELD[turns]] = ("held", {"coding": coding, "named": named, "held_turns": turns})
    else:
        if not passes:
            shared["first_turn"] = ("asm_turn", {**two, "named": "first", "first": True})
        shared["two_turn"] = ("asm_turn", {**two, "named": "two"})
    shared |= _codes_of("two", 2, paired)
    if of_bytes:
        shared["four"] = ("spread_four", {"totals": totals})
    if template != "stem":
        shared["spread"] = ("spread", {"totals": totals})
    shared["kept"] = ("kept", {"totals": totals, "passes": passes, "loops": not unrolled, "turns": SHORT})
    named = f"unrolled{unrolled}" if unrolled else ""
    tile = {"unrolled": unrolled, "held": held, "passes": passes, "ordered": ordered, "named": named}
    tile |= {"turns": SHORT, "gathers": False}
    if window is not None and held and not totals:
        geometry, channels = window
        shared["held_window"] = ("held_window", {"window": geometry, "channels": channels})
        tile |= {"gathers": True, "tails": geometry.kernel[1] * channels % 4 > 0}
    shared["tile"] = ("tile", {**sums, **tile})
    return shared


def _codes_of(named: str, pixels: int, paired: bool) -> Shared:
    """What makes codes of the sums of so many pixels: of two channels at once where requantization is `paired`."""
    key = {"named": named, "pixels": pixels}
    return {f"pair_{named}": ("pair_codes", key)} if paired else {f"store_{named}": ("store", key)}
