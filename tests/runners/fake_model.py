"""A model written by hand that has the emitted C's interface: enough to test the runners with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ircompile.interface import ArenaRegion, Interface, Port

HEIGHT, WIDTH, CHANNELS = 4, 3, 2
ARENA_BYTES = 72  # the last eight are never touched
TOUCHED = 64

A = Port(0, True, HEIGHT, WIDTH, CHANNELS, "int8", 0.5, -3)
B = Port(1, True, 1, 1, 5, "uint8", 0.25, 128)
OUT = Port(0, False, HEIGHT, WIDTH, CHANNELS, "int8", 0.5, 4)
SUMS = Port(1, False, 1, 1, 2, "int32", 1.0, 0)
ARENA = (ArenaRegion("arena", ARENA_BYTES),)
RESIDENT = Interface("fake", (A, B), (OUT, SUMS), "resident", ARENA, 4)
ROWS = Interface("fake", (A,), (OUT, SUMS), "rows", ARENA, 4)

_COMMON = """
#include "fake.h"
#include <string.h>
#ifndef FAKE_HOOK
#define FAKE_HOOK(layer, phase)
#endif
extern const int8_t fake_weights[2];

static int8_t *out_at(void *arena) { return (int8_t *)arena + 32; }
static int32_t *sums_at(void *arena) { return (int32_t *)(void *)((uint8_t *)arena + 56); }

static void add_weights(const int8_t *from, int8_t *to, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t value = from[i] + fake_weights[i & 1];
        if (value > 127) value = 127;
        to[i] = (int8_t)value;
    }
}

const int8_t *fake_output(const void *arena) { return (const int8_t *)arena + 32; }
const int32_t *fake_output_1(const void *arena)
{
    return (const int32_t *)(const void *)((const uint8_t *)arena + 56);
}
"""

_RESIDENT = """
int8_t *fake_input(void *arena) { return (int8_t *)arena; }
uint8_t *fake_input_1(void *arena) { return (uint8_t *)arena + 24; }

void fake_run(void *arena)
{
    const int8_t *a = (const int8_t *)arena;
    const uint8_t *b = (const uint8_t *)arena + 24;
    int32_t *sums = sums_at(arena);
    FAKE_HOOK(0, 0);
    add_weights(a, out_at(arena), FAKE_INPUT_BYTES);
    FAKE_HOOK(0, 1);
    FAKE_HOOK(1, 0);
    sums[0] = 0;
    sums[1] = 0;
    for (int32_t i = 0; i < FAKE_INPUT_BYTES; i++) sums[0] += a[i];
    for (int32_t i = 0; i < FAKE_INPUT_1_BYTES; i++) sums[1] += b[i];
    FAKE_HOOK(1, 1);
    /*BREAK*/
}
"""

_ROWS = """
void fake_begin(void *arena)
{
    memset(arena, 0, 4);
    sums_at(arena)[0] = 0;
    sums_at(arena)[1] = 0;
}

int fake_push_row(void *arena, const int8_t *row)
{
    int32_t y;
    memcpy(&y, arena, sizeof y);
    FAKE_HOOK(0, 0);
    add_weights(row, out_at(arena) + y * 6, 6);
    FAKE_HOOK(0, 1);
    FAKE_HOOK(y + 1, 0);
    for (int32_t i = 0; i < 6; i++) sums_at(arena)[0] += row[i];
    sums_at(arena)[1] = y;
    FAKE_HOOK(y + 1, 1);
    y++;
    memcpy(arena, &y, sizeof y);
    /*BREAK*/
    return y >= FAKE_INPUT_HEIGHT;
}
"""


def write_fake(directory: Path, api: Interface, broken: str = "") -> None:
    """Write fake.h, fake.c and fake_weights.c; ``broken`` is a C statement that goes wrong."""
    lines = [f"#define FAKE_ARENA_BYTES {api.arena_bytes}", f"#define FAKE_ARENA_ALIGN {api.arena_align}"]
    for port in (*api.inputs, *api.outputs):
        name = f"FAKE_{'INPUT' if port.is_input else 'OUTPUT'}{port.suffix}"
        lines += [
            f"#define {name}_HEIGHT {port.height}",
            f"#define {name}_WIDTH {port.width}",
            f"#define {name}_CHANNELS {port.channels}",
            f"#define {name}_BYTES {port.bytes}",
            f"#define {name}_ZERO_POINT ({port.zero_point})",
        ]
    if api.input_mode == "rows":
        lines += ["void fake_begin(void *arena);", "int fake_push_row(void *arena, const int8_t *row);"]
    else:
        lines += ["int8_t *fake_input(void *arena);", "uint8_t *fake_input_1(void *arena);"]
        lines += ["void fake_run(void *arena);"]
    lines += ["const int8_t *fake_output(const void *arena);"]
    lines += ["const int32_t *fake_output_1(const void *arena);"]
    header = "\n".join(["#ifndef FAKE_H", "#define FAKE_H", "#include <stdint.h>", *lines, "#endif", ""])
    (directory / "fake.h").write_text(header)
    body = _ROWS if api.input_mode == "rows" else _RESIDENT
    (directory / "fake.c").write_text(_COMMON + body.replace("/*BREAK*/", broken))
    weights = "#include <stdint.h>\nextern const int8_t fake_weights[2];\nconst int8_t fake_weights[2] = {7, -2};\n"
    (directory / "fake_weights.c").write_text(weights)


def vectors(api: Interface, count: int = 3) -> list[list[npt.NDArray[np.generic]]]:
    """Random inputs, seeded."""
    random = np.random.default_rng(1)
    limits = {"int8": (-100, 128), "uint8": (0, 256)}
    return [
        [random.integers(*limits[p.dtype], p.shape).astype(p.numpy_dtype) for p in api.inputs] for _ in range(count)
    ]


def expected(vector: list[npt.NDArray[np.generic]]) -> list[npt.NDArray[np.generic]]:
    """What the fake model computes."""
    first = vector[0].astype(np.int32)
    second = int(vector[1].sum()) if len(vector) > 1 else HEIGHT - 1
    out = np.minimum(first + np.array([7, -2]), 127).astype(np.int8)
    return [out, np.array([first.sum(), second], np.int32).reshape(1, 1, 2)]
