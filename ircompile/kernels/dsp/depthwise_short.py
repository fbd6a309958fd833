"""3 x 3 depthwise convolution over short rows: all outputs of a row at once, each word of codes unpacked once.

A word holds four neighbouring codes of a row. Sign extended to halves it is e{k} = (first, third) and o{k} =
(second, fourth). The outer weights of a row of the window are the halves of s, the one between is a half of m.
"""

from dataclasses import dataclass

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.weights import WeightCoding

CODES = 4  # of a word
MOST_BY_ROWS = 6  # beside registers for a row's weights, two halves of codes, rows and filter
MOST_OUTPUTS = {1: 8, 2: 5}  # by stride; the sums of more do not stay in registers


@dataclass(frozen=True)
class Term:
    """A product that comes to the sum of `output`.

    data     the halves of codes, or "pad", both of which are the zero point,
    half     which of them: "b", "t", or both against both of `weights`, "ad",
    weights  "s" or "m"; of s a single half is `weight`.
    """

    output: int
    data: str
    half: str
    weights: str
    weight: str = ""


@dataclass(frozen=True)
class Word:
    """Four codes from `at` on, the halves of them that are needed, and the terms that can be added by then."""

    at: int
    halves: tuple[str, ...]
    terms: tuple[Term, ...]


def is_short(op: ops.Depthwise, site: Site) -> bool:
    """Rows of a word at least, and few enough outputs for sums in registers."""
    return site.inputs[0].width >= CODES and site.output.width <= MOST_OUTPUTS[op.window.stride[1]]


def is_by_rows(site: Site, coding: WeightCoding, multiplier: int) -> bool:
    """Whether sums stay in registers throughout: weights of bytes, a row of them at a time."""
    bytes_alone = not coding.wide and not coding.nibbles
    return bytes_alone and multiplier == 1 and site.output.width <= MOST_BY_ROWS


def short_words(op: ops.Depthwise, site: Site) -> tuple[Word, ...]:
    """The work of one row of the window, word by word."""
    return words_of(site.inputs[0].width, site.output.width, op.window.stride[1], op.window.padding[2])


def words_of(width: int, outputs: int, stride: int, left: int) -> tuple[Word, ...]:
    """The same for rows of `width` codes; outputs are `stride` codes apart, the first begins `left` before them."""
    last = width - CODES
    places = [*range(0, last, 2 * stride), last]
    found = terms_by_word(places, width, outputs, stride, left)
    if not all(used_halves(found)):
        places = [place for place, halves in zip(places, used_halves(found), strict=True) if halves]
        found = terms_by_word(places, width, outputs, stride, left)
    return tuple(Word(*word) for word in zip(places, used_halves(found), map(tuple, found), strict=True))


def terms_by_word(places: list[int], width: int, outputs: int, stride: int, left: int) -> list[list[Term]]:
    """For each of the words at `places`, the terms that cannot be added before it."""
    found: list[list[Term]] = [[] for _ in places]
    for output in range(outputs):
        for number, term in terms_of(output, output * stride - left, width, places):
            found[number].append(term)
    return found


def used_halves(found: list[list[Term]]) -> list[tuple[str, ...]]:
    """Of each word, the halves that any term takes."""
    used = {term.data for terms in found for term in terms}
    return [tuple(name for name in (f"e{k}", f"o{k}") if name in used) for k in range(len(found))]


def terms_of(output: int, first: int, width: int, places: list[int]) -> list[tuple[int, Term]]:
    """Those of one output, whose window begins at code `first`, each with the number of the word that it needs."""
    where = {code: held(code, places) for code in range(first, first + 3) if 0 <= code < width}
    both = next((k for k, place in enumerate(places) if first >= 0 and place <= first < place + 2), None)
    found = []
    if both is not None and first + 2 < width:
        found.append((both, Term(output, "eo"[first - places[both]] + str(both), "ad", "s")))
    else:
        for code, weight in ((first, "b"), (first + 2, "t")):
            number, data, half = where.get(code, (0, "pad", "b"))
            found.append((number, Term(output, data, half, "s", weight)))
    number, data, half = where[first + 1]
    return [*found, (number, Term(output, data, half, "m"))]


def held(code: int, places: list[int]) -> tuple[int, str, str]:
    """The first word that holds a code, its halves that do, and which of them."""
    number, place = next((k, place) for k, place in enumerate(places) if place <= code < place + CODES)
    return number, f"{'eo'[(code - place) % 2]}{number}", "bt"[(code - place) // 2]
