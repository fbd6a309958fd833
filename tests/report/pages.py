"""The report in a real browser, and what holds on the page of every one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any


def opened(browser: Any, path: Path) -> Iterator[Any]:
    """The page in a wide window; nothing goes wrong in it and nothing is loaded."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert wrong == []
    page.close()


def number(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def check_cards(page: Any, data: dict[str, Any]) -> None:
    """The figures on top, with everything measured."""
    cards = {
        card.locator("span").first.inner_text(): number(card.locator("b").inner_text())
        for card in page.locator(".cards").first.locator(".card").all()
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


def check_layers(page: Any, data: dict[str, Any]) -> None:
    """Every cell of the table of layers, with instructions counted."""
    counts = {layer["layer"]: layer for layer in data["bench"]["layers"]}
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#layers tbody tr").all()]
    assert len(rows) == len(data["layers"])
    for index, (cells, layer) in enumerate(zip(rows, data["layers"], strict=True)):
        assert cells[:3] == [str(index), layer["name"], layer["op"]]
        rounding = layer["requantization"] or ", ".join(layer["requantization_channels"])
        assert cells[4:7] == [layer["kernel"], rounding or "-", layer["weights"] or "-"]
        bench = counts.get(layer["name"], {"instructions": 0, "cycles_estimate": None})
        wanted = [layer["model_macs"], layer["macs"], layer["constant_bytes"], bench["instructions"]]
        assert [number(cell) for cell in cells[7:11]] == wanted
        assert len(cells) == 12 or number(cells[12]) == (bench["cycles_estimate"] or 0)


def check_layout(page: Any, width: int, scheme: str) -> None:
    """Nothing is cut, wider than the page, or one over the other, and ink differs from paper."""
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
