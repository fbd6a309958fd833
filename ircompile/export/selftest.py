"""A self-test for firmware: golden inputs, and the output bytes that they must give on the device."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from ircompile import __version__
from ircompile.emit.templating import environment
from ircompile.errors import CompileError
from ircompile.interface import Port
from ircompile.ir.simulate import run_calls
from ircompile.ir.tensor import Array
from ircompile.pipeline import Compiled

MULTIPLIER, INCREMENT = 1664525, 1013904223
"""Of the linear congruential generator modulo 2^32 whose high bytes are the seeded inputs."""
SEEDED = 2
"""Seeded vectors behind the golden ones."""

Codes = Mapping[str, Array]


def selftest_files(compiled: Compiled, golden: Sequence[Codes] = (), seeded: int = SEEDED) -> dict[str, str]:
    """NAME_selftest.h and .c: file name to text.

    `golden`: codes (H, W, C) by input name; their bytes are kept in flash. The `seeded` inputs are made on the
    device. Expected outputs are those of the simulated graph; for a network with memory
    the vectors are calls, one after the other. Raises CompileError where there is no vector at all.
    """
    api = compiled.interface
    vectors = [*golden, *(seeded_codes(compiled, seed) for seed in range(seeded))]
    if not vectors:
        raise CompileError("self-test", "no input vector", "golden inputs, or one seeded input and more")
    results = list(run_calls(compiled.graph, vectors))
    expected = [_bytes(api.outputs, [result[n] for n in compiled.graph.output_names]) for result in results]
    sizes = [port.bytes for port in api.outputs]
    context = {
        "api": api,
        "p": api.name,
        "N": api.macro,
        "version": __version__,
        "vectors": len(vectors),
        "golden": [_bytes(api.inputs, [codes[n] for n in compiled.graph.input_names]) for codes in golden],
        "expected": expected,
        "crc": zlib.crc32(b"".join(expected)),
        "input_bytes": sum(port.bytes for port in api.inputs),
        "output_bytes": sum(sizes),
        "output_offsets": [sum(sizes[:i]) for i in range(len(sizes))],
        "layers": [node.name for node in compiled.lowered.graph.nodes],
        "multiplier": MULTIPLIER,
        "increment": INCREMENT,
    }
    env = environment()
    env.filters["c_bytes"] = c_bytes
    return {
        f"{api.name}_selftest.{end}": env.get_template(f"selftest.{end}.j2").render(context).lstrip() + "\n"
        for end in ("h", "c")
    }


def seeded_codes(compiled: Compiled, seed: int) -> dict[str, Array]:
    """The codes (H, W, C) of every input that the emitted generator makes from a seed."""
    ports = compiled.interface.inputs
    stream = generator(seed, sum(port.bytes for port in ports)).tobytes()
    codes, at = {}, 0
    for name, port in zip(compiled.graph.input_names, ports, strict=True):
        codes[name] = np.frombuffer(stream, port.numpy_dtype, port.bytes // port.numpy_dtype.itemsize, at)
        codes[name] = codes[name].reshape(port.shape)
        at += port.bytes
    return codes


def generator(seed: int, count: int) -> Array:
    """The first `count` bytes (uint8) of the emitted generator, started from `seed`.

    Step n is a^n * seed + c * (1 + a + ... + a^(n-1)), modulo 2^32.
    """
    powers = np.cumprod(np.full(count, MULTIPLIER, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate(([np.uint32(1)], powers[:-1])), dtype=np.uint32)
    states = powers * np.uint32(seed) + sums * np.uint32(INCREMENT)
    return (states >> np.uint32(24)).astype(np.uint8)


def c_bytes(data: bytes) -> str:
    """The initializer of an array of bytes, about 110 columns wide."""
    words = [str(value) for value in data]
    lines = [", ".join(words[i : i + 24]) for i in range(0, len(words), 24)]
    return ",\n     ".join(lines)


def _bytes(ports: Sequence[Port], arrays: Sequence[Array]) -> bytes:
    """The bytes of all ports, little-endian, one after the other."""
    pairs = zip(ports, arrays, strict=True)
    return b"".join(np.ascontiguousarray(a, port.numpy_dtype.newbyteorder("<")).tobytes() for port, a in pairs)
