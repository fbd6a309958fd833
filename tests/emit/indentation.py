"""Finds lines of C that do not stand where their brackets and control statements want them.

It counts brackets line by line and knows nothing of how the C was laid out.
"""

from __future__ import annotations

import re

CONTROL = re.compile(r"(if|for|while|switch) \(|else\b|do\b")
LABEL = re.compile(r"(case .*|default):")


def plain(text: str) -> list[str]:
    """The lines without strings and comments; lines of macros begin with '#'."""
    text = re.sub(r"\\\n", "\n#", text)
    text = re.sub(r'"(\\.|[^"\\\n])*"', "s", text)
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
    return [line.rstrip() for line in text.split("\n")]


def misindented(text: str) -> list[str]:
    """Each such line with its number and the column at which it should begin."""
    wrong: list[str] = []
    braces = parens = start = 0
    waiting = False  # for the statement of the control statement in column `start`
    before, saved, ifs = ";", list[tuple[int, int]](), set[tuple[int, int]]()
    for number, line in enumerate(plain(text), 1):
        code, column = line.strip(), len(line) - len(line.lstrip())
        if code.startswith("#"):
            if re.match(r"# ?if", code):
                saved.append((braces, parens))
            elif re.match(r"# ?el", code):
                braces, parens = saved[-1]
            elif re.match(r"# ?endif", code):
                saved.pop()
        if not code or code.startswith("#"):
            continue
        wanted: int | None = 4 * max(braces - (code[0] == "}"), 0)
        if LABEL.fullmatch(code):
            wanted = 4 * (braces - 1)
        elif parens:
            wanted = None if column > 4 * braces else 4 * braces + 4
        elif waiting:
            wanted = start + 4
        elif before[-1] not in ";{}:,":
            wanted = None if braces else 0  # a statement goes on
        elif code.startswith("else"):
            wanted = None if (braces, column) in ifs else 4 * braces  # its `if` may be any of several
        if wanted is not None and column != wanted:
            wrong.append(f"{number}: {code!r} begins at column {column}, not {wanted}")
        if CONTROL.match(code) and not parens:
            start, waiting = column, True
            ifs |= {(braces, column)} if re.match(r"(else )?if ", code) else set()
        parens += len(re.findall(r"[(\[]", code)) - len(re.findall(r"[)\]]", code))
        braces += 0 if code.startswith("extern") else code.count("{") - code.count("}")
        braces = max(braces, 0)  # behind extern "C"
        if not parens and (code[-1] in ";{}" or not (code.endswith(")") or code in ("else", "do"))):
            waiting = False
        before = code
    return wrong
