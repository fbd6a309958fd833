"""Jinja over templates/, for the emitted C, projects, harnesses and pages."""

import re
from types import CodeType

import jinja2
import jinja2.bccache

from ircompile.resources import templates_dir


class Compiled(jinja2.BytecodeCache):
    """Templates that this process has compiled, for every environment that asks for them."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Hands on the code of a template whose text is the same."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keeps the code of a template."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


COMPILED = {False: Compiled(), True: Compiled()}
"""By whether values are escaped, which the code of a template depends on."""


def environment(*, escaped: bool = False) -> jinja2.Environment:
    """Strict: a name that is not given is an error. `escaped` for HTML."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=escaped,
        bytecode_cache=COMPILED[escaped],
    )
    env.filters["number"] = number
    env.filters["comment"] = comment
    env.filters["shorten"] = shorten
    return env


def comment(text: str) -> str:
    """A name of the user's, harmless within a comment of C: on one line, and what could end or splice it apart."""
    line = "".join(char if char.isprintable() else " " for char in text).replace("\\", "/")
    return re.sub(r"(?<=\*)(?=/)|(?<=/)(?=\*)|(?<=\?)(?=\?)", " ", line)


def number(value: float | None) -> str:
    """A count with thousands separated."""
    return "-" if value is None else f"{value:,}"


LONGEST = 60  # letters of a name


def shorten(text: str) -> str:
    """A text with the long names of fused layers, which TensorFlow joins by ";", shortened in their middle."""

    def shortened(name: re.Match[str]) -> str:
        whole = name[0]
        return f"{whole[: LONGEST // 2]}...{whole[3 - LONGEST // 2 :]}" if len(whole) > LONGEST else whole

    return re.sub(r"[^\s';]+(;[^\s';]*)+", shortened, text)
