"""The constant arrays of NAME_weights.c, or of the blob."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ircompile.ir.tensor import Array
from ircompile.kernels.model import Constant

MAGIC = b"IRCW"
VERSION = 1
HEADER = struct.Struct("<4sHHQII8x")
"""NAME_weights.bin, weights as a file of their own, for external flash and field updates.

Little-endian: magic "IRCW", uint16 version, uint16 header bytes, uint64 model hash, uint32 payload bytes, uint32
CRC-32 of the payload (as zlib's), 8 bytes of 0; then the payload: every constant array at a multiple of 4 bytes.
`NAME_bind_weights` checks all of it, and that the CRC is that of the blob which was written with the C: the blob of
the same model for another core has the same model hash and often the same size, but other bytes.
"""
ALIGN = 4


def offsets_of(arrays: Sequence[Array]) -> list[int]:
    """Where each array begins, counted from the start of the file."""
    offsets, at = [], HEADER.size
    for array in arrays:
        offsets.append(at)
        at += -(-array.nbytes // ALIGN) * ALIGN
    return offsets


def make_blob(arrays: Sequence[Array], model_hash: str) -> bytes:
    """The whole file. `model_hash`: 16 hexadecimal digits."""
    parts = []
    for array in arrays:
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        parts.append(data + bytes(-len(data) % ALIGN))
    payload = b"".join(parts)
    header = HEADER.pack(MAGIC, VERSION, HEADER.size, int(model_hash, 16), len(payload), zlib.crc32(payload))
    return header + payload


C_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "uint8": "uint8_t", "uint16": "uint16_t",
           "uint32": "uint32_t", "float32": "float"}  # fmt: skip


@dataclass(frozen=True)
class CArray:
    """A constant array in C; `memory` is the number of the memory that holds it."""

    name: str
    values: Array
    comment: str
    memory: int

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
    """The constant arrays of a program, with their names in C."""

    def __init__(self, constants: Sequence[Constant], prefix: str, in_blob: bool = False) -> None:
        self.in_blob = in_blob
        self._arrays = {constant.key: _c_array(constant, prefix) for constant in constants}

    @property
    def arrays(self) -> list[CArray]:
        """In the order in which they are read."""
        return list(self._arrays.values())

    def name_of(self, values: Array) -> str:
        """The name of the array that has these values."""
        return self._arrays[Constant("", "", values).key].name

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


def _c_array(constant: Constant, prefix: str) -> CArray:
    layout = constant.layout or " x ".join(map(str, constant.values.shape))
    comment = f"{constant.node}: {constant.role}, {layout}"
    return CArray(f"{prefix}_{constant.node}_{constant.role}", constant.values, comment, constant.memory)
