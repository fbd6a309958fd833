"""How the constants of Helium's kernels follow each other, in words for the comments above their arrays."""

from collections.abc import Iterable, Sequence

from ircompile.ir.ops import Window

VECTOR = 16  # codes
TOGETHER = (0, 2, 1, 3)  # four channels whose sums go into a vector two at a time
OF_EIGHT = "of 8 channels 0 2 4 6, then 1 3 5 7"
OF_SIXTEEN = "of 16 channels 0 4 8 12, then 2 6 10 14, 1 5 9 13, 3 7 11 15"


def words_of(fields: Sequence[str], channels: int) -> str:
    """Words of requantization, channel after channel."""
    return f"{channels} x ({', '.join(('start', *fields))})"


def words_of_fours(fields: Sequence[str], count: int, order: str = "") -> str:
    """The same of four channels side by side; `order`: which these are, where not the next four."""
    return f"{count} x ({', '.join(('start', *fields))}; each of 4 channels{f', {order}' if order else ''})"


def filters_of(channels: int, depth: int, before: int = 0) -> str:
    """One filter after the other."""
    return f"{channels} x {depth} codes" + (f", behind {before} bytes that are read with them" if before else "")


def passes_of(
    count: int, passes: Iterable[Sequence[int]], depth: int, nibbles: bool = False, vector: int = VECTOR
) -> str:
    """Some channels in passes: of each channel of a pass a vector of codes in turn, then what is left of each."""
    whole, left = divmod(depth, vector)
    turns = [f"{whole} x {vector} codes of each in turn"] * (whole > 0) + [f"the last {left} of each"] * (left > 0)
    some = (f"of channels {' '.join(map(str, channels))}: {', '.join(turns)}" for channels in passes)
    beside = ", a byte has codes of two channels, the first in bits 0 to 3" if nibbles else ""
    return f"{count} x ({'; '.join(some)}){beside}"


def taps_of(count: int, taps: int, channels: int) -> str:
    """Tap after tap of some channels."""
    return f"{count} x ({taps} taps of {channels} channels)"


def halves_of(count: int) -> str:
    """Words of 16 channels that take six bytes each."""
    word = "16 words of a start's lowest 5 bits, and above a scale less that of 2^-15"
    return f"{count} x ({word}; 16 halfwords of starts' other bits; {OF_SIXTEEN})"


def strips_of(window: Window, channels: int, fours: int, around: int) -> str:
    """Filters of strips: four rows column by column, as often as there are more than one left; then a last row."""
    kh, kw = window.kernel
    rows = [f"{kw} columns of rows {4 * i} to {4 * i + 3}" for i in range(fours)]
    rows += [f"row {kh - 1}"] * (kh % 4 == 1)
    zeros = ", rows that the window has not are 0" if kh < 4 * fours else ""
    beside = f", between {around} bytes that are read with them" if around else ""
    return f"{channels} x ({', '.join(rows)}{zeros}){beside}"


def columns_of(window: Window, count: int, shared: bool) -> str:
    """Filters of columns: a word for each."""
    kh, kw = window.kernel
    words = ["a word of 0"] * shared + [f"{kw} columns, in a word the {kh} rows of each"]
    words += ["a word of 0"] * (4 - kw - shared)
    return f"{count} x 4 channels x ({'; '.join(words)})" + ", and 4 bytes that are read with them" * shared
