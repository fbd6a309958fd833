"""Draws the pictures of docs/streaming.md from real plans of the example: docs/pictures/*.svg.

usage: pictures.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from ircompile.pipeline import build, read
from ircompile.report import front_picture, memory_map, memory_picture, report_data
from ircompile.target import load_target
from ircompile.variants.choose import explore

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "examples" / "digits" / "digits.onnx"


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    graph, target = read(MODEL), load_target("cortex-m4")
    for mode in ("resident", "rows"):
        compiled = build(graph, target, "digits", mode, MODEL.name)
        picture = memory_picture(memory_map(compiled.plan), report_data(compiled))
        (folder / f"{mode}.svg").write_text(picture)
    front = [
        {"ram": f.ram, "macs": f.macs, "instructions_estimate": f.work} for f in explore(graph, target, "rows")
    ]
    title = "digits.onnx, rows pushed: estimated instructions over memory"
    (folder / "front.svg").write_text(front_picture(front, title))
    return 0


if __name__ == "__main__":
    sys.exit(main())
