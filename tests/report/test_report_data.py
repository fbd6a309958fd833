"""What the report says of memory is what the plan does."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from nets import Net
from reports import compiled

from ircompile.interface import InputMode
from ircompile.passes import normalize
from ircompile.pipeline import Compiled, build
from ircompile.report import front_picture, html_report, layer_count, memory_map, memory_picture, report_data
from ircompile.report.html import example
from ircompile.report.memory import peak_text
from ircompile.report.pictures import axis, regions, ticks
from ircompile.target import MemoryRegion, load_target


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
@pytest.mark.parametrize("ram", ["auto", "min"])
def test_bytes_in_use_are_the_plan_s(mode: InputMode, ram: str) -> None:
    plan = compiled(mode, ram).plan
    memory = memory_map(plan)
    most = plan.peak_live + plan.counters.bytes
    assert memory["peak"]["bytes"] == max(memory["live"]) == most == plan.arena_bytes - plan.lost
    assert memory["live"][memory["peak"]["step"]] == most
    assert sum(held["bytes"] for held in memory["peak"]["held"]) >= most
    step, *held = peak_text(plan).splitlines()
    assert step.endswith(f": {plan.peak_live} bytes alive + {plan.counters.bytes} counters")
    gaps = [(int(start), int(stop)) for start, stop in re.findall(r"\[(\d+), (\d+)\)", held[-1])]
    assert sum(stop - start for start, stop in gaps) == plan.lost
    assert len(held) == len(memory["peak"]["held"]) + bool(gaps)
    assert sum(steps for _, steps in memory["fired"]) == memory["steps"]


@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_every_row_has_its_span_and_no_two_meet(mode: InputMode) -> None:
    plan = compiled(mode).plan
    memory = memory_map(plan)
    owner = np.full((plan.arena_bytes, memory["steps"] + 1), -1)
    for index, block in enumerate(memory["blocks"]):
        if block["kind"] in ("input", "ring", "stored", "output"):
            assert len(block["spans"]) <= plan.tensor(block["name"]).height
        for offset, size, first, last in block["spans"]:
            assert 0 <= offset < offset + size <= plan.arena_bytes
            assert 0 <= first <= last <= memory["steps"]
            held = owner[offset : offset + size, first + 1 : last]  # a row may be written over as it is read
            assert np.all(held == -1)
            held[:] = index


def test_segments_begin_where_their_first_layer_fires() -> None:
    plan = compiled("rows").plan
    memory = memory_map(plan)
    fired = [layer for layer, steps in memory["fired"] for _ in range(steps)]
    for (first, stop), start in zip(plan.segments[1:], memory["segments"][1:], strict=True):
        assert first <= fired[start] < stop
        assert max(fired[:start]) < first


def test_macs_before_and_after_pruning() -> None:
    net = Net((6, 6, 3))
    x = net.conv("x", 8, (3, 3), relu=True)
    y = net.conv(x, 4)
    graph = net.graph(y)
    weights, bias = graph.nodes[0].op.weights, graph.nodes[0].op.bias
    graph.consts[weights][2] = 0  # a channel that is the same for every input
    graph.consts[bias][2] = -5000
    data = report_data(build(normalize(graph), load_target("host"), "pruned"))
    whole = 36 * 27 * 8 + 36 * 8 * 4
    assert data["model_macs"] == whole == sum(layer["model_macs"] for layer in data["layers"])
    assert data["macs"] == sum(layer["macs"] for layer in data["layers"]) < whole


def test_the_c_and_the_reports_say_what_was_preferred() -> None:
    net = Net((6, 6, 3))
    graph, target = net.graph(net.conv("x", 8, (3, 3))), load_target("host")
    for prefer, told in (("speed", False), ("size", True)):
        made = build(graph, target, "net", prefer=prefer)
        data = report_data(made)
        assert data["prefer"] == prefer
        assert ("(--prefer size)" in str(made.files()["net.h"])) == told
        assert ("constants as small as they can be" in html_report(data, memory_map(made.plan))) == told


@pytest.mark.thorough
def test_a_layer_in_parts_shares_the_model_s_macs() -> None:
    whole, parts = compiled(ram="auto"), compiled("rows", 2200)
    assert len(parts.lowered.graph.nodes) > len(whole.lowered.graph.nodes)
    data = report_data(parts)
    assert sum(layer["model_macs"] for layer in data["layers"]) == report_data(whole)["model_macs"]


@pytest.mark.thorough
def test_layers_are_counted_whole_and_those_in_parts_named() -> None:
    whole, parts = (report_data(compiled(*words)) for words in (("rows", "auto"), ("rows", 2200)))
    split = {name.rpartition("_part")[0] for layer in parts["layers"] if "_part" in (name := layer["name"])}
    assert layer_count(whole["layers"]) == f"{len(whole['layers'])} layers"
    phrase = f"{len(whole['layers'])} layers, {len(split)} of them split into parts of their channels"
    assert layer_count(parts["layers"]) == phrase
    assert phrase in html_report(parts, memory_map(compiled("rows", 2200).plan))


def test_pictures_are_svg_with_every_block_and_point() -> None:
    made = compiled()
    memory = memory_map(made.plan)
    root = ElementTree.fromstring(memory_picture(memory, report_data(made)))
    paths = [path for path in root.iter() if path.get("class", "").startswith("block")]
    assert len(paths) == len(memory["blocks"])
    assert [path.get("d", "").count("M") for path in paths] == [len(b["spans"]) for b in memory["blocks"]]
    front = [
        {"ram": 100, "macs": 5, "instructions_estimate": 10},
        {"ram": 50, "macs": 6, "instructions_estimate": 30},
    ]
    text = front_picture(front, "a < b", chosen=50)
    assert "a &lt; b" in text
    circles = [e for e in ElementTree.fromstring(text).iter() if e.tag.endswith("circle")]
    assert [circle.get("r") for circle in circles] == ["4", "6"]


def test_the_front_s_picture_names_plans_on_it_and_beside_it() -> None:
    front = [
        {"ram": 100, "macs": 5, "instructions_estimate": 10},
        {"ram": 50, "macs": 6, "instructions_estimate": 30},
    ]
    named = {"auto": {"ram": 110, "macs": 5, "instructions_estimate": 12}, "min": front[1]}
    root = ElementTree.fromstring(front_picture(front, "plans", named=named))
    circles = [e for e in root.iter() if e.tag.endswith("circle")]
    assert [circle.get("fill") == "none" for circle in circles] == [False, False, True]
    words = {e.text: (e.get("x"), e.get("y")) for e in root.iter() if e.text in named}
    assert [words["auto"][0], words["min"][0]] == [circles[2].get("cx"), circles[1].get("cx")]


@pytest.mark.parametrize("most", [1, 7, 772, 28184, 1_234_567])
def test_ticks_are_few_and_apart(most: int) -> None:
    found = ticks(most)
    assert found[0] == 0
    assert found[-1] == most
    assert len(found) <= 7
    assert all(b - a >= most / 25 for a, b in pairwise(found))


def divided(blob: bool = False, mode: InputMode = "resident") -> Compiled:
    """A network in two memories, of which the first holds less than half."""
    graph, size = compiled(mode).graph, compiled(mode).plan.arena_bytes
    memory = (MemoryRegion("dtcm", size // 2), MemoryRegion("sram", 2 * size))
    return build(graph, load_target("cortex-m4"), "small", mode, blob=blob, memory=memory)


@pytest.mark.thorough
def test_memories_have_an_axis_each_and_an_edge_between() -> None:
    made = divided()
    data = report_data(made)
    first, second = data["arena"]["regions"]
    assert first["bytes"] + second["bytes"] == data["arena"]["bytes"]
    lower, upper = regions(data["arena"])
    assert (lower["bottom"], lower["name"], upper["name"]) == (0, "dtcm", "sram")
    assert (
        upper["bottom"] == lower["height"] == pytest.approx(100 * first["bytes"] / data["arena"]["bytes"], abs=0.01)
    )
    labels = axis(data["arena"])
    assert all(b["at"] - a["at"] >= 5 for a, b in pairwise(labels))
    at = {label["text"]: label["at"] for label in labels}
    assert (at[f"{first['bytes']:,}"], at[f"{second['bytes']:,}"]) == (upper["bottom"], 100)
    picture = memory_picture(memory_map(made.plan), data)
    edges = [path for path in ElementTree.fromstring(picture).iter() if path.get("class") == "edge"]
    assert len(edges) == 1
    assert ">sram</text>" in picture


def test_one_memory_has_no_edge() -> None:
    data = report_data(compiled())
    assert regions(data["arena"]) == []
    assert [label["text"] for label in axis(data["arena"])] == [
        f"{tick:,}" for tick in ticks(data["arena"]["bytes"])
    ]


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["resident", "rows"])
@pytest.mark.parametrize(("several", "blob"), [(False, False), (True, False), (False, True)])
def test_the_c_in_the_report_is_c(tmp_path: Path, mode: InputMode, several: bool, blob: bool) -> None:
    made = divided(mode=mode) if several else compiled(mode, blob=blob)
    made.write(tmp_path)
    include, *body = example(report_data(made)).split("\n")
    given = "const int8_t *next_row(void);\nvoid refuse(void);\nextern const void *blob;"
    text = "\n".join([include, given, "int main(void)", "{", *body, "return (int)*result;", "}"])
    (tmp_path / "main.c").write_text(text)
    command = ["gcc", "-std=c99", "-Wall", "-Wno-unused-variable", "-Werror", "-fsyntax-only", tmp_path / "main.c"]
    subprocess.run(command, check=True)
    assert ("_arenas memory[1]" in text, "_bind_weights(memory, blob" in text) == (several, blob)


def test_names_of_a_model_are_data_not_markup() -> None:
    made = compiled()
    data = report_data(made)
    data["model"]["source"] = "<script>alert(1)</script>"
    data["layers"][0]["name"] = "</script><img src=x>"
    page = html_report(data, memory_map(made.plan))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("</script>") == 1


@pytest.mark.thorough
def test_the_page_loads_nothing() -> None:
    page = html_report(report_data(compiled()), memory_map(compiled().plan))
    for word in ("http:", "https:", "<link", "@import", "url(", "src="):
        assert word not in page.replace("http://www.w3.org/2000/svg", "")


def test_elementwise_layers_count_no_macs() -> None:
    data = report_data(compiled())
    kinds = {layer["op"]: layer for layer in data["layers"]}
    assert kinds["Add"]["model_macs"] == 0
