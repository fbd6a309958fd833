"""Weights as a file: the same results, and every damaged file refused."""

from __future__ import annotations

import struct
import subprocess
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from nets import Net, random_inputs

from ircompile.emit import POINTER_BYTES
from ircompile.emit.constants import HEADER
from ircompile.errors import CompileError
from ircompile.ir.simulate import run_graph
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target
from ircompile.verification.runners.host import run_host
from ircompile.verification.runners.qemu import run_qemu

pytestmark = pytest.mark.toolchain
BIND = r"""
#include <stdio.h>
#include <stdlib.h>
#include "net.h"
int main(int count, char **words)
{
    static int32_t arena[(NET_ARENA_BYTES + 3) / 4];
    FILE *const file = fopen(words[1], "rb");
    uint8_t *const memory = malloc(1 << 20);
    const size_t shift = count > 2 ? 1 : 0;
    const size_t bytes = fread(memory + shift, 1, (1 << 20) - 1, file);
    printf("%d\n", net_bind_weights(arena, memory + shift, (uint32_t)bytes));
    free(memory);
    return fclose(file);
}
"""


def compiled_net(target: str, mode: str = "resident") -> Compiled:
    net = Net((9, 7, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    return build(net.graph(), load_target(target), "net", mode, blob=True)  # type: ignore[arg-type]


def test_a_budget_holds_the_pointer_too() -> None:
    plain = compiled_net("host")
    least = plain.interface.arena_bytes
    assert least == plain.plan.arena_bytes + POINTER_BYTES
    build_in = partial(build, plain.graph, plain.target, "net", blob=True)
    assert build_in(ram=least).interface.arena_bytes == least
    assert build_in(ram=least - 4).interface.arena_bytes < least


@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_a_blob_gives_the_same_codes_on_host_and_board(mode: str, tmp_path: Path) -> None:
    for target in ("host", "cortex-m4"):
        compiled = compiled_net(target, mode)
        folder = tmp_path / target
        compiled.write(folder)
        assert not (folder / "net_weights.c").exists()
        inputs = [random_inputs(compiled.graph, seed) for seed in range(2)]
        vectors = [[codes["x"]] for codes in inputs]
        result = (
            run_host(folder, compiled.interface, vectors)
            if target == "host"
            else run_qemu(folder, compiled.interface, vectors, compiled.target)
        )
        for codes, outputs in zip(inputs, result.outputs, strict=True):
            wanted = run_graph(compiled.graph, codes)[compiled.graph.output_names[0]]
            assert np.array_equal(outputs[0], wanted)


@pytest.fixture(scope="module")
def binder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("binder")
    compiled_net("host").write(folder)
    (folder / "main.c").write_text(BIND)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsanitize=address,undefined"]
    subprocess.run(["gcc", *flags, "main.c", "net.c", "-o", "binder"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("nothing", 0),
        ("misaligned", 1),
        ("truncated", 2),
        ("truncated header", 2),
        ("empty", 2),
        ("magic", 3),
        ("version", 4),
        ("model", 5),
        ("weight", 6),
        ("last byte", 6),
        ("crc", 6),
        ("length", 2),
        ("forged", 7),
    ],
)
def test_a_damaged_blob_is_refused(damage: str, expected: int, binder: Path, tmp_path: Path) -> None:
    data = bytearray((binder / "net_weights.bin").read_bytes())
    flips = {
        "magic": 0,
        "version": 4,
        "model": 9,
        "weight": 40,
        "last byte": len(data) - 1,
        "crc": 21,
        "length": 17,
    }
    if damage in flips:
        data[flips[damage]] ^= 1
    if damage == "forged":  # whole and of the same model and size, but not the contents that the C expects
        data[-1] ^= 1
        data[20:24] = struct.pack("<I", zlib.crc32(data[HEADER.size :]))
    cut = {"truncated": len(data) - 1, "truncated header": 31, "empty": 0}.get(damage, len(data))
    (tmp_path / "blob").write_bytes(data[:cut])
    words = [binder / "binder", tmp_path / "blob", *(["shifted"] if damage == "misaligned" else [])]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) == expected


@pytest.mark.parametrize("target", ["cortex-m0plus", "cortex-m55"])
def test_the_blob_of_another_core_is_refused(target: str, tmp_path: Path) -> None:
    """The same model, hence the same hash; where the size is the same, too, only the contents tell."""
    compiled, other = compiled_net(target), compiled_net("cortex-m4")
    ours, theirs = (each.files()["net_weights.bin"] for each in (compiled, other))
    assert isinstance(ours, bytes)
    assert isinstance(theirs, bytes)
    assert ours != theirs
    assert ours[8:16] == theirs[8:16]
    payload = (theirs[HEADER.size :] + bytes(len(ours)))[: len(ours) - HEADER.size]
    alike = theirs[:16] + struct.pack("<II", len(payload), zlib.crc32(payload)) + theirs[24:32] + payload
    compiled.write(tmp_path)
    (tmp_path / "net_weights.bin").write_bytes(alike)
    codes = [[random_inputs(compiled.graph, 0)["x"]]]
    with pytest.raises(CompileError, match=r"bind_weights refused.*7"):
        run_qemu(tmp_path, compiled.interface, codes, compiled.target)


def test_every_flipped_byte_is_refused(binder: Path, tmp_path: Path) -> None:
    data = (binder / "net_weights.bin").read_bytes()
    rng = np.random.default_rng(0)
    for at in [*range(24), *rng.integers(HEADER.size, len(data), 40).tolist()]:
        broken = bytearray(data)
        broken[at] ^= int(rng.integers(1, 256))
        (tmp_path / "blob").write_bytes(broken)
        done = subprocess.run([binder / "binder", tmp_path / "blob"], capture_output=True, text=True, check=True)
        assert int(done.stdout) != 0, at
