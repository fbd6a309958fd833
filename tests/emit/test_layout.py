"""How emitted C is laid out: every line at its column; laying out changes nothing but white space."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from emitted import CORES, emitted
from indentation import misindented

from ircompile.emit.layout import WIDTH, lay_out

SAMPLE = """\
int f(int a)
{

if (a > 1)
for (int i = 0; i < a; i++)
g(i);
else if (a < 0) {
  switch (a) {
      case -1: /* one */
      h(a);
   break;
      default:
  break;
  }
} else
g(0);
#if X
do {
a++;
} while (a < 3);
#else
    a = 3;
#endif
int table[2] = {
1,
        2,
};
return a;

}
int g(int a);
"""
WANTED = """\
int f(int a)
{
    if (a > 1)
        for (int i = 0; i < a; i++)
            g(i);
    else if (a < 0) {
        switch (a) {
        case -1: /* one */
            h(a);
            break;
        default:
            break;
        }
    } else
        g(0);
#if X
    do {
        a++;
    } while (a < 3);
#else
    a = 3;
#endif
    int table[2] = {
        1,
        2,
    };
    return a;
}

int g(int a);
"""


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_lays_out_statements_of_every_kind() -> None:
    assert lay_out(SAMPLE) == WANTED
    assert lay_out(WANTED) == WANTED
    assert not misindented(WANTED)


def test_long_calls_are_wrapped_at_their_commas() -> None:
    names = [f"argument_{i}" for i in range(30)]
    call = f"{{\nfirst(second({', '.join(names[:12])}), {', '.join(names[12:])});\n}}\n"
    laid = lay_out(call)
    assert squeezed(laid) == squeezed(call)
    assert max(map(len, laid.split("\n"))) <= WIDTH
    assert not misindented(laid)


@pytest.mark.parametrize("line", [5, 9, 12, 18, 26])
@pytest.mark.parametrize("change", [-2, 4])
def test_the_check_finds_a_line_out_of_place(line: int, change: int) -> None:
    lines = WANTED.split("\n")
    column = len(lines[line]) - len(lines[line].lstrip())
    lines[line] = " " * (column + change) + lines[line].lstrip()
    assert misindented("\n".join(lines)), lines[line]


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
@pytest.mark.parametrize("core", CORES)
def test_every_kernel_is_indented(core: str, mode: Literal["resident", "rows"]) -> None:
    files = list(emitted(core, mode))
    assert len(files) > (100 if mode == "resident" else 5)
    for name, text in files:
        assert not misindented(text), name
        assert not re.search(r"[ \t]$", text, flags=re.MULTILINE)
        assert "\n\n\n" not in text
        code = [line for line in text.split("\n") if '"' not in line and not re.match(r" *(/\*| \*|#)", line)]
        assert max(map(len, code)) <= WIDTH, max(code, key=len)
