"""What a sweep looks at: points of a grid, random ones, or files; and functions of a user's own by their name."""

import importlib.util
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError
from ircompile.ir.families import FAMILIES, SPACES, Space, Value
from ircompile.ir.graph import Graph

TRIES = 50
"""Random points that are drawn for each new one before a space is said to be used up."""


@dataclass(frozen=True)
class Candidate:
    """A member of a family, or a file: `family` is a family's name, "FILE.py:FUNCTION" or a model's path."""

    family: str
    parameters: tuple[tuple[str, Value], ...] = ()

    @property
    def key(self) -> str:
        """What it is known by in a store: the same for the same candidate, whatever the order of parameters."""
        return json.dumps([self.family, dict(sorted(self.parameters))])

    @property
    def name(self) -> str:
        """Its family and parameters in a word; the name of a file."""
        if not self.parameters:
            return Path(self.family).name
        shown = {name: f"{v:g}" if isinstance(v, float) else str(v) for name, v in self.parameters}
        short = [shown.pop(name) for name in ("width", "size") if name in shown]
        return " ".join(["_".join([self.family.rpartition(":")[2], *short]), *map("=".join, shown.items())])

    def model(self) -> Graph | str:
        """The graph, or the path of the file. Raises CompileError where the function is none."""
        if not self.parameters:
            return self.family
        graph = function_of(self.family)(**dict(self.parameters))
        if not isinstance(graph, Graph):
            raise CompileError(self.family, f"returned {type(graph).__name__}", "a Graph of ircompile.ir.graph")
        return graph


def grid(family: str, space: Space) -> list[Candidate]:
    """Every point of a space, the first parameter changing slowest."""
    return [Candidate(family, tuple(zip(space, values, strict=True))) for values in product(*space.values())]


def draw(families: Mapping[str, Space], count: int, seed: int) -> list[Candidate]:
    """`count` different random points, of one family after the other; fewer where their spaces have no more."""
    chance = random.Random(seed)
    left = {family: prod(map(len, space.values())) for family, space in families.items()}
    found: dict[Candidate, None] = {}
    for number in range(min(count, sum(left.values())) * TRIES):
        if len(found) == count:
            break
        family = list(families)[number % len(families)]
        point = tuple((name, chance.choice(values)) for name, values in families[family].items())
        found.setdefault(Candidate(family, point))
    return list(found)


def space_of(family: str, given: Mapping[str, tuple[Value, ...]]) -> Space:
    """A family's space, with the values that were given in place of its own.

    Raises CompileError where a parameter is none of a family's, or a function of the user's own has no space.
    """
    own = SPACES.get(family, {})
    if family in SPACES and (unknown := set(given) - set(own) - {"classes"}):
        raise CompileError(f"--space {sorted(unknown)[0]}", f"is no parameter of {family}", ", ".join(own))
    space = {**own, **given}
    if not space:
        raise CompileError(family, "has no parameters to sweep", hint="--space width=0.25,0.5 --space size=96,128")
    return space


def is_function(word: str) -> bool:
    """Whether a word names a family, or a function in a file of the user's own."""
    return word in FAMILIES or ".py:" in word


@cache
def function_of(word: str) -> Callable[..., Any]:
    """The family of that name, or the function FILE.py:FUNCTION. Raises CompileError where there is none."""
    if word in FAMILIES:
        return FAMILIES[word]
    path, _, name = word.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise CompileError(word, "names no Python file and function", "FILE.py:FUNCTION")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CompileError(path, f"cannot be imported: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise CompileError(word, f"the file has no function {name!r}", ", ".join(_public(module)))
    return function


def _public(module: object) -> Sequence[str]:
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
