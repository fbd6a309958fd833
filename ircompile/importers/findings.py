"""What a check says of one operator of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from ircompile.errors import CompileError

Verdict = Literal["supported", "constant", "left to the caller", "unsupported", "not checked"]


@dataclass(frozen=True)
class Finding:
    """One operator, or an end of the model (`index` -1), and what becomes of it.

    "constant": computed when compiling. "left to the caller": float, behind the last quantized tensor.
    "unsupported": `problem`, `supported` and `hint` say why, as in a CompileError. "not checked": depends on that.
    """

    index: int
    name: str
    kind: str
    verdict: Verdict
    problem: str = ""
    supported: str = ""
    hint: str = ""


def refused(index: int, name: str, kind: str, error: CompileError) -> Finding:
    """The finding of an error; a place that is named within its problem stays there."""
    return Finding(index, name, kind, "unsupported", error.problem, error.supported, error.hint)


HINT_FLOAT = "'ircompile quantize FLOAT --data FOLDER' makes a file of 8 bits of it, with samples of its input"


class NoTensor(CompileError):
    """A `name` to cut a `file` at that none of the `known` computed tensors has."""

    def __init__(self, name: str, known: Sequence[str], file: str = "") -> None:
        near = get_close_matches(name, known, 3, 0.4) or list(known[-3:])
        supported = "names of computed tensors" + (", such as " + ", ".join(near) if near else "")
        where = f"{file} --outputs {name}".lstrip()
        super().__init__(where, "no operator computes a tensor of this name", supported)
        self.name = name
        self.args = (name, tuple(known), file)  # what makes it anew, as pickle does

    def at(self, where: str) -> "NoTensor":
        """The same error, told of the file `where`."""
        name, known, _ = self.args
        return NoTensor(name, known, where)
