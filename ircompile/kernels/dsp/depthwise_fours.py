"""3 x 3 depthwise convolution over long rows in assembly: the blocks of outputs of a row, as steps on registers.

A row is a block at its left end, where a column of padding is there, then blocks of four in a loop, and a last
block of four or of two, which may do one output again. A pointer to a row is where the word of codes that was read
last begins; the loads move it. The halves of a word are e (codes 0 and 2) and o (codes 1 and 3).
"""

from dataclasses import dataclass

STEPS = {
    # Stride 1. The column of padding is in what the first or the last sum starts with.
    (1, "left", 4): "ldr e 4, odd o e, even e e, 0 o bt, 1 e ad, 2 o ad, 0 e bm, 1 o bm, 2 e tm, "
    "ldr e 1, odd e e, 3 e ad, 3 o tm",
    (1, "middle", 4): "ldr e 2, odd o e, even e e, 1 o ad, 0 e ad, 1 e tm, 0 o bm, "
    "ldr e 2, odd o e, even e e, 3 o ad, 2 e ad, 3 e tm, 2 o bm",
    (1, "edge", 4): "ldr e 2, ldr o 1, even e e, 0 e ad, even e o, odd o o, 2 o ad, 3 e tb, 0 e bm, "
    "1 e ad, 2 e tm, 3 o tm, 1 o bm",
    (1, "edge", 2): "ldr e 1, odd o e, even e e, 1 e tb, 0 o ad, 1 o tm, 0 e tm",
    # Stride 2.
    (2, "left", 4): "ldr e 4, odd o e, even e e, 0 e bm, 1 o ad, 0 o bt, 1 e tm, "
    "ldr e 3, odd o e, even e e, 3 o tm, 2 e ad, 3 e tb, 2 o bm, code e 4, 3 e bt",
    (2, "middle", 4): "ldr e 4, odd o e, even e e, 1 o tm, 0 e ad, 1 e tb, 0 o bm, "
    "ldr e 4, odd o e, even e e, 1 e bt, 3 o tm, 2 e ad, 3 e tb, 2 o bm, code e 4, 3 e bt",
    (2, "edge", 4): "ldr e 4, odd o e, even e e, 1 o tm, 0 e ad, 1 e tb, 0 o bm, "
    "ldr e 4, odd o e, even e e, 1 e bt, 3 o tm, 2 e ad, 3 e tb, 2 o bm",
    (2, "middle", 2): "ldr e 4, odd o e, even e e, 1 o tm, 0 e ad, 1 e tb, 0 o bm, code e 4, 1 e bt",
    (2, "edge", 2): "ldr e 4, odd o e, even e e, 1 o tm, 0 e ad, 1 e tb, 0 o bm",
}


@dataclass(frozen=True)
class Step:
    """One instruction of a row of the window.

    kind    "ldr": load a word `move` codes behind the one before, which moves the pointer; "code": load the code
            that lies there, which does not; "odd", "even": the halves of register `data`; "mac": add the halves of
            `data` times weights to the sum in `to`, from the one in `begin` on.
    half    of a "mac": "ad" both halves times the outer weights, else "b" or "t".
    weight  of a "mac" of one half: "m", the weight between, or "b" or "t", that half of the outer weights.
    """

    kind: str
    to: str
    data: str = ""
    begin: str = ""
    half: str = ""
    weight: str = ""
    move: int = 0


@dataclass(frozen=True)
class Block:
    """A block of neighbouring outputs.

    sums  the register of each output's sum. They start with the bias, in y3 at the left end and else in y0; that of
          the output beside a column of padding is there from the start, in the first or in the last register.
    rows  the steps of each row of the window.
    """

    sums: tuple[str, ...]
    rows: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True)
class Fours:
    """The blocks of a row.

    two    a last block of two, which a row may have in place of `last`,
    back   how many outputs the last block does again,
    loops  whether there are blocks between the first and the last,
    ahead  how much further than four codes a row's next channel begins than the last word that was read.
    """

    left: Block | None
    middle: Block
    last: Block
    two: Block | None
    back: int
    loops: bool
    ahead: int

    @property
    def size(self) -> int:
        """Outputs of the last block."""
        return len(self.last.sums)


def fours_of(width_in: int, width: int, stride: int, left: int, edge: bool, common: bool) -> Fours | None:
    """The blocks of a row of `width` outputs; none where there are no steps for how it begins and ends.

    left: columns of padding before a row, 0 or 1; edge: whether there is one behind; common: whether rows of 4k and
    of 4k + 2 outputs have the same blocks, so that layers share a function.
    """
    if stride == 1 and not (left and edge):
        return None
    last_word = (width - 2) * stride - left - (edge and stride == 1)
    rest = width - 4 * left
    size, back = ((4, 0), (2, 1), (2, 0), (4, 1))[rest % 4]
    loops = (rest + back - size) // 4
    if loops < (0 if left else 1):
        return None
    ahead = width_in - last_word - 4
    begin = block(stride, "left", 4, 4 + ahead) if left else None
    end = "edge" if edge else "middle"
    two = None
    if common and loops and not back:
        size, two = 4, block(stride, end, 2, step_of(stride, 2))
    last = block(stride, end, size, step_of(stride, size) - back * stride)
    return Fours(begin, block(stride, "middle", 4), last, two, back, loops > 0, ahead)


def step_of(stride: int, size: int) -> int:
    """By how much the first load of a last block moves, if it does no output again."""
    return 4 if stride == 2 else size // 2


def block(stride: int, part: str, size: int, first: int | None = None) -> Block:
    """A block whose first load moves by `first`, else by what its steps say."""
    words = [text.split() for text in STEPS[stride, part, size].split(", ")]
    words[0][2] = words[0][2] if first is None else f"{first}"
    own = {"left": "0", "edge": f"{size - 1}"}.get(part, "")
    order = list(dict.fromkeys(word[0] for word in words if word[0].isdigit() and word[0] != own))
    bias, home = ("y3" if part == "left" else "y0"), {own: f"y{own}"}
    free = [name for name in map("y{}".format, range(size)) if name not in (bias, home[own])]
    home |= dict(zip(order, [*free, bias], strict=True))
    rows = []
    for i in range(3):
        begun, row = set(order if i else ()) | {own}, []
        for word in words if i else with_pair(words, {output: home[output] for output in order[:-1]}):
            row.append(step(word, home, home.get(word[0], "") if word[0] in begun else bias))
            begun.add(word[0])
        rows.append(tuple(row))
    return Block(tuple(home[f"{output}"] for output in range(size)), tuple(rows))


def with_pair(words: list[list[str]], home: dict[str, str]) -> list[list[str]]:
    """The steps of the first row with its two loads together, if the register of a later sum is free for one.

    Of two loads one behind the other the first takes a cycle less.
    """
    second = next((k for k, word in enumerate(words) if k and word[0] == "ldr"), 0)
    begun = {word[0] for word in words[:second]}
    free = next((register for output, register in home.items() if output not in begun), "")
    if second < 2 or not free or words[second + 2][0] != "even":
        return words
    unpacked = [[kind, to, free] for kind, to, _ in words[second + 1 : second + 3]]
    return [words[0], ["ldr", free, words[second][2]], *words[1:second], *unpacked, *words[second + 3 :]]


def step(word: list[str], home: dict[str, str], begin: str) -> Step:
    """A step as it is written in `STEPS`, on registers."""
    kind, data, last = word
    if kind in ("ldr", "code"):
        return Step(kind, data, move=int(last))
    if kind in ("odd", "even"):
        return Step(kind, data, last)
    return Step("mac", home[kind], data, begin, *((last, "") if last == "ad" else last))
