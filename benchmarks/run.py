"""Measure every benchmark model on every core under QEMU and write docs/benchmarks.md beside the peers' figures.

usage: run.py [--models FOLDER] [--cores m4,m3,m7,m55] [--only NAME] [--no-write]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from ircompile.bench import count_instructions
from ircompile.pipeline import build, read
from ircompile.target import load_target

HERE = Path(__file__).parent
DOC = HERE.parent / "docs" / "benchmarks.md"
RELEASE = HERE / "release.json"
"""The figures of the last release, by core and model."""
INTRO = """\
# Benchmarks

`make bench` writes this page: executed instructions of one whole inference under QEMU (exact and repeatable), the
default plan of each model (`--ram auto`, input resident), arm-none-eabi-gcc with each target's default flags. Peer:
TFLite Micro (2026-08) with CMSIS-NN (2026-07), best flags, the same models, measured the same way. Cycles are an
estimate at zero wait states from the core's technical reference manual. `code` is .text and tables of NAME.c;
`weights` is NAME_weights.c.
"""


def main() -> int:
    """Measures, prints, writes."""
    arguments = _arguments()
    peers = tomllib.loads((HERE / "peers.toml").read_text())
    released = json.loads(RELEASE.read_text()) if RELEASE.exists() else {}
    if not arguments.models.is_dir():
        print(f"no models at {arguments.models}: nothing measured (set IRCOMPILE_MODELS)", file=sys.stderr)
        return 1
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for core in arguments.cores.split(","):
        target = load_target(core)
        results[target.name] = {}
        for name in peers:
            path = arguments.models / f"{name}.tflite"
            if path.exists() and arguments.only in ("", name):
                results[target.name][name] = measure(path, target.name)
                print(f"{target.name} {name} {results[target.name][name]['instructions']:,}", file=sys.stderr)
    text = INTRO + "".join(table(core, rows, peers, released.get(core, {})) for core, rows in results.items())
    print(text)
    if not (arguments.no_write or arguments.only):
        DOC.write_text(text)
    return 0


def measure(path: Path, core: str) -> dict[str, Any]:
    """Instruction counts of one model on one core, and its arena in both input modes."""
    target, graph = load_target(core), read(path)
    compiled = build(graph, target, "bench", source=path.name)
    result = count_instructions(compiled)
    result["arena_rows"] = None
    if len(graph.inputs) == 1:
        result["arena_rows"] = build(graph, target, "bench", "rows").plan.arena_bytes
    return result


def table(core: str, rows: dict[str, dict[str, Any]], peers: dict[str, Any], released: dict[str, int]) -> str:
    """One core's table in Markdown."""
    head = ["model", "instructions", "a MAC", "peer", "peer / ours", "last release", "est. cycles", "peer",
            "peer / ours", "arena", "rows", "peer", "code", "weights", "stack"]  # fmt: skip
    lines = [f"\n## {core}\n", "| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, r in rows.items():
        peer = peers[name].get(core, {})
        instructions, cycles = r["instructions"], r["cycles_estimate"]
        cells = [
            name, million(instructions), f"{instructions / (peers[name]['macs'] * 1e6):.2f}",
            f"{peer['instructions']:g} M" if peer else "-", ratio(peer.get("instructions"), instructions),
            million(released.get(name)), million(cycles),
            f"{peer['cycles']:g} M" if "cycles" in peer else "-",
            ratio(peer.get("cycles"), cycles), f"{r['arena']:,}",
            f"{r['arena_rows']:,}" if r["arena_rows"] else "-",
            f"{peers[name]['arena']:,}", f"{r['code']:,}", f"{r['weights']:,}", f"{r['stack']:,}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def million(value: int | None) -> str:
    """A count in millions."""
    return "-" if not value else f"{value / 1e6:.3f} M" if value < 1e7 else f"{value / 1e6:.1f} M"


def ratio(peer: float | None, ours: int | None) -> str:
    """How many times fewer ours are."""
    return f"{peer * 1e6 / ours:.2f}" if peer and ours else "-"


def _arguments() -> argparse.Namespace:
    default = os.environ.get("IRCOMPILE_MODELS") or HERE.parents[1] / "shared" / "models"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path(default))
    parser.add_argument("--cores", default="cortex-m4,cortex-m3,cortex-m7,cortex-m33,cortex-m55")
    parser.add_argument("--only", default="", metavar="NAME")
    parser.add_argument("--no-write", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
