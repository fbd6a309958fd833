"""Every function of the emitted C is told in a comment above it; a kernel by the formula of what it computes."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from emitted import CORES, emitted

DEFINITION = re.compile(r"^(?:\w[\w *]*?)\b(\w+)\([^;{]*\)\n\{$", re.MULTILINE)
CALL = re.compile(r"_HOOK\(\d+, 0\);\n\s*(\w+)\(")
FORMULA = re.compile(r"\b(out|codes?)(\[[^=]*\])? = ")


def comments(text: str) -> dict[str, str]:
    """The comment directly above each function, "" where there is none; public ones are left out."""
    found: dict[str, str] = {}
    for match in DEFINITION.finditer(text):
        before = text[: match.start()]
        comment = before[before.rfind("/*") :] if before.endswith("*/\n") else ""
        if match[0].startswith(("static", "NET_")):
            found[match[1]] = comment
    return found


SAMPLE = """\
/* Told. */
static int32_t told(int32_t a,
    int32_t b)
{
}

static void bare(void)
{
}

void net_run(void *arena)
{
}
"""


def test_comments_are_found() -> None:
    assert comments(SAMPLE) == {"told": "/* Told. */\n", "bare": ""}
    assert FORMULA.search("/* out[x][c] = requant(a) */")
    assert not FORMULA.search("/* Convolution of a row. */")


@pytest.mark.thorough
@pytest.mark.parametrize("core", CORES)
def test_every_function_is_told(core: str) -> None:
    kernels: set[str] = set()
    for name, text in emitted(core):
        if name.endswith("net.c"):
            told = comments(text)
            layers = {function for function in told if function.startswith("net_layer_")}
            called = set(CALL.findall(text))
            assert layers
            assert called <= set(told), called - set(told)
            assert not [function for function, comment in told.items() if not comment]
            assert not [function for function in called if not FORMULA.search(told[function])]
            kernels |= {re.sub(r"_v\d+$", "", function) for function in called}
    assert len(kernels) > 30


@pytest.mark.thorough
@pytest.mark.xdist_group("cortex-m4")
def test_streams_are_told_to_their_end() -> None:
    """The ranges of words above a stream follow each other, and end where it does."""
    streams = 0
    for name, text in emitted("cortex-m4"):
        if name.endswith("net_weights.c"):
            for comment, count in re.findall(r"(/\* [^/]*?\*/)\nextern const int32_t \w+_stream\[(\d+)\]", text):
                ranges = [tuple(map(int, pair)) for pair in re.findall(r"\[(\d+), (\d+)\)", comment)]
                assert ranges[0][0] == 0, comment
                assert all(end == begin for (_, end), (begin, _) in pairwise(ranges)), comment
                assert ranges[-1][1] == int(count), comment
                streams += 1
    assert streams > 20
