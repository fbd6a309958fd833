"""Faults of emission: wrong numbers, which a compile reads back, and wrong statements, which the ladder runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from compiler_faults import CompilerFault, Plant, wrapped
from fault_nets import NETS

from ircompile.emit import calls, geometry, memory
from ircompile.emit.constants import CArray, Constants
from ircompile.ir.tensor import Array
from ircompile.plan.model import Buffer


@dataclass(frozen=True)
class CodeFault:
    """Text of NAME.c that is replaced wherever it stands, in the C of which network."""

    mechanism: str
    what: str
    net: str
    right: str
    wrong: str


def offset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tensor lies four bytes further."""
    right = memory.Memory._buffer

    def moved(self: memory.Memory, tail: str, buffer: Buffer, height: int) -> str:
        first = next(iter(self._declared), f"{self.prefix}_{tail}") == f"{self.prefix}_{tail}"
        return right(self, tail, replace(buffer, offset=buffer.offset + 4 * first), height)

    monkeypatch.setattr(memory.Memory, "_buffer", moved)


def buffers(**changes: Callable[[Buffer], int]) -> Plant:
    """Changes what is written of all tensors' places."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        right = memory.Memory._buffer

        def changed(self: memory.Memory, tail: str, buffer: Buffer, height: int) -> str:
            values: dict[str, Any] = {field: make(buffer) for field, make in changes.items()}
            return right(self, tail, replace(buffer, **values), height)

        monkeypatch.setattr(memory.Memory, "_buffer", changed)

    return plant


def other_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer is handed the constants of the first."""
    monkeypatch.setattr(Constants, "name_of", lambda self, values: self.arrays[0].name)


def shifted_array(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array begins with its second element."""
    right = CArray.text.fget  # type: ignore[attr-defined]
    array: Callable[[Array], Array] = lambda values: values.reshape(-1)[[*range(1, values.size), 0]]  # noqa: E731
    monkeypatch.setattr(CArray, "text", property(lambda self: right(replace(self, values=array(self.values)))))


def step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels of outputs lie a code further from each other."""
    right = geometry.constant

    def changed(struct: str, sizes: dict[str, int]) -> str:
        return right(struct, {n: v + (n == "pixel_step") for n, v in sizes.items()})

    monkeypatch.setattr(calls, "constant", changed)


def shared_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that share their numbers are told of a channel more."""
    right = geometry.constant

    def changed(struct: str, sizes: dict[str, int], name: str) -> str:
        return right(struct, {n: v + (n == "channels_out") for n, v in sizes.items()}, name)

    monkeypatch.setattr(geometry, "constant", changed)


def window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows begin a row further down."""
    right = calls.window_call

    def moved(prefix: str, window: Any, first: str, *others: str) -> list[str]:
        return right(prefix, window, f"{first} + 1", *others)

    monkeypatch.setattr(calls, "window_call", moved)


def exchanged_operands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are handed their inputs in the opposite order."""
    right = calls.Calls._inputs

    def changed(self: calls.Calls, *given: Any) -> tuple[list[str], list[str]]:
        lines, arguments = right(self, *given)
        return lines, arguments[::-1]

    monkeypatch.setattr(calls.Calls, "_inputs", changed)


def other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels of rows are handed the one behind."""
    right = calls.Calls._row_of
    monkeypatch.setattr(calls.Calls, "_row_of", lambda self, *given: f"{right(self, *given)} + 1")


EMITTED = [
    CompilerFault("emitted numbers", "the operands of an addition exchanged", NETS["blocks"], exchanged_operands),
    CompilerFault("emitted numbers", "the row that a step is handed", NETS["blocks"], other_rows),
    CompilerFault("emitted numbers", "the offset of a tensor", NETS["separable"], offset),
    CompilerFault("emitted numbers", "slots of a ring", NETS["separable"], buffers(slots=lambda b: b.slots + 1)),
    CompilerFault("emitted numbers", "the slot of a tensor's first row", NETS["separable"],
                  buffers(slot_offset=lambda b: b.slot_offset + 1)),
    CompilerFault("emitted numbers", "bytes from row to row", NETS["separable"],
                  buffers(pitch=lambda b: b.pitch - 1)),
    CompilerFault("emitted numbers", "offsets of scratch and sums", NETS["dense"],
                  wrapped(memory.Memory, "_within", lambda offset: offset + 4)),
    CompilerFault("emitted numbers", "codes from pixel to pixel", NETS["separable"], step),
    CompilerFault("emitted numbers", "channels of layers that share their numbers", NETS["separable"],
                  shared_numbers),
    CompilerFault("emitted numbers", "the first row of a window", NETS["separable"], window),
    CompilerFault("emitted numbers", "a layer with constants of another", NETS["dense"], other_constant),
    CompilerFault("emitted numbers", "a stream of constants from its second word on", NETS["dense"], shifted_array),
]  # fmt: skip
"""Those that a compile must find when it reads the C back."""
STATEMENTS = [
    CodeFault("statements of the C", "a row of a ring is not taken modulo its slots", "blocks",
              "% buffer->slots) * buffer->pitch", "% buffer->height) * buffer->pitch"),
    CodeFault("statements of the C", "the schedule waits for too few rows", "blocks",
              "].times + net_waits[i].plus", "].times"),
    CodeFault("statements of the C", "a kernel goes on with the wrong channel's words", "dense",
              "words += 6;", "words += 3;"),
    CodeFault("statements of the C", "a sum starts from nothing", "separable",
              "a0 = (int32_t)start", "a0 = 0 * (int32_t)start"),
    CodeFault("statements of the C", "a ring that is kept stays where it was at the next call", "remembering",
              "(*moved + rings[i].by)", "(*moved + 0 * rings[i].by)"),
]  # fmt: skip
"""Those that the ladder must find: the C on this machine, under sanitizers, against the simulator."""
