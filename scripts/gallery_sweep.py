"""Writes docs/gallery/sweep.md: the best candidate of a sweep that fits, compiled and verified.

usage: gallery_sweep.py STORE.sqlite BOARD

The store is that of `ircompile sweep ... --board BOARD --ram 64K --flash 512K --store STORE.sqlite`.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

from ircompile.kernels.pack import weight_bytes
from ircompile.passes import normalize
from ircompile.pipeline import build
from ircompile.sweeps.evaluate import Limits, Question
from ircompile.sweeps.front import front, picture, ranked
from ircompile.sweeps.space import Candidate
from ircompile.timing.board import load_board
from ircompile.timing.network import time_of
from ircompile.verification.ladder import climb, extremes
from ircompile.verification.runners.build import measure_sizes

GALLERY = Path(__file__).resolve().parents[1] / "docs" / "gallery"
SHOWN = 8


def main() -> int:
    """Reads the store, compiles the best, writes the page and its picture."""
    with sqlite3.connect(sys.argv[1]) as store:
        ((text,),) = store.execute("SELECT text FROM question").fetchall()
        rows = store.execute("SELECT key, result FROM results").fetchall()
    question = Question(**{**json.loads(text), "limits": Limits(**json.loads(text)["limits"])})
    results = [json.loads(result) for _, result in rows]
    best = ranked(results)[0]
    (key,) = [key for key, result in rows if json.loads(result)["model"] == best["model"]]
    family, parameters = json.loads(key)
    families = sorted({json.loads(key)[0] for key, _ in rows})
    title = f"{len(results):,} candidates on {question.board}"
    (GALLERY / "sweep.svg").write_text(picture(results, title, question.proxy, question.limits.ram))
    order = best["parameters"]
    candidate = Candidate(family, tuple((name, parameters[name]) for name in order))
    page = _page(question, results, candidate, families)
    (GALLERY / "sweep.md").write_text(page)
    print(page)
    return 0


def _page(question: Question, results: list[dict], best: Candidate, families: list[str]) -> str:  # type: ignore[type-arg]
    board = load_board(sys.argv[2])
    compiled = build(normalize(best.model()), board.core, "best", question.input_mode)  # type: ignore[arg-type]
    rungs = climb(compiled, ("numpy", "host"), extremes(compiled.graph))
    differing = sum(rung.differing for rung in rungs)
    sizes = measure_sizes(compiled.files(), compiled.name, compiled.target)
    timing = time_of(compiled.plan, board, weight_bytes(compiled.program)).data
    flash = f"{sizes.weights + sizes.code + sizes.constants:,}" if sizes else "not measured"
    limits = f"{question.limits.ram or 0:,} bytes of RAM and {question.limits.flash or 0:,} of flash"
    fitting = sum(bool(result["fits"]) for result in results if "error" not in result)
    drawn = f"{len(results):,} random members of {', '.join(families)}"
    lines = [
        "# The largest network that fits",
        "",
        f"`ircompile sweep` drew {drawn} for",
        f"{board.description}, {limits}: {fitting:,} fit.",
        "They are ranked by multiply-accumulates, which stand for accuracy only roughly; all have random weights.",
        "`scripts/gallery_sweep.py` writes this page.",
        "",
        "![All candidates, and the front](sweep.svg)",
        "",
        "| best by memory and MACs | arena | MACs | constants | ms, estimated |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in front(results)[::-1][:SHOWN]:
        time = f"{row['milliseconds']:.3g} +-{100 * row['band']:.0f} %"
        lines.append(f"| {row['model']} | {row['arena']:,} | {row['macs']:,} | {row['constants']:,} | {time} |")
    lines += [
        "",
        f"The first, **{best.name}**, compiled for the board:",
        f"{compiled.interface.arena_bytes:,} bytes of arena,",
        f"{flash} of flash with code, {timing['milliseconds']:.0f} ms, from {timing['at_least']:.0f} to",
        f"{timing['at_most']:.0f} ({100 * timing['band']:.0f} % either way). Of its outputs {differing} differ",
        "from the simulated graph, in NumPy and as C under sanitizers.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
