"""The report in a real browser: clicks, keys, both schemes, both widths, and numbers equal to the JSON's."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from reports import compiled

from ircompile.importers.ir import write_ir

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install '.[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: scripts/setup-browser.sh installs it"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A compilation with everything in it: front, counts, verification."""
    from ircompile.cli import main

    folder = tmp_path_factory.mktemp("report")
    write_ir(compiled().graph, folder / "small.ir")
    words = ["--explore", "--bench", "--verify", "numpy,host,qemu", "--input", "rows", "-o", str(folder)]
    assert main([str(folder / "small.ir"), "--target", "m4", *words]) == 0
    return folder / "small.html", json.loads((folder / "small.json").read_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, report: tuple[Path, dict[str, Any]]) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
    page.goto(report[0].as_uri())
    yield page
    assert wrong == []
    page.close()


def number(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def test_figures_on_top_are_the_json_s(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    data = report[1]
    cards = {
        card.locator("span").first.inner_text(): number(card.locator("b").inner_text())
        for card in page.locator(".card").all()
    }
    assert cards == {
        "RAM": data["arena"]["bytes"],
        "lower bound": data["arena"]["lower_bound"],
        "constants in flash": data["flash"]["weights"],
        "code in flash": data["flash"]["code"] + data["flash"]["tables"],
        "MACs": data["macs"],
        "instructions": data["bench"]["instructions"],
        "stack": data["bench"]["stack"],
    }


def test_table_of_layers_is_the_json_s(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    data = report[1]
    counts = {layer["layer"]: layer for layer in data["bench"]["layers"]}
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#layers tbody tr").all()]
    assert len(rows) == len(data["layers"])
    for index, (cells, layer) in enumerate(zip(rows, data["layers"], strict=True)):
        assert cells[:3] == [str(index), layer["name"], layer["op"]]
        assert cells[4:6] == [layer["kernel"], layer["requantization"] or "-"]
        bench = counts[layer["name"]]
        wanted = [layer["model_macs"], layer["macs"], layer["constant_bytes"], bench["instructions"]]
        assert [number(cell) for cell in cells[6:10]] == wanted
        assert number(cells[11]) == bench["cycles_estimate"]


def test_front_verification_and_hashes_are_the_json_s(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    data, text = report[1], page.locator("main").inner_text()
    assert page.locator(".front circle").count() == len(data["front"]) > 1
    assert page.locator("tr.chosen td").first.inner_text() == f"{data['arena']['bytes']:,}"
    assert [rung["differing"] for rung in data["verified"]] == [0, 0, 0]
    assert page.locator("td.good").count() == 3
    assert set(data["sha256"]) == {"small.ir", "small.h", "small.c", "small_weights.c"}
    for digest in data["sha256"].values():
        assert digest in text
    assert data["command"] in text


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_everything_can_be_read(page: Any, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.mouse.move(0, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.evaluate("""[...document.querySelectorAll("h1, h2, h3, p, .card *, dd, .legend li, #tip")]
        .filter(e => getComputedStyle(e).display !== "inline" && e.scrollWidth > e.clientWidth + 1)
        .map(e => e.outerHTML)""")
    assert cut == []
    rows = page.evaluate("""[...document.querySelectorAll(".ticks span")].map(e => e.getBoundingClientRect())
        .map(r => [r.top, r.bottom]).sort((a, b) => a[0] - b[0])""")
    assert all(above[1] <= below[0] for above, below in pairwise(rows))
    ink, paper = page.evaluate("""["color", "backgroundColor"].map(p => getComputedStyle(document.body)[p]
        .match(/[0-9]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0))""")
    assert (ink > paper) == (scheme == "dark")
    if width == 1400:
        for box in page.locator(".scroll").all():
            assert box.evaluate("e => e.scrollWidth - e.clientWidth") <= 1


def test_a_click_on_the_map_chooses_its_layer(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    box = page.locator("#map").bounding_box()
    span = page.evaluate("""(() => { const b = memory.blocks.find(b => b.kind === "stored" && b.layer >= 0);
        const s = b.spans.reduce((a, c) => c[3] - c[2] > a[3] - a[2] ? c : a);
        return [b.layer, (s[2] + s[3] + 1) / 2 / (memory.steps + 1), 1 - (s[0] + s[1] / 2) / arena]; })()""")
    layer = report[1]["layers"][span[0]]
    page.mouse.click(box["x"] + span[1] * box["width"], box["y"] + span[2] * box["height"])
    assert layer["name"] in page.locator("#tip").inner_text()
    assert page.locator("#chosen h3").inner_text() == f"Layer {span[0]}: {layer['name']}"
    assert page.locator("#layers tr.on td").nth(1).inner_text() == layer["name"]
    assert page.locator("#map.dimmed path.block.on").count() >= 1
    page.keyboard.press("Escape")
    assert page.locator("#map.dimmed").count() == 0
    assert page.locator("#chosen h3").inner_text() == "No layer chosen"


def test_everything_can_be_done_from_the_keyboard(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    page.locator("#map").focus()
    page.keyboard.press("Home")
    assert "Step 0 of" in page.locator("#tip").inner_text()
    page.keyboard.press("ArrowRight")
    assert "Step 1 of" in page.locator("#tip").inner_text()
    page.keyboard.press("End")
    steps = page.evaluate("memory.steps")
    assert f"Step {steps:,} of {steps:,}: the end" in page.locator("#tip").inner_text()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    for _ in range(9):
        page.keyboard.press("ArrowUp")
        if "of layer" in page.locator("#tip").inner_text():
            break
    page.keyboard.press("Enter")
    assert page.locator("#chosen h3").inner_text().startswith("Layer ")
    page.keyboard.press("Escape")
    first = page.locator("#layers tbody tr").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("#chosen h3").inner_text() == f"Layer 1: {report[1]['layers'][1]['name']}"
    assert page.locator("#layers tbody tr[tabindex='0']").count() == 1  # one stop for the Tab key


def test_columns_sort_both_ways(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    column = page.get_by_role("button", name="live MACs")
    wanted = sorted(layer["macs"] for layer in report[1]["layers"])
    for order, values in (("ascending", wanted), ("descending", wanted[::-1])):
        column.click()
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") == order
        cells = page.locator("#layers tbody tr td:nth-child(8)").all_inner_texts()
        assert [number(cell) for cell in cells] == values


def test_the_button_switches_the_scheme(page: Any) -> None:
    page.emulate_media(color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.locator("#theme").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.locator("#theme").click()
    assert page.evaluate(paper) == light
