"""What a requantization looks like in C: a form, its immediates, and the words each channel brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ircompile.ir.tensor import Array
from ircompile.qtype import INT8, QType

Name = Literal["high", "split", "twice", "double", "single", "wide", "float32", "steps"]
Ties = Literal["up", "away", "even"]
Storage = Literal["words", "beside start", "halves", "tied", "short", "pairs", "three halves"]
LINES = ("high", "split")
WORD, HALF, THIRD, BYTE = 32, 16, 10, 8
MULTIPLIER_BITS = WORD - 1  # without a sign
OFFSET_BITS = 11  # beside a start of 21 bits
SCALE_BITS = 27  # of a float32 from LEAST_SCALE to below 2
LEAST_SCALE = 0x38000000  # the bits of 2^-15
MANTISSA_BITS = 24  # of a float32
LOW_BITS = 3  # of a start of 19 bits, in the lowest of a multiplier
NO_EXCEPTION = -(2**31)  # an accumulator that never occurs


@dataclass(frozen=True)
class Form:
    """A shape of code; layers of equal form share it.

    name        "high":  (offset + high word of x * multiplier) >> shift, saturated, with x = acc << pre;
                "split": the same from 32-bit products of x with the `limb`-bit parts of the multiplier.
                "twice": TFLite's two roundings as two high multiplications (`twice`), x = acc << 1.
                Long forms: "double", "single" and "wide" (TFLite's with a 64-bit product), "float32" (ONNX
                Runtime's, in the FPU or in integers), "steps" (a binary search of 255 thresholds: any monotone
                function, no multiply).
    low, high   the clamp, where saturation to the type of the codes is not enough.
    code        that type.
    long        "wide": accumulators have 64 bits, and start with two words, the low one first.
    shift       the immediate; None where each channel brings its own.
    pre         left shift of the accumulator, which a kernel may have in its weights for nothing.
    rounded     "high": the high word is rounded (SMMLAR), not floored (SMMLA).
    kink        where the accumulator is negative, the sum is less: by one, in "split" by the channel's word.
    exceptions  how many single accumulators of each channel have a code that is one higher.
    parts       "split": parts of the multiplier, 2 or 3.
    limb        "split": bits of a lower part.
    shared      all channels have the same words (but word 0).
    storage     how a channel's words are stored. "words": each field is one. "beside start": the lowest OFFSET_BITS
                of word 0 are the offset, the others the start. "halves": parts of the multiplier have 16 bits, two
                of them a word, or three of at most 10 bits are one. "tied": so, and the lowest byte of the offset
                is the shift. "short": in a stream, two multipliers and then their offsets, the halves of a word.
                "pairs": in a stream, two multipliers and a word; its lower half is the offset of the first channel,
                and all of it that of the second, whose form is `second`.
                "three halves": 16-bit words, three a channel. The first two, the low one first, are the lowest
                bits of the start, and above them those of the scale less those of LEAST_SCALE, or a multiplier's,
                which is taken with the start's; the third is the rest of the start. Before all channels stands the
                zero point, of which a base is made.
    quick       "float32": a product in fixed point, in units of 2^-shift codes, tells the code but next to ties.
                The scale is a multiplier in units of 2^-exponent. From the top, a part has `limb` of its 31 bits.
    beside      "pairs": sums of second channels come times 2^beside, from weights that share halfwords.
    """

    name: Name
    low: int = INT8.low
    high: int = INT8.high
    shift: int | None = None
    pre: int = 0
    rounded: bool = False
    kink: bool = False
    exceptions: int = 0
    parts: int = 0
    limb: int = 0
    shared: bool = False
    code: QType = INT8
    long: bool = False
    storage: Storage = "words"
    quick: bool = False
    beside: int = 0

    @property
    def key(self) -> str:
        """A part of a C identifier, the form's own; how words are stored has none."""
        parts: list[str] = [self.name]
        if self.name in LINES:
            parts += ["rounded"] * self.rounded + ["kink"] * self.kink
            parts += [f"{self.parts}x{self.limb}"] if self.parts else []
            parts += [] if self.shift is None else [str(self.shift)]
            parts += [f"but{self.exceptions}"] if self.exceptions else []
        parts += [f"quick{self.exponent}"] * self.quick + ["long"] * self.long
        parts += [self.code.name] * (self.code != INT8)
        if (self.low, self.high) != self.code.range:
            parts += [f"{self.low}_{self.high}".replace("-", "m")]
        return "_".join(parts)

    def is_quick(self, shifted: int = 0) -> bool:
        """Whether it is a multiplication and a saturation that shifts, SMMLAR and SSAT, of sums times 2^shifted."""
        line = self.name == "high" and self.rounded and self.shift is not None and self.pre == shifted
        return line and not self.kink and not self.exceptions and (self.low, self.high) == INT8.range

    @property
    def three_words(self) -> bool:
        """Whether a channel has three words in a stream, which are read at once."""
        return self.storage == "words" and len(self.fields) == 3

    @property
    def second(self) -> Form | None:
        """Of "pairs": the form of every second channel."""
        if self.storage != "pairs":
            return None
        assert self.shift is not None
        return replace(self, storage="words", beside=0, pre=self.beside, shift=self.shift + self.beside - self.pre)

    @property
    def unit(self) -> int:
        """Low bits of x * multiplier that do not reach the sum."""
        return 32 if self.name == "high" else self.limb * (self.parts - 1)

    @property
    def exponent(self) -> int:
        """A quick form's bits of the multiplier that are below one."""
        return (self.shift or 0) - self.pre + (MULTIPLIER_BITS - self.limb if self.parts else WORD)

    @property
    def near(self) -> int:
        """How many sums next to a tie a quick form leaves to float32 arithmetic, a power of two."""
        return 1 << (self.parts + WORD - 1 - self.parts * self.limb) if self.parts else 2

    @property
    def half(self) -> int:
        """A quick form's base less the zero point: half a code, for rounding, and half of `near`."""
        return (1 << (self.shift or 0) >> 1) + self.near // 2

    @property
    def calls(self) -> bool:
        """Whether the C may call a function, which leaves only some registers as they are."""
        return self.quick

    @property
    def low_bits(self) -> int:
        """How many bits of the start are in the first word of "three halves"."""
        return LOW_BITS if self.quick else WORD - SCALE_BITS

    @property
    def parts_of_multiplier(self) -> tuple[tuple[str, int], ...]:
        """The parts in which a quick form multiplies, the highest first, and which bit of it each begins at."""
        names = ("upper", "middle", "lower") if self.parts == 3 else ("upper", "lower")
        return tuple((name, MULTIPLIER_BITS - self.limb * (i + 1)) for i, name in enumerate(names))

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the C function takes after the accumulator."""
        if self.name == "steps":
            return ("thresholds",)
        if self.name == "float32":
            return ("multiplier", "base") if self.quick else ("scale", "zero_point")
        if self.name == "twice":
            return ("multiplier", "factor", "zero_point")
        if self.name not in LINES:
            return ("multiplier", "shift", "zero_point")
        multiplier = {0: ("multiplier",), 2: ("upper", "lower"), 3: ("upper", "middle", "lower")}[self.parts]
        return (
            *multiplier,
            "offset",
            *(("shift",) if self.shift is None else ()),
            *(("kink",) if self.kink and self.name == "split" else ()),
            *(f"exception{i}" for i in range(self.exceptions)),
        )

    @property
    def fields(self) -> tuple[str, ...]:
        """What a channel's words hold after word 0, the bias."""
        return tuple(name for name in self.parameters if name not in self.common)

    @property
    def places(self) -> Mapping[str, tuple[int, int, int]]:
        """Where fields are stored: word, lowest bit and number of bits."""
        places, names, first = dict[str, tuple[int, int, int]](), list(self.fields), self.starts
        if self.storage == "beside start":
            places["offset"] = (0, 0, OFFSET_BITS)
        if self.storage == "three halves":
            return {self.fields[0]: (0, self.low_bits, WORD - self.low_bits)}
        if self.storage in ("halves", "tied"):
            if self.in_thirds:
                places |= {name: (first, THIRD * i, THIRD) for i, name in enumerate(names[2::-1])}
            else:
                lower = names[self.parts - 2 : self.parts]
                places |= {name: (first, HALF * i, HALF) for i, name in enumerate(lower)}
            first += 1
        names = [name for name in names if name not in places and (name != "shift" or self.storage != "tied")]
        places |= {name: (first + i, 0, WORD) for i, name in enumerate(names)}
        return places | ({"shift": (places["offset"][0], 0, BYTE)} if self.storage == "tied" else {})

    @property
    def in_thirds(self) -> bool:
        """Whether three parts of a multiplier are one word, where parts share words."""
        return self.parts == 3 and self.limb <= THIRD

    @property
    def fields_count(self) -> int:
        """Words of a channel, of 32 bits or of 16."""
        if self.storage == "three halves":
            return 3
        if self.name == "steps":
            return INT8.count
        return max((word + 1 for word, _, _ in self.places.values()), default=self.starts)

    def tail(self, channels: int) -> int:
        """Words of an even number of channels in a stream, without those that sums start with."""
        if self.storage in ("short", "pairs"):
            return 3 * channels // 2
        return channels * (self.fields_count - self.starts)

    @property
    def starts(self) -> int:
        """Words that an accumulator starts with."""
        return 2 if self.long else 1

    @property
    def common(self) -> tuple[str, ...]:
        """What the layer's common words hold."""
        if self.name in ("twice", "double", "single", "wide", "float32"):
            return ("base" if self.quick else "zero_point",)
        return self.parameters if self.shared else ()


