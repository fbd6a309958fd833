"""Random schedules of calls on the C: two arenas in turns, pictures given up, too many rows, memory overwritten."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from test_push_row import blocks, last_rows_unread, output_of

from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.pipeline import build
from ircompile.plan.schedule import rows_pushed
from ircompile.target import load_target
from ircompile.variants.choose import Ram
from ircompile.verification.runners.build import EMITTED_FLAGS

SCHEDULES, CALLS = 6, 400
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"
int main(void)
{
    static int8_t row[NET_INPUT_WIDTH * NET_INPUT_CHANNELS];
    void *arena[2] = {malloc(NET_ARENA_BYTES), malloc(NET_ARENA_BYTES)};
    for (int what; (what = getchar()) != EOF;) {
        const int which = getchar() & 1;
        if (!arena[which])
            return 1;
        switch (what) {
        case 'b':
            net_begin(arena[which]);
            break;
        case 'p':
            if (fread(row, sizeof row, 1, stdin) != 1)
                return 2;
            putchar(net_push_row(arena[which], row));
            break;
        case 'o':
            fwrite(net_output(arena[which]), 1, NET_OUTPUT_BYTES, stdout);
            break;
        default:
            memset(arena[which], what, NET_ARENA_BYTES);
            net_begin(arena[which]);
        }
    }
    free(arena[0]);
    free(arena[1]);
    return 0;
}
"""


@dataclass
class Arena:
    """What an arena was given: rows of a picture that is being pushed, or None before the first."""

    graph: Graph
    needed: int
    rows: list[Array] | None = None
    output: bytes = field(default=b"")

    def begin(self) -> None:
        self.rows, self.output = [], b""

    def push(self, row: Array) -> bytes:
        """The byte that the C answers; rows behind the last one change nothing."""
        assert self.rows is not None
        if len(self.rows) < self.needed:
            self.rows.append(row)
            if len(self.rows) == self.needed:
                height = self.graph.tensors["x"].height
                unread = [row] * (height - self.needed)
                self.output = output_of(self.graph, {"x": np.stack([*self.rows, *unread])})
        return bytes([len(self.rows) == self.needed])


def schedule(graph: Graph, needed: int, seed: int) -> tuple[bytes, bytes]:
    """Random calls, and what they give."""
    rng = np.random.default_rng(seed)
    arenas = [Arena(graph, needed), Arena(graph, needed)]
    calls, answers = [], []
    for _ in range(CALLS):
        number = int(rng.integers(2))
        arena, which = arenas[number], bytes([number])
        kind = int(rng.integers(40))
        if arena.rows is None or kind == 0:
            calls.append(b"b" + which)
            arena.begin()
        elif kind == 1:
            calls.append(bytes([int(rng.integers(128, 256))]) + which)
            arena.begin()
        elif kind < 6 and arena.output:
            calls.append(b"o" + which)
            answers.append(arena.output)
        else:
            row = rng.integers(-128, 128, graph.tensors["x"].shape[1:]).astype(np.int8)
            calls.append(b"p" + which + row.tobytes())
            answers.append(arena.push(row))
    return b"".join(calls), b"".join(answers)


@pytest.mark.toolchain
@pytest.mark.parametrize("make", [blocks, last_rows_unread])
@pytest.mark.parametrize("ram", ["auto", "min"])
def test_any_order_of_calls(make: Callable[[], Graph], ram: Ram, tmp_path: Path) -> None:
    graph = make()
    compiled = build(graph, load_target("host"), "net", "rows", ram=ram)
    compiled.write(tmp_path)
    (tmp_path / "main.c").write_text(PROGRAM)
    flags = [*EMITTED_FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *flags, "main.c", "net.c", "net_weights.c", "-o", "net"], cwd=tmp_path, check=True)
    outputs = 0
    for seed in range(SCHEDULES):
        calls, answers = schedule(graph, rows_pushed(compiled.plan.stages), seed)
        done = subprocess.run([tmp_path / "net"], input=calls, capture_output=True, check=True)
        assert done.stdout == answers, seed
        outputs += len(answers) > CALLS
    assert outputs > 0
