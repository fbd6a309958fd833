"""What NAME_weights.c says of the constants of Helium's kernels: how many there are, and in which order."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from nets import Net

from ircompile.pipeline import build
from ircompile.target import load_target

EACH = "6 x 16 codes of each in turn, the last 4 of each"
BESIDE = "4 bytes that are read with them"
WORDS = "start, multiplier, offset"
FOURS = f"{WORDS}; each of 4 channels"
SIXTEEN = "of 16 channels 0 4 8 12, then 2 6 10 14, 1 5 9 13, 3 7 11 15"
TOLD: dict[str, tuple[tuple[int, int, int], Callable[[Net], str], str, str]] = {
    "tiles": (
        (2, 3, 100), lambda net: net.conv("x", 6), f"2 x (of channels 0 2: {EACH}; of channels 1 3: {EACH})",
        "2 x (start, multiplier, offset, shift; each of 4 channels)",
    ),
    "filters in registers": (
        (2, 8, 16), lambda net: net.conv("x", 3), "3 x 16 codes", "3 x (start, multiplier, offset, shift)",
    ),
    "strips": (
        (4, 17, 2), lambda net: net.depthwise("x"),
        f"2 x (3 columns of rows 0 to 3, rows that the window has not are 0), between {BESIDE}", f"2 x ({WORDS})",
    ),
    "strips, a last row": (
        (6, 17, 2), lambda net: net.depthwise("x", (5, 5)), "2 x (5 columns of rows 0 to 3, row 4)",
        f"2 x ({WORDS})",
    ),
    "columns": (
        (4, 6, 17), lambda net: net.depthwise("x"),
        f"5 x 4 channels x (a word of 0; 3 columns, in a word the 3 rows of each), and {BESIDE}", f"5 x ({FOURS})",
    ),
    "16 channels": (
        (6, 5, 16), lambda net: net.depthwise("x", (5, 5)), "1 x (25 taps of 16 channels)",
        f"4 x ({FOURS}, {SIXTEEN})",
    ),
    "shared columns": (
        (5, 6, 16), lambda net: net.conv("x", 4, (3, 3)),
        "2 x (1 x 16 codes of 3 rows x columns 0 1 2 x 2 channels)", f"4 x ({WORDS}, shift)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TOLD)
def test_comments_say_how_constants_follow_each_other(kind: str) -> None:
    shape, layer, weights, words = TOLD[kind]
    net = Net(shape, 1)
    layer(net)
    code = str(build(net.graph(), load_target("cortex-m55"), "net").files()["net_weights.c"]).split("#endif")[-1]
    told = re.findall(r"^/\* \w+: (?:weights|requant), (.*?) \*/$", code, re.DOTALL | re.MULTILINE)
    assert [" ".join(text.replace("\n *", " ").split()) for text in told] == [weights, words]
