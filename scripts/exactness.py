"""Measure on a folder of real models what docs/exactness.md says, and write that page.

usage: exactness.py ladder FOLDER [NAME ...]      run_graph = run_plan = C on the host = C under QEMU
       exactness.py isolated FOLDER [NAME ...]    every layer alone, and whole models, against the framework
       exactness.py page                          docs/exactness.md from what was measured

Results wait in out/exactness, one file a model, so that a long run may be cut short and gone on with; models named
are measured again. FOLDER/golden/MODEL.npz holds recorded inputs and the framework's outputs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from exactness_page import page

from ircompile.errors import CompileError
from ircompile.importers import trace
from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.pipeline import build, read
from ircompile.target import load_target
from ircompile.verification.ladder import RUNNERS, Codes, compare, random_vectors
from ircompile.verification.per_layer import LayerComparison, by_kind
from ircompile.verification.references import Reference, open_reference

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "out" / "exactness"
RANDOM = 10
# Minutes an input under an emulator: one recorded input there.
ONE = {"coral_deeplabv3_mnv2_dm05", "cfu_hps_74ops"}
BATCH = 3
"""Inputs of one run under QEMU, which has a time limit."""

Ends = list[Any]


def models(folder: Path, names: list[str]) -> Iterator[Path]:
    """The model files of a folder, those named or all, the small first."""
    files = [path for path in folder.iterdir() if path.suffix in (".tflite", ".onnx")]
    yield from (path for path in sorted(files, key=lambda p: p.stat().st_size) if not names or path.stem in names)


def golden(path: Path, graph: Graph) -> Iterator[tuple[Codes, Ends]]:
    """Recorded inputs as codes, and the framework's outputs; ONNX Runtime's integer form where there are two.

    None stands for the outputs of a model whose float end is left to the caller.
    """
    cut = any("left to the caller" in notice for notice in graph.notices)
    with np.load(path.parent / "golden" / f"{path.stem}.npz") as archive:
        recorded = dict(archive)
    for tag in ("real", "rand"):
        if f"{tag}_x0" not in recorded:
            continue
        codes = {
            e.tensor: to_graph(e, graph.tensors[e.tensor], recorded[f"{tag}_x{n}"].reshape(e.shape))
            for n, e in enumerate(graph.inputs)
        }
        ends = [recorded.get(f"{tag}_y{n}", recorded.get(f"{tag}_y{n}_optall")) for n in range(len(graph.outputs))]
        yield codes, [None if cut else end for end in ends]


def inputs_of(path: Path, graph: Graph) -> list[Codes]:
    """Recorded inputs, then random ones."""
    return [codes for codes, _ in golden(path, graph)] + random_vectors(graph, RANDOM)


def ladder(path: Path) -> dict[str, Any]:
    """The rungs of one model and its recorded outputs, as plain values."""
    graph = read(path)
    compiled = build(graph, load_target("cortex-m4"), "net")
    vectors = inputs_of(path, graph)
    wanted = [run_graph(compiled.lowered.graph, vector) for vector in vectors]
    ends = [theirs for _, theirs in golden(path, graph)]
    found: dict[str, Any] = {
        "numerics": graph.numerics,
        "layers": len(graph.nodes),
        "golden": distance(graph, wanted, ends),
    }
    for name, runner in RUNNERS.items():
        some = vectors[:1] if name == "qemu" and path.stem in ONE else vectors
        outputs: list[Codes] = []
        for start in range(0, len(some), BATCH):
            outputs += runner(compiled, some[start : start + BATCH])
        rung = compare(name, wanted[: len(some)], outputs)
        found[name] = {"inputs": rung.vectors, "compared": rung.compared, "differing": rung.differing}
    return found


def isolated(path: Path) -> dict[str, Any]:
    """Every layer alone, and the whole model, against the framework, as plain values."""
    graph = read(path)
    reference = framework(path, graph.numerics)
    found = LayerComparison(*trace(path), reference)
    codes, ends = [], []
    for vector in inputs_of(path, graph):
        feeds = [from_graph(e, graph.tensors[e.tensor], vector[e.tensor]) for e in graph.inputs]
        found.run(feeds)
        codes.append(run_graph(graph, vector))
        ends.append(ends_of(graph, reference, feeds))
    return {
        "reference": reference.name,
        "inputs": len(codes),
        "kinds": [asdict(kind) for kind in by_kind(found.layers)],
        "layers": len(found.layers),
        "missing": found.missing,
        "whole": distance(graph, codes, ends),
    }


def framework(path: Path, numerics: str) -> Reference:
    """The framework of a profile; LiteRT's reference kernels for uint8 models, for which TFLite Micro has none."""
    reference = open_reference(numerics, path)
    if numerics == "tflm":
        from ircompile.verification.references.tflm import TflmReference

        assert isinstance(reference, TflmReference)
        try:
            reference.arena_use()
        except CompileError:
            return open_reference("litert-ref", path)
    return reference


def ends_of(graph: Graph, reference: Reference, feeds: Sequence[Any]) -> Ends:
    """The framework's outputs; where a float end is cut off, the tensors before the cut."""
    results: Ends = list(reference.run(feeds))
    if reference.name == "ort":
        inner = reference.intermediates(feeds)
        results = [inner.get(e.name, result) for e, result in zip(graph.outputs, results, strict=True)]
    return results


def distance(graph: Graph, codes: Sequence[Codes], ends: Sequence[Ends]) -> dict[str, int]:
    """How far outputs are from a framework's, in codes; an output of which none was recorded counts nothing."""
    compared = differing = largest = 0
    for ours, theirs in zip(codes, ends, strict=False):
        for external, array in zip(graph.outputs, theirs, strict=True):
            tensor = graph.tensors[external.tensor]
            value = from_graph(external, tensor, ours[external.tensor])
            if array is None or array.size != value.size:
                continue
            step = tensor.scale if external.dtype == "float32" else 1
            apart = np.abs(np.rint(value.reshape(-1) / step) - np.rint(array.reshape(-1) / step))
            compared += apart.size
            differing += int(np.count_nonzero(apart))
            largest = max(largest, int(apart.max(initial=0)))
    return {"compared": compared, "differing": differing, "largest": largest}


def measure(what: str, folder: Path, names: list[str]) -> None:
    """Measures every model that has no result yet."""
    for path in models(folder, names):
        file = RESULTS / what / f"{path.stem}.json"
        if file.exists() and not names:
            continue
        try:
            found = {"ladder": ladder, "isolated": isolated}[what](path)
        except CompileError as error:
            found = {"refused": str(error)}
        found["revision"] = revision()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found, indent=1) + "\n")
        print(path.stem, json.dumps(found), flush=True)


def revision() -> str:
    """The commit that is measured."""
    words = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def results(what: str) -> dict[str, Any]:
    """What was measured, by model."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((RESULTS / what).glob("*.json"))}


def main() -> int:
    """Measures, or writes the page."""
    match sys.argv[1:]:
        case [("ladder" | "isolated") as what, folder, *names]:
            measure(what, Path(folder), names)
        case ["page"]:
            (ROOT / "docs" / "exactness.md").write_text(page(results("ladder"), results("isolated")))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
