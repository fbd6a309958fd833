"""Random TFLite networks, each compared with a reference framework bit for bit, or refused with CompileError.

Many at once, in a checkout:

    PYTHONPATH=. .venv/bin/python tests/tflite_fuzz.py FIRST COUNT
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from tflite_chains import draw
from tflite_compare import patterned, simulate
from tflite_drawing import Chain
from tflite_files import write

from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.passes import normalize
from ircompile.verification.references import open_reference


def outputs(chain: Chain) -> list[int]:
    """What nothing reads, and now and then a value on the way."""
    read = {index for op in chain.ops for index in op.inputs}
    made = [index for op in chain.ops for index in op.outputs]
    return [index for index in made if index not in read or chain.chance(8)]


def profile(chain: Chain) -> str:
    """A framework that runs the network: TFLite Micro has no uint8 kernels for most, nor ranks above 4."""
    deep = any(len(tensor.shape) > 4 for tensor in chain.tensors)
    return "litert-ref" if deep or chain.dtype == "uint8" or chain.chance(4) else "tflm"


def judge(seed: int, folder: Path) -> str:
    """ "equal" or the problem for which the network is refused; AssertionError where an output differs."""
    chain = draw(seed)
    wanted, numerics = outputs(chain), profile(chain)
    path = write(folder / "chain.tflite", chain.tensors, chain.ops, chain.inputs, wanted)
    try:
        plain = load(path, numerics)
    except CompileError as error:
        return f"{error.where.split()[-1]}: {error.problem}"
    oracle = open_reference(numerics, path)
    for pattern in ("random", "random", "ends"):
        given = [patterned(chain.rng, chain.shape(index), chain.dtype, pattern) for index in chain.inputs]
        expected = oracle.run(given)
        for form in (plain, normalize(plain)):
            for index, ours, theirs in zip(wanted, simulate(form, given), expected, strict=True):
                assert ours.shape == chain.shape(index), f"seed {seed}: output {index} has shape {ours.shape}"
                assert ours.dtype == theirs.dtype
                np.testing.assert_array_equal(
                    ours.reshape(-1), theirs.reshape(-1), err_msg=f"seed {seed}, {numerics}, output {index}"
                )
    return "equal"


def main(first: int, count: int) -> int:
    """Prints how many networks are equal and why others are refused; 1 where one is wrong."""
    verdicts, wrong = Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            try:
                verdicts[judge(seed, Path(folder))] += 1
            except Exception as error:  # of any kind: each is a find
                wrong += 1
                print(f"seed {seed}: {type(error).__name__}: {error}")
    for verdict, number in verdicts.most_common():
        print(f"{number:6} {verdict}")
    print(f"{count:6} networks, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
