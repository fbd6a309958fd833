"""Two models in one program: one arena for both, as large as the larger needs, used in turns."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from nets import Net, random_inputs

from ircompile.interface import InputMode
from ircompile.ir.simulate import run_graph
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target
from ircompile.verification.runners.build import EMITTED_FLAGS

ROUNDS = 3
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include "face.h"
#include "word.h"
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
int main(void)
{
    void *const arena = malloc(LARGER(FACE_ARENA_BYTES, WORD_ARENA_BYTES));
    static int8_t row[WORD_INPUT_WIDTH * WORD_INPUT_CHANNELS];
    for (int32_t turn = 0; turn < ROUNDS; turn++) {
        if (fread(face_input(arena), 1, FACE_INPUT_BYTES, stdin) != FACE_INPUT_BYTES)
            return 1;
        face_run(arena);
        fwrite(face_output(arena), 1, FACE_OUTPUT_BYTES, stdout);
        word_begin(arena);
        do {
            if (fread(row, 1, sizeof row, stdin) != sizeof row)
                return 1;
        } while (word_push_row(arena, row) == 0);
        fwrite(word_output(arena), 1, WORD_OUTPUT_BYTES, stdout);
    }
    free(arena);
    return 0;
}
"""


def model(name: str, shape: tuple[int, int, int], seed: int, mode: InputMode, folder: Path) -> Compiled:
    net = Net(shape, seed)
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    compiled = build(net.graph(), load_target("host"), name, mode)
    compiled.write(folder)
    return compiled


@pytest.mark.toolchain
def test_two_models_take_turns_in_one_arena(tmp_path: Path) -> None:
    both = (
        model("face", (16, 16, 3), 0, "resident", tmp_path),
        model("word", (9, 7, 1), 1, "rows", tmp_path),
    )
    assert both[0].interface.arena_bytes != both[1].interface.arena_bytes
    (tmp_path / "main.c").write_text(PROGRAM)
    flags = [*EMITTED_FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-DROUNDS={ROUNDS}"]
    sources = sorted(path.name for path in tmp_path.glob("*.c"))
    subprocess.run(["gcc", *flags, *sources, "-o", "both"], cwd=tmp_path, check=True)
    fed, wanted = b"", b""
    for turn in range(ROUNDS):
        for compiled in both:
            codes = random_inputs(compiled.graph, turn)
            fed += codes["x"].tobytes()
            wanted += np.asarray(run_graph(compiled.graph, codes)[compiled.graph.output_names[0]]).tobytes()
    done = subprocess.run([tmp_path / "both"], input=fed, capture_output=True, check=True)
    assert done.stdout == wanted
