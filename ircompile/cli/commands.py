"""What each command does, and how it says so."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from ircompile import ladder
from ircompile.bench import count_instructions
from ircompile.cli import accuracy, layers
from ircompile.cli.console import OUT, doing, number, print_json, print_table
from ircompile.cli.files import sha256, write_files
from ircompile.cli.models import compiled_from, graph_of
from ircompile.cli.summary import print_summary
from ircompile.cli.verify import rung_data, rungs_of, unlike, verify_model
from ircompile.fit import explore
from ircompile.graph import Graph
from ircompile.importers.ir import print_ir
from ircompile.pipeline import Compiled
from ircompile.plan import InputMode
from ircompile.plan.text import print_plan
from ircompile.references.tflm_arena import measured_arena
from ircompile.report import front_picture, html_report, memory_map, report_data
from ircompile.runners.sizes import measure_sizes
from ircompile.selftest import selftest_files
from ircompile.target import Target, list_targets, load_target


def run(arguments: argparse.Namespace) -> int:
    """Runs the command that was parsed."""
    todo = {
        "compile": compile_model,
        "verify": verify_model,
        "explore": explore_model,
        "dump": dump,
        "bench": bench,
        "targets": targets,
    }
    return todo[arguments.command](arguments)


def compile_model(arguments: argparse.Namespace) -> int:
    """Compiles a model and writes its C files and report; 1 if it was verified and any element differs."""
    compiled = compiled_from(arguments)
    folder = arguments.output or Path(compiled.name)
    files = compiled.files()
    with doing("measuring code size"):
        sizes = measure_sizes(files, compiled.name, compiled.target)
    if arguments.selftest:
        files |= selftest_files(compiled)
    data = report_data(compiled, sizes, "ircompile " + shlex.join(arguments.words))
    data["sha256"] = {arguments.model.name: sha256(arguments.model.read_bytes())}
    data["sha256"] |= {name: sha256(contents) for name, contents in files.items()}
    with doing("asking TFLite Micro"):
        data["tflm"] = measured_arena(arguments.model)
    if arguments.explore:
        with doing("exploring plans"):
            data["front"] = front_of(compiled.graph, compiled.target, arguments.input)
    if arguments.bench:
        with doing(f"counting instructions on {compiled.target.board}"):
            data["bench"] = count_instructions(compiled)
    if arguments.verify:
        data["verified"] = _climbed(compiled, arguments.verify)
    if arguments.isolated:
        vectors = ladder.vectors_for(compiled.graph, 5)
        data["isolated"] = layers.compare(compiled.graph, arguments.model, compiled.graph.numerics, vectors)
    if arguments.accuracy:
        data["accuracy"] = accuracy.measure(arguments, compiled)
    files[f"{compiled.name}.json"] = json.dumps(data, indent=1) + "\n"
    files[f"{compiled.name}.html"] = html_report(data, memory_map(compiled.plan))
    data["files"] = write_files(folder, files)
    if arguments.json:
        print_json(data)
    else:
        print_summary(data)
    differ = any(rung["differing"] for rung in data["verified"])
    return 1 if differ or (data["accuracy"] and unlike(data["accuracy"])) else 0


def _climbed(compiled: Compiled, words: str) -> list[dict[str, Any]]:
    """The rungs climbed with seeded inputs."""
    with doing(f"verifying on {words}"):
        climb = ladder.climb(compiled, rungs_of(words), ladder.vectors_for(compiled.graph, 5))
        return [rung_data(rung) for rung in climb]


def front_of(graph: Graph, target: Target, mode: InputMode) -> list[dict[str, int]]:
    """The front of memory and work as plain values, fastest first."""
    return [{"ram": f.ram, "macs": f.macs, "instructions_estimate": f.work} for f in explore(graph, target, mode)]


def explore_model(arguments: argparse.Namespace) -> int:
    """Prints the front of memory and work."""
    target = load_target(arguments.target)
    graph = graph_of(arguments)
    with doing("planning"):
        front = front_of(graph, target, arguments.input)
    if arguments.picture:
        picture = front_picture(front, f"{arguments.model.name}: estimated instructions over memory")
        write_files(arguments.picture.parent, {arguments.picture.name: picture})
    if arguments.json:
        print_json(front)
        return 0
    rows = [
        (
            number(p["ram"]),
            number(p["macs"]),
            f"{p['macs'] / graph.macs():.2f}x",
            number(p["instructions_estimate"]),
        )
        for p in front
    ]
    print_table(("arena bytes", "MACs", "of the model's", "est. instructions"), rows, numeric=(0, 1, 2, 3))
    return 0


def dump(arguments: argparse.Namespace) -> int:
    """Prints the graph or the plan."""
    if arguments.stage == "graph":
        sys.stdout.write(print_ir(graph_of(arguments)))
    else:
        sys.stdout.write(print_plan(compiled_from(arguments).plan))
    return 0


def bench(arguments: argparse.Namespace) -> int:
    """Counts executed instructions, in all and by layer."""
    compiled = compiled_from(arguments)
    with doing(f"running on {compiled.target.board}"):
        result = count_instructions(compiled)
    if arguments.json:
        print_json(result)
        return 0
    if arguments.layers:
        rows = [
            (x["layer"], number(x["macs"]), number(x["instructions"]),
             f"{x['instructions'] / x['macs']:.2f}" if x["macs"] else "-", number(x["cycles_estimate"]))
            for x in result["layers"]
        ]  # fmt: skip
        print_table(("layer", "MACs", "instructions", "per MAC", "est. cycles"), rows, numeric=(1, 2, 3, 4))
    cycles = result["cycles_estimate"]
    estimate = f", about {number(cycles)} cycles (estimated)" if cycles else ""
    total, stack = number(result["instructions"]), number(result["stack"])
    OUT.print(f"{result['target']}: {total} instructions{estimate}, stack {stack} bytes", markup=False)
    return 0


def targets(arguments: argparse.Namespace) -> int:
    """Lists the targets."""
    known = list_targets()
    if arguments.json:
        print_json([{"name": t.name, "description": t.description, "aliases": list(t.aliases)} for t in known])
    else:
        print_table(("target", "core", "also"), [(t.name, t.description, ", ".join(t.aliases)) for t in known])
    return 0
