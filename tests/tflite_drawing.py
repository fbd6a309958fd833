"""What a random TFLite network is drawn with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tflite_files import Op, T, const

Shape = tuple[int, ...]
ELEMENTS = 3000
SCALE = 0.07


@dataclass
class Chain:
    """A network as far as it is drawn; `values` are the tensors that an operator can read."""

    rng: np.random.Generator
    dtype: str
    zero: int
    tensors: list[T] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)

    def below(self, number: int) -> int:
        """A random integer from 0 to `number` - 1."""
        return int(self.rng.integers(number))

    def chance(self, one_in: int) -> bool:
        """True once in so many times."""
        return self.below(one_in) == 0

    def codes(self, shape: Shape, scale: float, zero: int) -> int:
        """A new quantized tensor."""
        self.tensors.append(T(shape, self.dtype, scale, zero))
        return len(self.tensors) - 1

    def moved(self, x: int, shape: Shape) -> int:
        """A new tensor, quantized like `x`."""
        return self.codes(shape, self.tensors[x].scale, self.tensors[x].zero)

    def constant(self, values: Any, dtype: str = "int32", scale: Any = None, zero: int = 0) -> int:
        """A new constant."""
        self.tensors.append(const(values, dtype, scale, zero))
        return len(self.tensors) - 1

    def quantization(self, index: int) -> tuple[float, int]:
        """Scale and zero point of a tensor."""
        return self.tensors[index].scale, self.tensors[index].zero

    def shape(self, index: int) -> Shape:
        """The shape of a tensor."""
        return self.tensors[index].shape

    def add(self, kind: str, inputs: list[int], outputs: list[int], **options: Any) -> None:
        """A new operator."""
        self.ops.append(Op(kind, inputs, outputs, options))
        self.values += outputs


def input_shape(rng: np.random.Generator) -> Shape:
    """A shape of rank 1 to 5; axes of size 1 are common, a batch is not."""
    rank = int(rng.choice([1, 2, 3, 4, 4, 4, 4, 5]))
    shape = [int(rng.choice([1, 2, 3, 4, 5, 7], p=[0.16, 0.2, 0.2, 0.2, 0.14, 0.1])) for _ in range(rank)]
    if rank > 3:
        shape[0] = 1
    return tuple(shape)


def factors(c: Chain, count: int, rank: int) -> Shape:
    """A random shape of `rank` axes with as many elements."""
    shape = [1] * rank
    while count > 1:
        prime = next((p for p in range(2, count + 1) if count % p == 0), count)
        shape[c.below(rank)] *= prime
        count //= prime
    return tuple(shape)


def some_axis(c: Chain, shape: Shape) -> int:
    """An axis, most times one of more than one element."""
    wide = [axis for axis, size in enumerate(shape) if size > 1]
    return wide[c.below(len(wide))] if wide and not c.chance(5) else c.below(len(shape))


def signed(c: Chain, axis: int, rank: int) -> int:
    return axis - rank if c.chance(3) else axis


def with_size(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


def fits(small: Shape, large: Shape) -> bool:
    """Whether a shape broadcasts to another."""
    tail = large[len(large) - len(small) :]
    return len(small) <= len(large) and all(a in (1, b) for a, b in zip(small, tail, strict=True))
