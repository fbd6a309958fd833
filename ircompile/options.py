"""What may be asked of a compilation: one record for the command line and for Python programs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, get_args

from ircompile.errors import CompileError
from ircompile.interface import InputMode
from ircompile.kernels.model import Prefer
from ircompile.passes.tie_states import Pair
from ircompile.target import MemoryRegion
from ircompile.variants.choose import Ram

Pixels = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of pixels, in units of 0 to 255: one value for all channels or one a channel."""
Weights = Literal["source", "blob"]


@dataclass(frozen=True)
class Options:
    """How a model is read, planned and emitted; docs/commands.md has the options of the same names.

    `name` prefixes all C names (default: from the file's name). `input` "rows": the input, height x width x
    channels, is pushed row by row and never stored whole. `ram`: "auto" (the fastest of the small plans), "min"
    (the least bytes without computing anything twice) or bytes to fit in. `weights` "blob": constants in a file of
    their own. `numerics`: whose rounding to reproduce, "tflm", "litert-ref" or "ort" (default: the file's own).
    `memory` are the RAMs to plan for and `flash` the memories for constants, the fastest first (default: the
    target's). `prefer` "size": constants as small as they can be, at a cost in instructions.

    With `outputs`, names of tensors in the file, the model is cut there: they become its outputs. With `stream` the
    input is a window of time, of which a call takes so many new rows. `state` are pairs (input, output) of names:
    the output is that input of the next call (docs/streaming.md). With `mean` or `std` the input becomes raw
    pixels of 0 to 255, from which the network itself subtracts `mean` and which it divides by `std`: one number
    for all channels or one a channel. `unverified`: the model's framework is not asked, and the C's header says so.

    Raises CompileError for a value that none of these has.
    """

    name: str | None = None
    input: InputMode = "resident"
    ram: Ram = "auto"
    weights: Weights = "source"
    numerics: str | None = None
    memory: Sequence[MemoryRegion] = ()
    flash: Sequence[MemoryRegion] = ()
    prefer: Prefer = "speed"
    unverified: bool = False
    outputs: Sequence[str] = ()
    stream: int = 0
    state: Sequence[Pair] = ()
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None

    def __post_init__(self) -> None:
        for option, given, allowed in (
            ("input", self.input, get_args(InputMode)),
            ("weights", self.weights, get_args(Weights)),
            ("prefer", self.prefer, get_args(Prefer)),
        ):
            if given not in allowed:
                raise CompileError(option, f"{given!r} is unknown", ", ".join(map(repr, allowed)))
        check_bytes(self.ram, ("auto", "min"))
        check_regions("memory", self.memory)
        check_regions("flash", self.flash)

    @property
    def pixels(self) -> Pixels | None:
        """What `mean` and `std` ask for together."""
        if self.mean is None and self.std is None:
            return None
        return tuple(self.mean or (0.0,)), tuple(self.std or (1.0,))

    @property
    def as_in_file(self) -> "Options":
        """The same with the inputs that the model has in its file: no pixels, no new rows, no states."""
        return replace(self, mean=None, std=None, stream=0, state=())


class Reading(TypedDict, total=False):
    """Those fields of `Options` as keywords that say how a model is read, and where its input and RAMs are."""

    input: InputMode
    numerics: str | None
    memory: Sequence[MemoryRegion]
    outputs: Sequence[str]
    stream: int
    state: Sequence[Pair]
    mean: Sequence[float] | None
    std: Sequence[float] | None


class Given(Reading, total=False):
    """All fields of `Options` as keywords."""

    name: str | None
    ram: Ram
    weights: Weights
    flash: Sequence[MemoryRegion]
    prefer: Prefer
    unverified: bool


def check_bytes(ram: object, words: Sequence[str | None]) -> None:
    """Raises CompileError for a budget that is neither a whole number of bytes nor one of the words."""
    if ram not in words and not isinstance(ram, int):
        allowed = ", ".join(map(repr, words))
        raise CompileError("ram", f"{ram!r} is no budget", f"{allowed} or bytes as an int, such as 18 * 1024")


def check_regions(option: str, regions: object) -> None:
    """Raises CompileError for what is no sequence of memories."""
    if isinstance(regions, Sequence) and all(isinstance(region, MemoryRegion) for region in regions):
        return
    supported = 'a list such as [MemoryRegion("dtcm", 64 * 1024)], of ircompile.target'
    raise CompileError(option, f"{regions!r} is no list of memories", supported)
