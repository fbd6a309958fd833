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
from ircompile.cli import layers
from ircompile.cli.console import OUT, doing, number, print_json, print_table
from ircompile.cli.files import sha256, write_files
from ircompile.cli.summary import print_summary
from ircompile.errors import CompileError
from ircompile.fit import explore
from ircompile.graph import Graph
from ircompile.importers.ir import print_ir
from ircompile.interface import c_name
from ircompile.passes.fold_pixels import codes_of_pixels
from ircompile.pictures import read_inputs
from ircompile.pipeline import Compiled, Pixels, build, read
from ircompile.plan import InputMode
from ircompile.plan.text import print_plan
from ircompile.references.tflm_arena import measured_arena
from ircompile.report import front_picture, html_report, memory_map, report_data
from ircompile.runners.sizes import measure_sizes
from ircompile.selftest import selftest_files
from ircompile.target import Target, list_targets, load_target
from ircompile.tensor import Array


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


def compiled_from(arguments: argparse.Namespace) -> Compiled:
    """Reads and compiles the model of a command."""
    name, target = c_name(arguments.name, arguments.model.stem), load_target(arguments.target)
    with doing(f"reading {arguments.model.name}"):
        graph = read(arguments.model, arguments.numerics, pixels_of(arguments))
    return _build(graph, target, name, arguments)


def pixels_of(arguments: argparse.Namespace) -> Pixels | None:
    """The preprocessing that --mean and --std ask for."""
    if arguments.mean is None and arguments.std is None:
        return None
    return arguments.mean or (0.0,), arguments.std or (1.0,)


def _build(graph: Graph, target: Target, name: str, arguments: argparse.Namespace) -> Compiled:
    with doing(f"planning {len(graph.nodes)} layers"):
        return build(
            graph,
            target,
            name,
            arguments.input,
            arguments.model.name,
            arguments.weights == "blob",
            arguments.ram,
            arguments.memory,
            arguments.flash,
        )


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
        data["verified"] = [_rung_data(rung) for rung in _climbed(compiled, arguments.verify)]
    if arguments.isolated:
        vectors = ladder.vectors_for(compiled.graph, 5)
        data["isolated"] = layers.compare(compiled.graph, arguments.model, compiled.graph.numerics, vectors)
    files[f"{compiled.name}.json"] = json.dumps(data, indent=1) + "\n"
    files[f"{compiled.name}.html"] = html_report(data, memory_map(compiled.plan))
    data["files"] = write_files(folder, files)
    if arguments.json:
        print_json(data)
    else:
        print_summary(data)
    return 1 if any(rung["differing"] for rung in data["verified"]) else 0


def front_of(graph: Graph, target: Target, mode: InputMode) -> list[dict[str, int]]:
    """The front of memory and work as plain values, fastest first."""
    return [{"ram": f.ram, "macs": f.macs, "instructions_estimate": f.work} for f in explore(graph, target, mode)]


def verify_model(arguments: argparse.Namespace) -> int:
    """Climbs the ladder; 1 if any element differs."""
    rungs = rungs_of(arguments.on)
    compiled = compiled_from(arguments)
    vectors = [read_inputs(compiled.graph, path) for path in arguments.inputs or []]
    vectors += ladder.vectors_for(compiled.graph, arguments.random, arguments.seed)
    if not vectors:
        raise CompileError("--random", "no inputs to verify with", "--inputs FILE, or --random of 1 and more")
    results = []
    alone, original = None, unfolded(arguments, vectors)
    if arguments.isolated:
        profile = arguments.against or compiled.graph.numerics
        graph, codes = original or (compiled.graph, vectors)
        alone = layers.compare(graph, arguments.model, profile, codes)
    if arguments.against:
        with doing(f"comparing with {arguments.against}"):
            results.append(ladder.against(compiled.graph, arguments.model, arguments.against, vectors, original))
    climb = ladder.climb(compiled, rungs, vectors)
    for name in rungs:
        with doing(f"running on {name}"):
            results.append(next(climb))
    rungs_data = [_rung_data(rung) for rung in results]
    if arguments.json:
        print_json(rungs_data if alone is None else {"rungs": rungs_data, "isolated": alone})
    else:
        if alone is not None:
            layers.show(alone)
        for rung in results:
            _print_rung(rung, arguments.against)
    unlike = alone is not None and any(kind["differing"] > kind["ties"] for kind in alone["kinds"])
    return 1 if unlike or any(rung.differing for rung in results) else 0


def unfolded(arguments: argparse.Namespace, vectors: list[dict[str, Array]]) -> ladder.Fed | None:
    """With --mean or --std: the model as it is in its file, and its own input codes of the vectors' pixels."""
    pixels = pixels_of(arguments)
    if pixels is None:
        return None
    graph = read(arguments.model, arguments.numerics)
    name = graph.input_names[0]
    return graph, [{name: codes_of_pixels(graph, *pixels, vector[name])} for vector in vectors]


def rungs_of(words: str) -> list[str]:
    """The rungs in a list such as "numpy,host"."""
    rungs = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in rungs if word not in ladder.RUNNERS]
    if unknown or not rungs:
        raise CompileError("rungs", f"unknown rung {', '.join(unknown)!r}", ", ".join(ladder.RUNNERS))
    return rungs


def _climbed(compiled: Compiled, words: str) -> list[ladder.Rung]:
    """The rungs climbed with seeded inputs."""
    with doing(f"verifying on {words}"):
        return list(ladder.climb(compiled, rungs_of(words), ladder.vectors_for(compiled.graph, 5)))


def _rung_data(rung: ladder.Rung) -> dict[str, Any]:
    first = rung.first.__dict__ if rung.first else None
    return {**rung.__dict__, "first": first}


def _print_rung(rung: ladder.Rung, reference: str | None) -> None:
    verdict = "equal" if not rung.differing else f"{number(rung.differing)} DIFFER"
    what = f"graph = {rung.name}" if rung.name == reference else f"{rung.name} = graph"
    OUT.print(f"{what:<18} {verdict}: {number(rung.compared)} elements, {rung.vectors} inputs", markup=False)
    if rung.first:
        f = rung.first
        values = f"expected {f.expected}, found {f.found}"
        OUT.print(f"  first: input {f.vector}, {f.where} at {list(f.index)}: {values}", markup=False)


def explore_model(arguments: argparse.Namespace) -> int:
    """Prints the front of memory and work."""
    target = load_target(arguments.target)
    with doing(f"reading {arguments.model.name}"):
        graph = read(arguments.model, arguments.numerics, pixels_of(arguments))
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
        sys.stdout.write(print_ir(read(arguments.model, arguments.numerics, pixels_of(arguments))))
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
