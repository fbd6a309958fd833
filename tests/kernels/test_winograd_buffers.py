"""Winograd's kernel reads and writes its own rows and scratch, to the byte: each is a block of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ladder import climb_on_host, codes_for
from test_winograd import everywhere, layers, served

from ircompile.pipeline import build
from ircompile.target import load_target

__all__ = ["everywhere"]
ALONE = """
#include <stdlib.h>

static int8_t *net_copy(const int8_t *from, size_t bytes)
{
    int8_t *const to = malloc(bytes);
    return from != NULL && to != NULL ? memcpy(to, from, bytes) : to;
}

/* Calls a kernel with copies of its rows, of its output and of scratch, each as large as it says. */
static void net_alone(void (*kernel)(const int8_t *const *, int8_t *, const int32_t *,
    const struct net_winograd_layer *, int8_t *), const int8_t *const *rows, int8_t *out, const int32_t *stream,
    const struct net_winograd_layer *layer, size_t bytes)
{
    const size_t pixels = (size_t)((layer->width - 1) * layer->pixel_step);
    const size_t codes = pixels + (size_t)((layer->channels_out - 1) * layer->channel_step) + 1;
    int8_t *copies[3], *const output = net_copy(out, codes), *const scratch = net_copy(NULL, bytes);
    for (int i = 0; i < 3; i++)
        copies[i] = rows[i] ? net_copy(rows[i], (size_t)(layer->width_in * layer->channels_in)) : NULL;
    const int8_t *const own[3] = {copies[0], copies[1], copies[2]};
    kernel(own, output, stream, layer, scratch);
    memcpy(out, output, codes);
    for (int i = 0; i < 3; i++)
        free(copies[i]);
    free(output);
    free(scratch);
}
"""


@pytest.mark.toolchain
@pytest.mark.thorough
@pytest.mark.parametrize(("width", "depth"), [(4, 8), (5, 24), (7, 8), (13, 16)])
def test_every_buffer_is_alone(everywhere: None, tmp_path: Path, width: int, depth: int) -> None:
    graph = layers(width, depth, height=3)
    compiled = build(graph, load_target("cortex-m4"), "net")
    compiled.write(tmp_path)
    kernels, calls = compiled.lowered.kernels, list[str]()

    def alone(call: re.Match[str]) -> str:
        calls.append(call[3])
        return f"net_alone({call[1]}, {call[2]}, {kernels[call[3]].scratch}u);"

    head, mark, code = (tmp_path / "net.c").read_text().partition("/* Layer 0, ")
    call = r"(net_winograd_high\w*)\(([^;]*), arena \+ NET_SCRATCH_(\w+)\);"
    code = re.sub(call, alone, re.sub(r",\n\s+", ", ", code))
    (tmp_path / "net.c").write_text(head + ALONE + mark + code)
    assert len(calls) == served(compiled)
    climb_on_host(compiled, tmp_path, codes_for(graph, 4))
