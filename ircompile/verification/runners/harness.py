"""What the runners share: the harness's source, and the bytes that go in and come out."""

import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ircompile.emit.templating import environment
from ircompile.errors import CompileError
from ircompile.interface import Interface, Port
from ircompile.target import EmulatedBoard, list_targets
from ircompile.verification.runners.build import Sizes, text_of
from ircompile.verification.runners.counts import Counts

Array = npt.NDArray[np.generic]
Vector = Sequence[Array]
"""One array for each input port."""


_GUARD = 64


@dataclass(frozen=True)
class RunResult:
    """What came out of one execution over all vectors.

    ``outputs[v][p]`` is output port p of vector v, in its shape (H, W, C) and type. ``arena_touched`` counts the
    bytes from the arena's start to the last one written, of all regions together; ``stack_bytes`` is the deepest
    stack below the call (measured on boards only; figures under 32 bytes may be the harness's own); ``ready_row``
    the row at which push_row first returned 1 (rows mode only). ``sizes``, and ``library_symbols`` (what the
    emitted objects link from libraries), are of the objects that ran: None and empty for a sanitized build, where
    they mean nothing.
    """

    outputs: list[list[Array]]
    arena_touched: int
    stack_bytes: int | None
    ready_row: int | None
    sizes: Sizes | None
    library_symbols: tuple[str, ...]
    counts: Counts | None = None


def render(template: str, to: Path, **values: object) -> Path:
    """Fill in a template of templates/boards/ and write it to the file ``to``."""
    to.write_text(environment().get_template(f"boards/{template}").render(**values), encoding="utf-8")
    return to


def render_harness(api: Interface, to: Path, passes: int, restart: int = 0) -> Path:
    """Write the harness's main for a model; the first vector runs ``passes`` times (1 or 2).

    A network with memory goes on from vector to vector; with ``restart``, it begins again before every so many.
    """
    if api.input_mode == "rows" and len(api.inputs) != 1:
        raise CompileError(api.name, f"{len(api.inputs)} inputs in rows mode", "one input")
    regions, memory_bytes = _placed(api)
    return render(
        "harness.c.j2",
        to,
        api=api,
        macro=api.macro,
        ports=(*api.inputs, *api.outputs),
        output_bytes=sum(port.bytes for port in api.outputs),
        passes=passes,
        restart=restart,
        regions=regions,
        memory_bytes=memory_bytes,
    )


def _placed(api: Interface) -> tuple[list[dict[str, object]], int]:
    """Regions between guards, aligned to no more than they ask for; and the bytes of all that."""
    double = 2 * api.arena_align
    guard = -(-_GUARD // double) * double
    regions: list[dict[str, object]] = []
    at = guard + api.arena_align
    for region in api.regions:
        macro = f"{api.macro}_{region.name.upper()}_ARENA_BYTES" if api.several else f"{api.macro}_ARENA_BYTES"
        regions.append({"macro": macro, "bytes": region.bytes, "offset": at})
        at += -(-region.bytes // double) * double + guard
    return regions, at


def own_sources(api: Interface, model: Path, folder: Path, passes: int, restart: int = 0) -> list[Path]:
    """The harness's own C files for the model in folder ``model``, written to ``folder``; see `render_harness`."""
    sources = [render_harness(api, folder / "h_harness.c", passes, restart)]
    if api.blob:
        blob = (model / f"{api.name}_weights.bin").resolve()
        sources.append(folder / "h_blob_weights.c")
        sources[-1].write_text(
            '__asm__(".section .rodata\\n .balign 16\\n .global h_blob\\n h_blob:\\n"\n'
            f'        " .incbin \\"{blob}\\"\\n .byte 0\\n .balign 4\\n .text\\n");\n'
        )
    return sources


def encode_inputs(api: Interface, vectors: Sequence[Vector], passes: int) -> bytes:
    """Return the harness's input; raises CompileError when an array is not what its port takes."""
    if not vectors:
        raise CompileError(api.name, "no input vector to run")
    blobs = [b"".join(_encode(api, i, vector)) for i, vector in enumerate(vectors)]
    return struct.pack("<i", len(blobs)) + blobs[0] * (passes - 1) + b"".join(blobs)


def _encode(api: Interface, index: int, vector: Vector) -> Iterator[bytes]:
    if len(vector) != len(api.inputs):
        raise CompileError(
            api.name, f"vector {index} has {len(vector)} arrays", f"{len(api.inputs)}, one for each input"
        )
    for port, array in zip(api.inputs, vector, strict=True):
        if array.shape != port.shape or array.dtype != port.numpy_dtype:
            problem = f"vector {index} input {port.index} is {array.dtype} {array.shape}"
            raise CompileError(api.name, problem, f"{port.dtype} {port.shape}")
        yield np.ascontiguousarray(array).tobytes()


def decode_outputs(
    api: Interface, data: bytes, vectors: int, sizes: Sizes | None, library_symbols: tuple[str, ...]
) -> RunResult:
    """Turn the harness's output into a RunResult; raises CompileError when bytes are missing."""
    expected = vectors * sum(port.bytes for port in api.outputs) + 12
    if len(data) != expected:
        raise CompileError(api.name, f"the harness wrote {len(data)} bytes instead of {expected}")
    at = 0
    outputs = []
    for _ in range(vectors):
        row = []
        for port in api.outputs:
            row.append(_decode(port, data[at : at + port.bytes]))
            at += port.bytes
        outputs.append(row)
    touched, stack, ready = (int(value) for value in np.frombuffer(data[at:], "<i4"))
    return RunResult(
        outputs, touched, stack if stack >= 0 else None, ready if ready >= 0 else None, sizes, library_symbols
    )


def _decode(port: Port, data: bytes) -> Array:
    return np.frombuffer(data, port.numpy_dtype.newbyteorder("<")).reshape(port.shape).astype(port.numpy_dtype)


def failure_text(stderr: bytes, stdout: bytes = b"") -> str:
    """Return what went wrong in the words of the harness if it spoke, else everything that was printed."""
    printed = "\n".join(part for part in (text_of(stdout), text_of(stderr)) if part)
    for line in printed.splitlines():
        if line.startswith(("HARNESS: ", "FAULT:")):
            return line.removeprefix("HARNESS: ")
    return printed or "no message"


def no_board(where: str) -> CompileError:
    """The error of a target that is not emulated."""
    known = ", ".join(target.name for target in list_targets() if target.board)
    hint = "--target of one of these; a target's file of your own names its 'board'"
    return CompileError(where, "the target has no emulated board", known, hint)


def emulator(board: EmulatedBoard) -> list[str]:
    """QEMU's command for a board, without anything that it would show."""
    quiet = ["-display", "none", "-monitor", "none", "-serial", "none", "-nodefaults", "-nic", "none"]
    return ["qemu-system-arm", "-M", board.machine, *quiet, "-semihosting-config", "enable=on,target=native"]


@contextmanager
def build_folder() -> Iterator[Path]:
    """A temporary folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ircompile-") as folder:
        yield Path(folder).resolve()
