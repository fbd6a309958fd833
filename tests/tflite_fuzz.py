"""Random TFLite networks, each compared with a reference framework bit for bit, or refused with CompileError.

Many at once, in a checkout; KIND is `chains` (operators that move and join) or `any` (every operator):

    PYTHONPATH=. .venv/bin/python tests/tflite_fuzz.py KIND FIRST COUNT [--state FILE]
"""

from __future__ import annotations

import mmap
import os
import re
import struct
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from long_run import begun, parser
from tflite_any import draw_any
from tflite_chains import draw
from tflite_compare import patterned, simulate
from tflite_drawing import Chain
from tflite_files import write

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.passes import each_pass
from ircompile.verification.references import open_reference

DRAWN = {"chains": draw, "any": draw_any}
CRASHED = "(the framework ends the process)"


def outputs(chain: Chain) -> list[int]:
    """What nothing reads, and now and then a value on the way."""
    read = {index for op in chain.ops for index in op.inputs}
    made = [index for op in chain.ops for index in op.outputs]
    return [index for index in made if index not in read or chain.chance(8)]


def profile(chain: Chain) -> str:
    """A framework that runs the network: TFLite Micro has few kernels of uint8, no ranks above 4, no TILE."""
    deep = any(len(tensor.shape) > 4 for tensor in chain.tensors)
    unsigned = any(tensor.dtype == "uint8" for tensor in chain.tensors)
    tiled = any(op.kind == "TILE" for op in chain.ops)
    return "litert-ref" if deep or unsigned or tiled or chain.chance(4) else "tflm"


def drawn_input(chain: Chain, index: int, pattern: str) -> Any:
    """An input of a pattern; real values on both sides of what codes hold where it is float32."""
    if chain.tensors[index].dtype != "float32":
        return patterned(chain.rng, chain.shape(index), chain.tensors[index].dtype, pattern)
    target = chain.tensors[next(op.outputs[0] for op in chain.ops if op.inputs[0] == index)]
    codes = patterned(chain.rng, chain.shape(index), target.dtype, pattern).astype(np.float64) - target.zero
    return np.float32((codes + chain.rng.uniform(-0.7, 0.7, codes.shape)) * target.scale)


def judge(seed: int, folder: Path, kind: str = "chains") -> str:
    """ "equal" or the problem for which the network is refused; AssertionError where an output differs."""
    chain = DRAWN[kind](seed)
    wanted, numerics = outputs(chain), profile(chain)
    path = write(folder / "chain.tflite", chain.tensors, chain.ops, chain.inputs, wanted)
    try:
        plain = load(path, numerics)
        *_, (_, passed) = each_pass(plain)  # also where no operator is left, which compiling refuses
    except CompileError as error:
        return re.sub(r"\d+|'[^']*'|\[.*\]", "..", f"{error.where.split()[-1]}: {error.problem}")
    try:
        oracle = open_reference(numerics, path)
    except CompileError:
        return f"({numerics} refuses)"
    for pattern in ("random", "random", "ends", "lowest", "highest"):
        given = [drawn_input(chain, index, pattern) for index in chain.inputs]
        try:
            expected = oracle.run(given)
        except CompileError:
            return f"({numerics} refuses)"
        for form in (plain, passed):
            for index, ours, theirs in zip(wanted, simulate(form, given), expected, strict=True):
                assert ours.shape == chain.shape(index), f"seed {seed}: output {index} has shape {ours.shape}"
                assert ours.dtype == theirs.dtype
                np.testing.assert_array_equal(
                    ours.reshape(-1), theirs.reshape(-1), err_msg=f"seed {seed}, {numerics}, output {index}"
                )
    return "equal"


def judged(kind: str, seeds: range) -> Iterator[tuple[int, str, bool]]:
    """Seed, verdict, and whether it is a find; in child processes, since frameworks abort at times."""
    place = mmap.mmap(-1, 8)
    seed = seeds.start
    while seed < seeds.stop:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            with os.fdopen(writer, "w") as answers, tempfile.TemporaryDirectory() as folder:
                for number in range(seed, seeds.stop):
                    place[:] = struct.pack("q", number)
                    try:
                        text, wrong = judge(number, Path(folder), kind), False
                    except Exception as error:  # of any kind: each is a find
                        where = traceback.extract_tb(error.__traceback__)[-1]
                        text = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
                        wrong = True
                    print(number, int(wrong), " ".join(text.split())[:600], file=answers, flush=True)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answers:
            for line in answers:
                number, wrong, text = line.rstrip("\n").split(" ", 2)
                yield int(number), text, wrong == "1"
        seed = struct.unpack("q", place[:])[0] + 1
        if os.waitpid(child, 0)[1]:
            yield seed - 1, CRASHED, False


def main() -> int:
    """Judges networks; 1 where one is wrong."""
    given = parser(__doc__, tuple(DRAWN)).parse_args()
    long = begun(given)
    for seed, verdict, find in judged(given.kind, long.seeds):
        long.note(seed, verdict, find=find)
    return long.finish()


if __name__ == "__main__":
    sys.exit(main())
