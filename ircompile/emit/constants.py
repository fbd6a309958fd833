"""The constant arrays of NAME_weights.c, or of the blob."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from ircompile.emit.blob import HEADER, make_blob, offsets_of
from ircompile.errors import CompileError
from ircompile.ir.graph import Node
from ircompile.ir.tensor import Array
from ircompile.plan import Plan
from ircompile.plan.candidate import aligned
from ircompile.plan.work import weight_passes
from ircompile.target import MemoryRegion

C_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "uint8": "uint8_t", "uint16": "uint16_t",
           "uint32": "uint32_t", "float32": "float"}  # fmt: skip


@dataclass(frozen=True)
class CArray:
    """A constant array; `node` is the first that reads it."""

    name: str
    values: Array
    comment: str
    node: str

    @property
    def c_type(self) -> str:
        """Its element type in C."""
        return C_TYPES[self.values.dtype.name]

    @property
    def count(self) -> int:
        """Its elements."""
        return int(self.values.size)

    @property
    def text(self) -> str:
        """Its initializer, about 110 columns wide."""
        lines, line = [], "   "
        for value in self.values.reshape(-1).tolist():
            word = f" {literal(value)},"
            if len(line) + len(word) > 112:
                lines.append(line)
                line = "   "
            line += word
        return "\n".join([*lines, line])


def literal(value: int | float) -> str:
    """A constant of C; a float32 keeps every bit."""
    if isinstance(value, float):
        return f"{value!r}f"
    return "INT32_MIN" if value == -(2**31) else str(value)


class Constants:
    """All constant arrays of a model; equal contents are written once."""

    def __init__(self, prefix: str, in_blob: bool = False) -> None:
        self.prefix, self.in_blob = prefix, in_blob
        self._arrays: dict[bytes, CArray] = {}

    @property
    def arrays(self) -> list[CArray]:
        """In the order in which they were asked for."""
        return list(self._arrays.values())

    def array(self, node: Node, suffix: str, values: Array, layout: str = "") -> CArray:
        """The array with these values; `layout` says in its comment what they are."""
        values = np.ascontiguousarray(values)
        key = values.dtype.name.encode() + values.tobytes()
        if key not in self._arrays:
            comment = f"{node.name}: {suffix}, {layout or ' x '.join(map(str, values.shape))}"
            self._arrays[key] = CArray(f"{self.prefix}_{node.name}_{suffix}", values, comment, node.name)
        return self._arrays[key]

    def places(self, plan: Plan, flash: Sequence[MemoryRegion]) -> list[int]:
        """For each array the number of its memory: those read most often go to the first that has room.

        Raises CompileError where there is no room.
        """
        passes = {node.name: weight_passes(plan, node) for node in plan.graph.nodes}
        room: list[float] = [region.bytes for region in flash] or [inf]
        places: dict[str, int] = {}
        for array in sorted(self.arrays, key=lambda a: (-passes[a.node], a.values.nbytes)):
            bytes_taken = aligned(array.values.nbytes)
            number = next((i for i, free in enumerate(room) if free >= bytes_taken), None)
            if number is None:
                total = sum(aligned(a.values.nbytes) for a in self.arrays)
                raise CompileError(
                    f"--flash: {array.name}",
                    f"no room for its {bytes_taken} bytes; the constants are {total} in all",
                    "memories that hold all constants",
                    "give the last one more: --flash NAME=SIZE",
                )
            room[number] -= bytes_taken
            places[array.name] = number
        return [places[array.name] for array in self.arrays]

    def blob(self, model_hash: str) -> bytes:
        """NAME_weights.bin."""
        return make_blob([array.values for array in self.arrays], model_hash)

    def blob_context(self, model_hash: str, pointer: str) -> dict[str, object]:
        """What the templates say of a blob: sizes, offsets, the header's words as they read from memory.

        `pointer` is the C expression of where its address is kept.
        """
        data = self.blob(model_hash)
        words = [f"{word:08x}" for word in struct.unpack_from("<6I", data)]
        offsets = offsets_of([array.values for array in self.arrays])
        names = ("magic", "version", "hash_low", "hash_high", "payload", "crc")
        return {"bytes": len(data), "header": HEADER.size, "offsets": offsets, "pointer": pointer,
                **dict(zip(names, words, strict=True))}  # fmt: skip