@dataclass(frozen=True)
class Recipe:
    """How the accumulators of one layer become codes.

    words   int32 (C, k): word 0 (of a long form, and word 1) starts the accumulator (the bias, possibly moved), the
            others are `form.fields`.
    common  int32 (k,): what all channels of the layer share, `form.common`.
    exact   channels counted by how they were matched, for the report.
    """

    form: Form
    words: Array
    common: Array
    exact: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PairForm:
    """A shape of code for a sum of two scaled codes; kernels of equal form share it.

    ties  "up": none is left to correct. "away", "even": the sum is exact, its ties go away from zero (one is
          subtracted from negative sums) or to even (the lowest integer bit is added), then `middle` is added.
    """

    shift: int
    ties: Ties = "up"
    low: int = INT8.low
    high: int = INT8.high
    name: Literal["pair"] = "pair"

    @property
    def code(self) -> QType:
        """The type of the codes."""
        return INT8

    @property
    def key(self) -> str:
        """A part of a C identifier, the form's own."""
        clamp = "" if (self.low, self.high) == INT8.range else f"_{self.low}_{self.high}".replace("-", "m")
        return f"pair_{self.ties}_{self.shift}{clamp}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the C function takes after the two codes."""
        return ("multiplier_a", "multiplier_b", "offset") + (() if self.ties == "up" else ("middle",))


@dataclass(frozen=True)
class PairRecipe:
    """A form and its int32 constants, by the form's parameters."""

    form: PairForm
    values: tuple[int, ...]
