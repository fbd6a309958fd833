"""The assembly of depthwise convolution on strips for Helium: four or eight outputs of a channel at once.

Windows of neighbouring outputs are vectors of the strips, `stride` columns apart; two sums at a time go into
vectors.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ircompile.kernels.requantize.lanes import Lanes
from ircompile.qtype import INT8

REGISTERS = 8
MOST_STRIPS = 2  # whose pointers have registers beside all else that a turn needs
Part = tuple[int, int, int, int]
IN_REACH = 2**7 - 1  # bytes that a load reaches from its pointer, and that a pointer moves by on its way
MOST_PARTS = 5  # vectors of a filter that have registers


@dataclass(frozen=True)
class Block:
    """What the windows of a block are.

    parts    (strip, first byte there, ..) of each vector of a window; pitches: bytes of a column of each strip.
    vectors  1: its lanes are outputs 0 to 3; 2: those of `sum_0` are the even outputs, of `sum_1` the odd ones.
    shared   a vector holds the windows of two outputs, which the filter `w0`, and that moved by a column, multiply.
    """

    parts: tuple[Part, ...]
    pitches: tuple[int, ...]
    stride: int
    vectors: int
    shared: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """The instructions, which move the strips' pointers on; none if registers or offsets do not suffice."""
        if len(self.parts) > MOST_PARTS or self.farthest > IN_REACH:
            return ()
        return tuple(self._with_two() if self.vectors == 2 else self._with_one())

    def turn(self, lanes: Lanes, apart: bool) -> tuple[str, ...]:
        """The same, and codes that are stored; none if registers do not suffice, or for another requantization.

        `row` moves on; without `apart` codes are scattered, and `step` is how far the outputs of a block are.
        """
        line = lanes.kind == "line" and lanes.shift is not None and not lanes.kink
        vectors = len(self.parts) + self.shared + 2 + self.vectors + (not apart)
        fits = vectors <= REGISTERS and len(self.pitches) <= MOST_STRIPS
        if not (line and fits and (lanes.low, lanes.high) == INT8.range and self.lines):
            return ()
        return (*self.lines, *self._codes(lanes), *self._store(apart))

    def _codes(self, lanes: Lanes) -> Iterator[str]:
        for v in range(self.vectors):
            yield f"vadd.i32 %q[sum_{v}], %q[sum_{v}], %[bias]"
            yield from [f"vshl.i32 %q[sum_{v}], %q[sum_{v}], #{lanes.extra}"] * (lanes.extra > 0)
            yield f"vq{'r' * lanes.rounded}dmlash.s32 %q[sum_{v}], %q[multiplier], %[offset]"
        for v, end in zip(range(self.vectors), "bt", strict=False):
            by = f", #{lanes.shift}" if lanes.shift else ""
            yield f"{'vqrshrn' if lanes.shift else 'vqmovn'}{end}.s32 %q[sum_0], %q[sum_{v}]{by}"
        yield "vqmovnb.s16 %q[sum_0], %q[sum_0]"

    def _store(self, apart: bool) -> Iterator[str]:
        size = 32 // self.vectors
        if apart:
            yield f"vstrb.{size} %q[sum_0], [%[row]], #{4 * self.vectors}"
        else:
            yield f"vstrb.{size} %q[sum_0], [%[row], %q[places]]"
            yield "add %[row], %[row], %[step]"

    @property
    def farthest(self) -> int:
        """The largest offset."""
        outputs = 4 * self.vectors
        last = max((outputs - 1) * self.stride * self.pitches[strip] + byte for strip, byte, *_ in self.parts)
        return max(last, outputs * self.stride * max(self.pitches))

    def _with_one(self) -> Iterator[str]:
        for output in (2, 0) if self.shared else (3, 2, 1, 0):
            yield from self._window(output, (output, output + 1))
        yield from ("vmov %q[sum_0][2], %q[sum_0][0], %[acc_0], %[acc_2]",)
        yield from ("vmov %q[sum_0][3], %q[sum_0][1], %[acc_1], %[acc_3]",)

    def _with_two(self) -> Iterator[str]:
        for half in (1, 0):
            for far in (1, 0):
                first = 2 * half + 4 * far
                accumulators = (2 * far, 2 * far + 1)
                yield from () if self.shared else self._window(first + 1, accumulators[1:])
                yield from self._window(first, accumulators)
            for odd in range(2):
                lanes = f"%q[sum_{odd}][{half + 2}], %q[sum_{odd}][{half}]"
                yield f"vmov {lanes}, %[acc_{odd}], %[acc_{2 + odd}]"

    def _window(self, output: int, accumulators: tuple[int, ...]) -> Iterator[str]:
        """The sum of one output, or of two; the loads of output 0 come last, and move the pointers."""
        adds = ""
        for i, (strip, byte, *_) in reversed(list(enumerate(self.parts))):
            step = self.stride * self.pitches[strip]
            moves = output == 0 and byte == 0
            at = f"], #{4 * self.vectors * step}" if moves else f", #{output * step + byte}]"
            yield f"vldrb.8 %q[v], [%[s{strip}]{at}"
            yield f"vmladav{adds}.s8 %[acc_{accumulators[0]}], %q[v], %q[w{i}]"
            if self.shared:
                yield f"vmladav.s8 %[acc_{accumulators[1]}], %q[v], %q[next]"
            adds = "a"
