"""Camera helpers of the emitted header: every RGB565 pixel, grey and RGB, against NumPy."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.pipeline import build, read
from ircompile.target import load_target
from ircompile.verification.runners.build import EMITTED_FLAGS

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits" / "digits.onnx"
WIDTH, HEIGHT = 256, 256
PROGRAM = r"""
#include <stdio.h>
#include "net.h"
static uint16_t pixels[65536];
static uint8_t bytes[131072];
static {type} row[NET_INPUT_WIDTH * NET_INPUT_CHANNELS];
static void put(void) {{ fwrite(row, 1, sizeof row, stdout); }}
int main(void)
{{
    for (uint32_t i = 0; i < 65536; i++) {{
        pixels[i] = (uint16_t)i;
        bytes[2 * i] = (uint8_t)(i >> 8);
        bytes[2 * i + 1] = (uint8_t)i;
    }}
    for (uint32_t y = 0; y < 256; y++) {{
        net_row_from_rgb565(row, pixels + 256 * y);
        put();
        net_row_from_rgb565_swapped(row, bytes + 512 * y);
        put();
        net_row_from_rgb888(row, bytes + 256 * y);
        put();
        net_row_from_grey(row, bytes + 256 * y);
        put();
    }}
    return 0;
}}
"""


def network(channels: int, unsigned: bool) -> Graph:
    net = Net((HEIGHT, WIDTH, channels), dtype="uint8" if unsigned else "int8")
    net.conv(net.add("flip", ops.Flip(), ("x",)) if unsigned else "x", 4, (3, 3), (2, 2))
    graph = net.graph()
    tensor = replace(graph.tensors["x"], scale=1 / 255, zero_point=0 if unsigned else -128)
    return replace(graph, tensors={**graph.tensors, "x": tensor})


def expected(rgb: Array, channels: int) -> Array:
    """Codes less 128 are bytes: (..., 3) uint8 as pixels of a row."""
    wide = rgb.astype(np.int64)
    if channels == 1:
        wide = (wide @ np.array([77, 150, 29]) + 128 >> 8)[..., None]
    return wide.astype(np.uint8)


@pytest.mark.toolchain
@pytest.mark.parametrize("compiler", ["gcc", "g++"])
@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel(channels: int, unsigned: bool, compiler: str, tmp_path: Path) -> None:
    compiled = build(network(channels, unsigned), load_target("host"), "net")
    compiled.write(tmp_path)
    text = PROGRAM.format(type="uint8_t" if unsigned else "int8_t")
    (tmp_path / "main.c").write_text(text)
    flags = EMITTED_FLAGS[1:] if compiler == "g++" else EMITTED_FLAGS
    command = [compiler, *flags, "-fsanitize=address,undefined", "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, check=True)
    found = np.frombuffer(done.stdout, np.uint8).reshape(256, 4, 256, channels)
    found = found if unsigned else found ^ 0x80

    words = np.arange(65536)
    red, green, blue = words >> 11, words >> 5 & 63, words & 31
    wide = np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], axis=-1)
    assert np.array_equal(found[:, 0].reshape(65536, -1), expected(wide, channels))
    assert np.array_equal(found[:, 1], found[:, 0])
    flat = np.stack([words >> 8, words & 255], axis=-1).reshape(-1).astype(np.uint8)
    for y in range(256):
        rgb = flat[256 * y : 256 * y + 768].reshape(256, 3)
        assert np.array_equal(found[y, 2], expected(rgb, channels))
        grey = flat[256 * y : 256 * y + 256]
        assert np.array_equal(found[y, 3], np.repeat(grey[:, None], channels, 1))


def test_the_header_says_which_range_a_pixel_has() -> None:
    header = str(build(network(3, False), load_target("host"), "net").files()["net.h"])
    assert "0 for black to 1 for white" in header


@pytest.mark.parametrize(
    ("shape", "scale", "zero_point"),
    [((9, 7, 4), 1 / 255, -128), ((1, 40, 3), 1 / 255, -128), ((49, 10, 1), 0.585, 83), ((9, 7, 3), 0.0187, -14)],
)
def test_what_is_no_picture_has_no_camera_helpers(
    shape: tuple[int, int, int], scale: float, zero_point: int
) -> None:
    net = Net(shape)
    net.conv("x", 4)
    graph = net.graph()
    tensor = replace(graph.tensors["x"], scale=scale, zero_point=zero_point)
    graph = replace(graph, tensors={**graph.tensors, "x": tensor})
    header = str(build(graph, load_target("host"), "net").files()["net.h"])
    assert "rgb565" not in header
    assert ("--mean and --std" in header) == (shape == (9, 7, 3))


@pytest.mark.toolchain
def test_its_names_are_no_kernel_s(tmp_path: Path) -> None:
    """Some convolutions have a kernel called pixel; the header must call nothing else so."""
    compiled = build(read(EXAMPLE), load_target("host"), "net")
    compiled.write(tmp_path)
    assert re.search(r"static void net_pixel\w*\(", (tmp_path / "net.c").read_text())
    assert "net_row_from_rgb565" in (tmp_path / "net.h").read_text()
    subprocess.run(["gcc", *EMITTED_FLAGS, "-c", "net.c"], cwd=tmp_path, check=True)
