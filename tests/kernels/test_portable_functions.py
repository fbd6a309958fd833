"""What layers of a network share: turns of sixteen codes, functions of one pixel, right shifts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb, join
from nets import Net

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels import like_forms, portable_functions
from ircompile.kernels.model import Program
from ircompile.kernels.requantize import Form
from ircompile.pipeline import build
from ircompile.target import load_target


def pointwise(codes: int, seed: int, rounding: str = "double") -> Graph:
    net = Net((2, 5, codes), seed, rounding)
    return net.graph(net.conv("x", 3 + seed % 3, relu=seed % 2 > 0))


@pytest.mark.toolchain
@pytest.mark.parametrize("rounding", ["double", "float32_even"])
def test_turns_of_sixteen_codes(rounding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Codes around every entry to the first turn; with requantization in assembly, and in C."""
    monkeypatch.setattr(portable_functions, "WORTH", 0)
    graphs = [
        pointwise(codes, seed, rounding)
        for seed, codes in enumerate((1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 31, 32, 35))
    ]
    window = Net((5, 7, 3), 20, rounding)
    graphs.append(window.graph(window.conv("x", 5, (3, 3), relu=True)))
    compiled = climb(join(graphs), tmp_path, rungs=("cortex-m3", "cortex-m3 -O0"))["cortex-m3"]
    tiles = [p.shared["tile"] for p in compiled.program.packed.values() if "tile" in p.shared]
    assert ("tile_packed", True) in {(template, key.get("long")) for template, key in tiles}


def test_long_turns_are_where_they_save_much() -> None:
    """Layers of few codes a pixel keep turns of eight, many layers of many have long ones."""
    found = {}
    for codes in (8, 64):
        net, x = Net((4, 4, codes), 1), "x"
        for _ in range(24):
            x = net.conv(x, codes, relu=True)
        program = build(net.graph(x), load_target("cortex-m3"), "net").program
        found[codes] = {key["long"] for _, key in tiles_of(program)}
    assert found[8] == {False}
    assert True in found[64]


def tiles_of(program: Program) -> list[tuple[str, dict[str, object]]]:
    return [(template, dict(key)) for p in program.packed.values() for template, key in [p.shared["tile"]]]


@pytest.mark.toolchain
def test_a_last_layer_takes_one_channel_at_a_time(tmp_path: Path) -> None:
    """Ten codes behind convolutions; three hundred are enough to keep four channels at a time."""
    for channels, seldom in ((10, True), (300, False)):
        net = Net((12, 12, 16), 3)
        x = net.conv(net.conv("x", 64, (3, 3), relu=True), 7, (3, 3))
        x = net.conv(net.conv(x, 4, (12, 12), (1, 1), (0, 0, 0, 0), relu=True), channels)
        compiled = climb(net.graph(x), tmp_path / str(channels), rungs=("gcc", "cortex-m3", "cortex-m0plus"))
        name = compiled["cortex-m3"].graph.nodes[-1].name
        assert compiled["cortex-m3"].program.packed[name].shared["pixel"][1]["seldom"] == seldom


def test_layers_share_a_shift_that_fits_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers whose scales differ by much have one right shift where one fits; without looking they have several."""
    net, target = Net((4, 4, 8), 5), load_target("cortex-m3")
    x = "x"
    for seed in range(6):
        x = net.conv(x, 8, relu=True)
        net.consts[f"w{seed}"] = (net.consts[f"w{seed}"] // (1 + 3 * seed)).astype("int8")
    graph = net.graph(x)
    shared = {p.form for p in build(graph, target, "net").program.packed.values()}
    monkeypatch.setattr(like_forms, "OTHERS", ())
    alone = {p.form for p in build(graph, target, "net").program.packed.values()}
    assert len(shared) <= len(alone)


@pytest.mark.toolchain
def test_depthwise_layers_take_the_shift_that_one_of_them_needs(tmp_path: Path) -> None:
    """A channel of one layer has steps so large that no right shift of 2 serves, so that 0 serves all."""
    net, x = Net((6, 12, 4), 5), "x"
    for _ in range(3):
        x = net.depthwise(x)
    middle = net.nodes[1].op
    assert isinstance(middle, ops.Depthwise)
    net.consts[middle.requant.scale][1] = 0.4
    compiled = climb(net.graph(x), tmp_path, rungs=("gcc", "cortex-m4"))
    packed = compiled["cortex-m4"].program.packed.values()
    assert {p.form.shift for p in packed if isinstance(p.form, Form)} == {0}
