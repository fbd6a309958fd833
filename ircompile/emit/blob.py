"""Weights as a file of their own: NAME_weights.bin, for external flash and field updates.

Little-endian: magic "IRCW", uint16 version, uint16 header bytes, uint64 model hash, uint32 payload bytes, uint32
CRC-32 of the payload (as zlib's), 8 bytes of 0; then the payload: every constant array at a multiple of 4 bytes.
`NAME_bind_weights` checks all of it, and that the CRC is that of the blob which was written with the C: the blob of
the same model for another core has the same model hash and often the same size, but other bytes.
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from ircompile.ir.tensor import Array

MAGIC = b"IRCW"
VERSION = 1
HEADER = struct.Struct("<4sHHQII8x")
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
