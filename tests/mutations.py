"""Damaged model files, one a seed: networks that the tests draw, with fields, lines or bytes changed."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx_mutation import mutated as damaged_onnx
from tflite_chains import draw
from tflite_files import Op, T, build
from tflite_fuzz import outputs
from tflite_nets import network

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.importers.ir import print_ir

Rng = np.random.Generator
INTEGERS = (
    -(2**31), -(2**20), -129, -128, -2, -1, 0, 1, 2, 3, 5, 7, 16, 127, 128, 255, 256, 1000, 4096, 2**15, 2**20,
    2**24, 2**28 - 1, 2**31 - 1,
)  # fmt: skip
REALS = (0.0, -0.0, -1.0, 1e-45, 3e-35, 1e-20, 1e-7, 1 / 256, 1 / 128, 0.5, 1.0, 77.0, 1e9, 3e38)
REALS += (float("inf"), float("-inf"), float("nan"))
NAMES = (
    "",
    "\x1b[31mred\x07",
    "stdint",
    "string",
    "int",
    "main",
    "n" * 300,
    "a\nb",
    "*/ x /*",
    "\u202etxt",
    "100%s",
)


def pick(rng: Rng, choices: Any) -> Any:
    """One of some."""
    return choices[int(rng.integers(len(choices)))]


def some_integer(rng: Rng, near: int = 0) -> int:
    """An interesting integer, or one near another."""
    return int(pick(rng, INTEGERS)) if rng.integers(3) else near + int(rng.integers(-2, 3))


def _axes_changed(rng: Rng, shape: tuple[int, ...]) -> tuple[int, ...]:
    sizes = list(shape)
    kind = int(rng.integers(4))
    if kind == 0 or not sizes:
        sizes.insert(int(rng.integers(len(sizes) + 1)), int(pick(rng, (1, 1, 2, 7))))
    elif kind == 1:
        del sizes[int(rng.integers(len(sizes)))]
    elif kind == 2:
        rng.shuffle(sizes)
    else:
        sizes[int(rng.integers(len(sizes)))] = some_integer(rng, 3)
    return tuple(max(-(2**31), min(2**31 - 1, size)) for size in sizes)


def changed_tensor(rng: Rng, t: T) -> T:
    """A tensor with one field changed."""
    kind = int(rng.integers(8))
    if kind == 0:
        return replace(t, shape=_axes_changed(rng, t.shape))
    if kind == 1:
        return replace(t, dtype=pick(rng, ("int8", "uint8", "int32", "float32", "int16", "int64")))
    if kind == 2:
        return replace(t, scale=np.atleast_1d(np.float32(pick(rng, REALS))))
    if kind == 3 and t.scale is not None:
        return replace(t, zero=some_integer(rng))
    if kind == 4:
        return replace(t, name=pick(rng, NAMES))
    if kind == 5 and t.data is not None and not isinstance(t.data, bytes) and t.data.size:
        data = t.data.copy()
        info = np.iinfo(data.dtype) if data.dtype.kind in "iu" else np.iinfo("int8")
        data.reshape(-1)[int(rng.integers(data.size))] = max(info.min, min(info.max, some_integer(rng, 1)))
        return replace(t, data=data)
    if kind == 6:
        return replace(t, data=None) if t.data is not None else replace(t, signature=_axes_changed(rng, t.shape))
    return replace(t, scale=None if rng.integers(2) else np.float32([0.1, 0.2]))


def changed_op(rng: Rng, op: Op, tensors: int, kinds: list[str]) -> Op:
    """An operator with an operand, its kind or an option changed."""
    kind = int(rng.integers(4))
    if kind == 0:
        return replace(op, kind=pick(rng, kinds), options={})
    if kind == 1 and op.options:
        name = pick(rng, list(op.options))
        old = op.options[name]
        new = (some_integer(rng),) if isinstance(old, tuple) else pick(rng, (0, 1, 2, 3, 4, 5, 7, 100))
        return replace(op, options={**op.options, name: new})
    numbers = list(op.inputs if kind == 2 or rng.integers(3) else op.outputs)
    if numbers:
        place = int(rng.integers(len(numbers)))
        if rng.integers(4) == 0:
            del numbers[place]
        else:
            numbers[place] = int(rng.integers(-1, tensors))
    return replace(op, inputs=numbers) if kind == 2 or rng.integers(3) else replace(op, outputs=numbers)


def bytes_changed(rng: Rng, data: bytes, count: int) -> bytes:
    """Bytes or aligned words replaced, or the end cut off."""
    array = bytearray(data)
    for _ in range(count):
        place = int(rng.integers(len(array)))
        if rng.integers(2):
            array[place] = int(pick(rng, (0, 1, 2, 0x7F, 0x80, 0xFF, int(rng.integers(256)))))
        else:
            word = (some_integer(rng, 4) % 2**32).to_bytes(4, "little")
            array[place // 4 * 4 : place // 4 * 4 + 4] = word
    return bytes(array[: int(rng.integers(1, len(array)))] if rng.integers(30) == 0 else array)


def damaged_tflite(seed: int) -> bytes:
    """The bytes of a damaged TFLite file."""
    rng = np.random.default_rng(seed)
    chain = draw(int(rng.integers(2**31))) if rng.integers(2) else network(int(rng.integers(2**31)))
    tensors, ops = list(chain.tensors), list(chain.ops)
    inputs, wanted = list(chain.inputs), outputs(chain)
    kinds = [op.kind for op in ops] + [
        "ADD",
        "SOFTMAX",
        "QUANTIZE",
        "DEQUANTIZE",
        "MEAN",
        "ARG_MAX",
        "PRELU",
        "TILE",
    ]
    for _ in range(int(rng.integers(4))):
        kind = int(rng.integers(8))
        place = int(rng.integers(len(tensors)))
        if kind < 4:
            tensors[place] = changed_tensor(rng, tensors[place])
        elif kind < 6 and ops:
            number = int(rng.integers(len(ops)))
            ops[number] = changed_op(rng, ops[number], len(tensors), kinds)
        elif kind == 6 and ops:
            number, other = int(rng.integers(len(ops))), int(rng.integers(len(ops)))
            ops[number], ops[other] = ops[other], ops[number]
        else:
            pick(rng, (inputs, wanted)).append(place)
    try:
        data = build(tensors, ops, inputs, wanted)
    except (ValueError, TypeError, OverflowError, AttributeError):
        data = build(chain.tensors, chain.ops, chain.inputs, outputs(chain))
    return bytes_changed(rng, data, int(pick(rng, (0, 0, 1, 1, 2, 5))))


def _line_changed(rng: Rng, line: str, words: list[str]) -> str:
    """A line of IR text with a number, word or character changed."""
    found = list(re.finditer(r"-?\d+(\.\d+)?(e-?\d+)?|[A-Za-z_]\w*", line))
    if not found or rng.integers(6) == 0:
        place = int(rng.integers(len(line) + 1))
        return (
            line[:place] + pick(rng, ("(", ")", ",", "'", "None", "[1]", "\x1b", "{}", "-", "")) + line[place + 1 :]
        )
    match = pick(rng, found)
    if match.group()[0].isalpha():
        new = pick(rng, (*words, "None", "True", *NAMES)) if rng.integers(2) else pick(rng, words)
    else:
        number = str(some_integer(rng, int(float(match.group())))) if rng.integers(2) else repr(pick(rng, REALS))
        new = number if rng.integers(4) else pick(rng, ("None", "'1'", "1.5", "True", "(1, 2)", "9" * 30))
    return line[: match.start()] + new + line[match.end() :]


def _array_changed(rng: Rng, array: Any) -> Any:
    kind = int(rng.integers(5))
    if array.dtype.kind not in "biuf":  # changed before
        return array
    if kind == 0:
        return array.astype(
            pick(rng, ("int8", "int16", "int32", "float64", "float32", "uint8", "bool", "<U3", "complex64"))
        )
    if kind == 1:
        return array.reshape(-1)[: int(rng.integers(array.size + 1))]
    if kind == 2 and array.dtype.kind == "f" and array.size:
        changed = array.copy()
        changed.reshape(-1)[int(rng.integers(array.size))] = pick(rng, REALS)
        return changed
    if kind == 3 and array.size:
        changed = array.copy()
        info = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
        changed.reshape(-1)[int(rng.integers(array.size))] = pick(rng, (info.min, info.max)) if info else -1
        return changed
    return array.reshape((1, *array.shape)) if rng.integers(2) else array.T


def damaged_ir(seed: int, folder: Path) -> tuple[str, bytes]:
    """The text of a damaged IR file, and the bytes of its constants."""
    rng = np.random.default_rng(seed)
    graph = None
    while graph is None:
        chain = draw(int(rng.integers(2**31))) if rng.integers(2) else network(int(rng.integers(2**31)))
        path = folder / "whole.tflite"
        path.write_bytes(build(chain.tensors, chain.ops, chain.inputs, outputs(chain)))
        try:
            graph = load(path, "tflm")
        except CompileError:
            continue
    lines, consts = print_ir(graph).splitlines(), dict(graph.consts)
    words = re.findall(r"[A-Za-z_]\w*", "\n".join(lines))
    for _ in range(int(rng.integers(1, 4))):
        kind, place = int(rng.integers(12)), int(rng.integers(len(lines)))
        if kind < 7:
            lines[place] = _line_changed(rng, lines[place], words)
        elif kind == 7 and len(lines) > 1:
            del lines[place]
        elif kind == 8:
            lines.insert(int(rng.integers(len(lines))), lines[place])
        elif consts:
            name = pick(rng, list(consts))
            consts[name] = _array_changed(rng, consts[name])
            if rng.integers(12) == 0:
                del consts[name]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in consts.items():
            part = io.BytesIO()
            np.save(part, array)
            archive.writestr(f"{name}.npy", part.getvalue())
    constants = buffer.getvalue()
    return "\n".join(lines) + "\n", bytes_changed(rng, constants, 2) if rng.integers(8) == 0 else constants


def write_damaged(kind: str, seed: int, folder: Path) -> Path:
    """Writes the damaged file of a seed, "tflite", "onnx" or "ir"; returns its path."""
    path = folder / f"damaged.{kind}"
    if kind != "ir":
        path.write_bytes(damaged_tflite(seed) if kind == "tflite" else damaged_onnx(seed))
        return path
    text, constants = damaged_ir(seed, folder)
    path.write_text(text, "utf-8", errors="replace")
    path.with_suffix(".npz").write_bytes(constants)
    return path
