"""Rows pushed into the C: more of them than there are, and beginning anew at any time."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nets import Net, random_inputs

from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array
from ircompile.pipeline import build
from ircompile.plan.schedule import rows_pushed
from ircompile.target import load_target
from ircompile.variants.choose import Ram
from ircompile.verification.runners.build import EMITTED_FLAGS

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"
#define WIDE (NET_INPUT_WIDTH * NET_INPUT_CHANNELS)
static int8_t first[NET_INPUT_HEIGHT][WIDE], second[NET_INPUT_HEIGHT][WIDE];
static void *arena;
/* Pushes `rows` rows, the last one of the picture again and again if need be; the result of the last. */
static int push(int8_t picture[][WIDE], int32_t rows)
{
    int result = 0;
    for (int32_t y = 0; y < rows; y++) {
        const int before = result;
        result = net_push_row(arena, picture[y < NET_INPUT_HEIGHT ? y : NET_INPUT_HEIGHT - 1]);
        if (result != 0 && result != 1)
            exit(2);
        if (before > result)
            exit(3);
    }
    return result;
}
static void put(void) { fwrite(net_output(arena), 1, NET_OUTPUT_BYTES, stdout); }
int main(void)
{
    arena = malloc(NET_ARENA_BYTES);
    if (!arena || fread(first, sizeof first, 1, stdin) != 1 || fread(second, sizeof second, 1, stdin) != 1)
        return 1;
    for (int32_t rows = 0; rows < NET_INPUT_HEIGHT; rows++) { /* given up after so many rows */
        net_begin(arena);
        push(first, rows);
        net_begin(arena);
        if (push(second, NET_INPUT_HEIGHT) != 1)
            return 4;
        put();
    }
    if (push(first, 3 * NET_INPUT_HEIGHT) != 1) /* more than the input has: nothing happens */
        return 5;
    put();
    memset(arena, 0x5a, NET_ARENA_BYTES);
    net_begin(arena);
    if (push(first, NET_INPUT_HEIGHT + 7) != 1)
        return 6;
    put();
    free(arena);
    return 0;
}
"""


def blocks() -> Graph:
    net = Net((13, 8, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    return net.graph(net.conv(net.inverted_residual(x, 4, 8), 12, (3, 3), (2, 2)))


def last_rows_unread() -> Graph:
    net = Net((16, 6, 3))
    return net.graph(net.depthwise(net.conv("x", 8, (2, 2), (4, 4), (0, 0, 0, 0))))


def output_of(graph: Graph, codes: dict[str, Array]) -> bytes:
    return np.asarray(run_graph(graph, codes)[graph.output_names[0]]).tobytes()


@pytest.mark.toolchain
@pytest.mark.parametrize("make", [blocks, last_rows_unread])
@pytest.mark.parametrize("ram", ["auto", "min"])
def test_too_many_rows_and_beginning_anew(make: Callable[[], Graph], ram: Ram, tmp_path: Path) -> None:
    graph = make()
    compiled = build(graph, load_target("host"), "net", "rows", ram=ram)
    height = graph.tensors["x"].height
    assert (rows_pushed(compiled.plan.stages) < height) == (make is last_rows_unread)
    compiled.write(tmp_path)
    (tmp_path / "main.c").write_text(PROGRAM)
    flags = [*EMITTED_FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *flags, "main.c", "net.c", "net_weights.c", "-o", "net"], cwd=tmp_path, check=True)
    first, second = random_inputs(graph, 1), random_inputs(graph, 2)
    given = first["x"].tobytes() + second["x"].tobytes()
    done = subprocess.run([tmp_path / "net"], input=given, capture_output=True, check=True)
    assert done.stdout == output_of(graph, second) * (height + 1) + output_of(graph, first)
