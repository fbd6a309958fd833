"""The report in a real browser: clicks, keys, both schemes, both widths, and numbers equal to the JSON's."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import check_cards, check_layers, check_layout, number, opened
from reports import compiled

from ircompile.importers.ir import write_ir

Image = pytest.importorskip("PIL.Image", reason="no Pillow: pip install '.[verify]'")
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install '.[dev]'")
DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"
MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or Path(__file__).parents[3] / "shared" / "models")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.xdist_group("page"),  # one process makes the reports once
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
def divided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A compilation for two memories, compared with a framework layer by layer and on a data set."""
    from ircompile.cli import main

    pytest.importorskip("onnxruntime")
    folder, rng = tmp_path_factory.mktemp("divided"), np.random.default_rng(0)
    for label in range(10):
        (folder / "data" / str(label)).mkdir(parents=True)
        for i in range(2):
            np.save(folder / "data" / str(label) / f"{i}.npy", rng.integers(-128, 128, (32, 32, 1)).astype(np.int8))
    words = ["--memory", "dtcm=2K", "--memory", "sram=64K", "--isolated", "--accuracy", str(folder / "data")]
    assert main([str(DIGITS), "--target", "m7", *words, "-o", str(folder)]) == 0
    return folder / "digits.html", json.loads((folder / "digits.json").read_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, report: tuple[Path, dict[str, Any]]) -> Iterator[Any]:
    yield from opened(browser, report[0])


@pytest.fixture
def divided_page(browser: Any, divided: tuple[Path, dict[str, Any]]) -> Iterator[Any]:
    yield from opened(browser, divided[0])


def test_figures_on_top_are_the_json_s(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    check_cards(page, report[1])


def test_table_of_layers_is_the_json_s(page: Any, report: tuple[Path, dict[str, Any]]) -> None:
    check_layers(page, report[1])


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
@pytest.mark.parametrize("which", ["page", "divided_page"])
def test_nothing_sticks_out_and_everything_can_be_read(
    request: pytest.FixtureRequest, which: str, width: int, scheme: str
) -> None:
    check_layout(request.getfixturevalue(which), width, scheme)


@pytest.mark.parametrize("what", [".scroll:has(#layers)", "pre"])
def test_a_shadow_stands_where_there_is_more_to_scroll_to(page: Any, what: str) -> None:
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 400, "height": 900})
    box = page.locator(what)

    def paper(edge: int) -> int:
        """The lightest pixel of a column beside an edge: what is behind the text."""
        picture = Image.open(io.BytesIO(box.screenshot())).convert("L")
        x = 3 if edge == 0 else picture.width - 4
        return max(picture.getpixel((x, y)) for y in range(12, picture.height - 12))

    assert paper(1) < 235
    box.evaluate("e => e.scrollLeft = e.scrollWidth")
    assert paper(1) == 255
    page.set_viewport_size({"width": 1400, "height": 900})
    assert (paper(0), paper(1)) == (255, 255)


def test_memories_are_the_json_s(divided_page: Any, divided: tuple[Path, dict[str, Any]]) -> None:
    arena = divided[1]["arena"]
    assert len(arena["regions"]) == 2
    whole = divided_page.locator("#map").bounding_box()
    for span, region in zip(divided_page.locator(".regions span").all(), arena["regions"], strict=True):
        box = span.bounding_box()
        assert (span.inner_text(), span.get_attribute("title")) == (
            region["name"],
            f"{region['name']}, {region['bytes']:,} bytes",
        )
        assert box["height"] / whole["height"] == pytest.approx(region["bytes"] / arena["bytes"], abs=0.01)
        assert f"{region['name']}: {region['bytes']:,} bytes" in divided_page.locator(".legend").inner_text()
    labels = {label.inner_text(): label.bounding_box() for label in divided_page.locator(".ticks span").all()}
    for region in arena["regions"]:  # its size stands at its upper end
        box, top = labels[f"{region['bytes']:,}"], (region["offset"] + region["bytes"]) / arena["bytes"]
        middle = whole["y"] + whole["height"] - box["y"] - box["height"] / 2
        assert middle / whole["height"] == pytest.approx(top, abs=0.01)
    card = divided_page.locator(".card").first.inner_text()
    assert all(f"{region['bytes']:,} in {region['name']}" in card for region in arena["regions"])
    edge = divided_page.locator("#map .edge").bounding_box()["y"] + 1
    share = arena["regions"][1]["offset"] / arena["bytes"]
    assert (whole["y"] + whole["height"] - edge) / whole["height"] == pytest.approx(share, abs=0.01)


def test_bytes_are_those_within_a_memory(divided_page: Any, divided: tuple[Path, dict[str, Any]]) -> None:
    arena, box = divided[1]["arena"], divided_page.locator("#map").bounding_box()
    second = arena["regions"][1]
    blocks = divided_page.evaluate("memory.blocks.flatMap(b => b.spans.map(s => [s, b.name]))")
    above = [(span, name) for span, name in blocks if span[0] >= second["offset"]]
    (offset, size, first, last), name = max(above, key=lambda each: each[0][1] * (each[0][3] - each[0][2]))
    x = (first + last + 1) / 2 / (divided_page.evaluate("memory.steps") + 1)
    y = 1 - (offset + size / 2) / arena["bytes"]
    divided_page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    tip = divided_page.locator("#tip").inner_text()
    assert name in tip
    assert re.search(rf" bytes, at [\d,]+ to [\d,]+ of {second['name']}\.$", tip)
    assert number(re.findall(r"to ([\d,]+) of", tip)[0]) < second["bytes"]


def test_accuracy_and_layers_alone_are_the_json_s(divided_page: Any, divided: tuple[Path, dict[str, Any]]) -> None:
    found, alone = divided[1]["accuracy"], divided[1]["isolated"]
    cards = divided_page.locator("#accuracy + .cards .card b").all_inner_texts()
    shares = [f"{found['accuracy']:.2%}", f"{found['reference_accuracy']:.2%}"]
    assert cards == [*(share.replace("%", " %") for share in shares), "0", str(found["differing"])]
    assert found["samples"] == 20
    rows = divided_page.locator("#alone + p + .scroll tbody tr").all()
    for row, kind in zip(rows, alone["kinds"], strict=True):
        cells = row.locator("td").all_inner_texts()
        assert cells[:2] == [kind["kind"], kind["op"]]
        assert [number(cell) for cell in cells[2:]] == [
            kind[k] for k in ("compared", "differing", "ties", "largest")
        ]


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


@pytest.mark.slow
@pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of real models is not here (IRCOMPILE_MODELS)")
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("mlperf_vww_96_int8.tflite", ["--target", "m4"]),
        ("cfu_mnv2_035_160_person.tflite", ["--target", "m7", "--memory", "dtcm=48K", "--memory", "sram=256K"]),
        ("mnv2_035_128_flowers_qop_u8s8.onnx", ["--target", "m55", "--input", "rows"]),
    ],
)
def test_reports_of_real_models(browser: Any, tmp_path: Path, model: str, words: list[str]) -> None:
    from ircompile.cli import main

    command = [str(MODELS / model), *words, "--bench", "--verify", "numpy", "--isolated", "--name", "net"]
    assert main([*command, "-o", str(tmp_path)]) == 0
    data = json.loads((tmp_path / "net.json").read_text())
    for page in opened(browser, tmp_path / "net.html"):
        check_cards(page, data)
        check_layers(page, data)
        for width in (1400, 400):
            for scheme in ("light", "dark"):
                check_layout(page, width, scheme)
