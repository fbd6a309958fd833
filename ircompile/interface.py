"""The C interface of one compiled model: what the header promises and the runners rely on."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ircompile.errors import CompileError
from ircompile.qtype import ACTIVATIONS, QType

C_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*$")
C_WORDS = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
    while""".split()  # noqa: SIM905 - reads better than a list
)
InputMode = Literal["resident", "rows"]


@dataclass(frozen=True)
class Port:
    """One input or output tensor, batch 1, rows of pixels of channels (HWC)."""

    index: int
    is_input: bool
    height: int
    width: int
    channels: int
    dtype: str
    scale: float
    zero_point: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return (self.height, self.width, self.channels)

    @property
    def qtype(self) -> QType:
        """What its codes are."""
        return ACTIVATIONS[self.dtype]

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """The element type as NumPy says it."""
        return self.qtype.dtype

    @property
    def c_type(self) -> str:
        """The element type as C says it."""
        return self.qtype.c_type

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.width * self.channels * self.qtype.bytes

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor."""
        return self.height * self.row_bytes

    @property
    def suffix(self) -> str:
        """What follows NAME_input or NAME_OUTPUT: '' for the first port, '_1' for the second, and so on."""
        return f"_{self.index}" if self.index else ""


@dataclass(frozen=True)
class ArenaRegion:
    """A memory that the caller provides: its name, and bytes needed in it."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Interface:
    """Everything a caller of the emitted C must know.

    ``name`` is the C identifier every function starts with; macros use it in upper case.
    In mode 'rows' the (only) input is pushed row by row and has no place in the arena of its own.
    With ``blob`` the weights are NAME_weights.bin, to be bound before a run.
    ``regions`` hold everything the run needs except the stack, each aligned to ``arena_align``, a power of two.
    The first ``state_bytes`` of the first region outlive a call: a network without memory has none.
    With one region functions take ``void *arena``, with several a struct of one pointer a region.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    input_mode: InputMode
    regions: tuple[ArenaRegion, ...]
    arena_align: int
    blob: bool = False
    state_bytes: int = 0

    @property
    def arena_bytes(self) -> int:
        """Bytes of all regions."""
        return sum(region.bytes for region in self.regions)

    @property
    def several(self) -> bool:
        """Whether there are several regions."""
        return len(self.regions) > 1

    @property
    def arena(self) -> str:
        """The name of every function's first parameter."""
        return "arenas" if self.several else "arena"

    @property
    def parameter(self) -> str:
        """Every function's first parameter, as C declares it."""
        return f"const {self.name}_arenas *arenas" if self.several else "void *arena"

    @property
    def const_parameter(self) -> str:
        """The same where the function only reads."""
        return self.parameter if self.several else "const void *arena"

    @property
    def macro(self) -> str:
        """The prefix of the header's macros."""
        return self.name.upper()


HEADERS = frozenset(
    """alloca arm_acle arm_mve assert complex ctype endian errno features fenv float inttypes iso646 limits locale
    math newlib setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string
    strings tgmath threads time uchar unistd wchar wctype""".split()  # noqa: SIM905 - reads better than a list
)
"""Headers of C, and those that they include: a NAME.h of such a name stands in their way."""


def c_name(name: str | None, file_stem: str) -> str:
    """The prefix of all C names: `name`, or one made from a file's name; raises CompileError if it is none in C."""
    if name is None:
        name = re.sub(r"\W+", "_", file_stem, flags=re.ASCII).strip("_").lower()
        name = name if name[:1].isalpha() and name not in C_WORDS | HEADERS else f"model_{name}"
    if name in HEADERS:
        raise CompileError("--name", f"{name}.h is a header of the C library", "names of no such header")
    if name in C_WORDS:
        raise CompileError("--name", f"{name!r} is a word of C's own", "names that C leaves to programs")
    if not C_NAME.match(name):
        raise CompileError("--name", f"{name!r} is no C identifier", "letters, digits, underscores; no digit first")
    return name
