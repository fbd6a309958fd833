"""Measure every benchmark model on every core under QEMU and write docs/benchmarks.md beside the peers' figures.

usage: run.py [--models FOLDER] [--cores m4,m3,...] [--only NAME] [--part PART] [--no-write] [--release]
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import page
import plans
from kernels import KERNELS, block_figure, kernel_figure
from planning import print_planning

from ircompile.errors import CompileError
from ircompile.pipeline import build, read
from ircompile.target import load_target
from ircompile.verification.bench import count_instructions
from ircompile.verification.references.tflm import ArenaUse, TflmReference

HERE = Path(__file__).parent
DOC = HERE.parent / "docs" / "benchmarks.md"
PREVIOUS = HERE / "previous.toml"
"""The figures of the last release, by core and model."""
CORES = tuple(f"cortex-{core}" for core in ("m4", "m3", "m7", "m33", "m55", "m0plus"))
KERNEL_CORES = ("cortex-m4", "cortex-m3", "cortex-m55")


def main() -> int:
    """Measures, prints, writes."""
    arguments = _arguments()
    peers = tomllib.loads((HERE / "peers.toml").read_text())
    previous = tomllib.loads(PREVIOUS.read_text())
    if not arguments.models.is_dir():
        print(f"no models at {arguments.models}: nothing measured (set IRCOMPILE_MODELS)", file=sys.stderr)
        return 1
    cores = [load_target(core).name for core in arguments.cores.split(",")]
    paths = {name: arguments.models / f"{name}.tflite" for name in peers["models"]}
    paths = {name: path for name, path in paths.items() if path.exists() and arguments.only in ("", name)}
    if arguments.part == "planning":
        print_planning(arguments.models)
        return 0
    if arguments.part == "plans":
        write(plans.put_section(DOC.read_text(), measured_plans(paths)), arguments)
        return 0
    results: page.Results = {core: {name: measure(path, core) for name, path in paths.items()} for core in cores}
    text = page.INTRO
    text += "".join(page.core_table(core, rows, peers, previous.get(core, {})) for core, rows in results.items())
    text += page.memory_table(results[cores[0]], peers, {name: tflm_arena(path) for name, path in paths.items()})
    if not arguments.only:
        text += measured_kernels(peers)
    text += measured_plans(paths)
    text += page.remembering((HERE.parent / "docs" / "streaming.md").read_text())
    write(text, arguments)
    if not arguments.only:
        print_planning(arguments.models)
    if arguments.release:
        PREVIOUS.write_text(page.release(results))
    return 0


def write(text: str, arguments: argparse.Namespace) -> None:
    """Prints the page and, unless only a part of the models is on it, writes it."""
    print(text)
    if not (arguments.no_write or arguments.only):
        DOC.write_text(text)


def measured_plans(paths: dict[str, Path]) -> str:
    """The section on what streaming costs."""
    target = load_target("cortex-m4")
    return plans.plans_section({name: plans.measure_costs(path, target) for name, path in paths.items()})


def measure(path: Path, core: str) -> dict[str, Any]:
    """Instruction counts of one model on one core, and its arena in both input modes."""
    target, graph = load_target(core), read(path)
    compiled = build(graph, target, "bench", source=path.name)
    result = count_instructions(compiled)
    result["lower_bound"], result["arena_rows"] = compiled.plan.lower_bound, None
    if len(graph.inputs) == 1:
        result["arena_rows"] = build(graph, target, "bench", "rows").plan.arena_bytes
    print(f"{core} {path.stem} {result['instructions']:,}", file=sys.stderr)
    return result


def tflm_arena(path: Path) -> ArenaUse | None:
    """What TFLite Micro of PyPI asks for on this machine, None where it is not installed."""
    try:
        return TflmReference(path).arena_use()
    except CompileError:
        return None


def measured_kernels(peers: dict[str, Any]) -> str:
    """The tables of single kernels and of the block."""
    targets = [load_target(core) for core in KERNEL_CORES]
    kernels = {name: {t.name: kernel_figure(name, t) for t in targets} for name in KERNELS}
    blocks = {target.name: block_figure(target) for target in targets}
    sizes = {name: size for name, (size, _) in KERNELS.items()}
    return page.kernel_table(kernels, sizes, peers["kernels"]) + page.block_table(blocks, peers["block"])


def _arguments() -> argparse.Namespace:
    default = os.environ.get("IRCOMPILE_MODELS") or HERE.parents[1] / "shared" / "models"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path(default))
    parser.add_argument("--cores", default=",".join(CORES))
    parser.add_argument("--only", default="", metavar="NAME")
    parser.add_argument("--part", choices=("plans", "planning"), help="only what plans cost, or planning takes")
    parser.add_argument("--no-write", action="store_true")
    parser.add_argument("--release", action="store_true", help="the next runs compare with these figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
