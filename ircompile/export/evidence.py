"""Evidence of one compilation, for people who must answer for it: what was made, of what, how it was checked.

The method is described in docs/reliability.md.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ircompile import __version__
from ircompile.emit.writing import sha256
from ircompile.errors import CompileError
from ircompile.export.stack import measure_stack
from ircompile.kernels.candidates import families
from ircompile.pipeline import Compiled
from ircompile.report import compared_text
from ircompile.verification.confirm import NAMES

PACKAGES = ("numpy", "jinja2", "onnx", "tflite", "flatbuffers", "rich", "shtab")
"""What reads, plans and writes; the compiler depends on no others."""
FRAMEWORKS = ("tflite-micro", "ai-edge-litert", "onnxruntime")
HINT = "pip install 'ircompile[certify]'"


def versions() -> dict[str, str]:
    """Versions of the packages that take part, by name; those that are not installed are left out."""
    found = {"ircompile": __version__}
    for package in (*PACKAGES, *FRAMEWORKS):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def bill_of_materials(name: str, model: Path, files: Mapping[str, str | bytes]) -> str:
    """CycloneDX 1.5 as JSON: the model, the C made of it with hashes, and the tools that made it.

    It has no time and no random number, so that the same compilation gives the same text. Raises CompileError where
    the library is not installed.
    """
    if importlib.util.find_spec("cyclonedx") is None:
        raise CompileError("certify", "needs the Python package cyclonedx-python-lib", "CycloneDX 1.5", HINT)
    from uuid import NAMESPACE_URL, uuid5

    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot5

    def component(kind: ComponentType, label: str, version: str | None, contents: str | bytes | None) -> Component:
        hashes = [] if contents is None else [HashType(alg=HashAlgorithm.SHA_256, content=sha256(contents))]
        return Component(name=label, type=kind, version=version, hashes=hashes, bom_ref=f"{kind.value}:{label}")

    bom = Bom(serial_number=uuid5(NAMESPACE_URL, sha256("".join(map(sha256, files.values())))))
    bom.metadata.timestamp = None  # type: ignore[assignment]
    whole = component(ComponentType.LIBRARY, name, None, None)
    bom.metadata.component = whole
    parts = [component(ComponentType.MACHINE_LEARNING_MODEL, model.name, None, model.read_bytes())]
    parts += [component(ComponentType.FILE, file, None, contents) for file, contents in sorted(files.items())]
    tools = [component(ComponentType.APPLICATION, tool, version, None) for tool, version in versions().items()]
    for part in (*parts, *tools):
        bom.components.add(part)
    bom.register_dependency(whole, parts)
    for part in parts[1:]:
        bom.register_dependency(part, [parts[0], *tools])
    return JsonV1Dot5(bom).output_as_string(indent=1) + "\n"


Files = dict[str, str | bytes]
EVERY_OP = ("tests/ops/test_protocol.py", "tests/ops/test_rules.py", "tests/kernels/test_cores.py")
"""Tests of the project that run for every operator."""
LIMITS = (
    "Equality was compared on the inputs that are counted here; for all others it rests on the project's tests of "
    "every operator.",
    "The framework is the reference of numbers: that it computes what the network was trained for is not shown.",
    "The plan and its C were made by one tool; no qualification of that tool by a notified body exists.",
    "Stack is that of the compiler and the options named; functions that it lists as unknown come on top.",
    "Loop bounds are counts of the schedule, not times: caches, wait states and interrupts are the integrator's.",
)


def evidence(
    compiled: Compiled,
    model: Path,
    report: Mapping[str, Any],
    rungs: list[dict[str, Any]],
    layers: dict[str, Any] | None,
) -> Files:
    """The files of the folder: the C, and what is known of it.

    `report` is that of the compilation, `rungs` what `verify` compared, `layers` what `--isolated` did, None where
    no framework runs the file. Raises CompileError where the library for the bill of materials is not installed.
    """
    files: Files = dict(compiled.files())
    stack = measure_stack(files, compiled.name, compiled.target)
    bill = bill_of_materials(compiled.name, model, files)
    operators = operators_of(compiled, layers)
    loops = loops_of(compiled)
    files["sbom.cdx.json"] = bill
    for name, data in (
        ("operators", operators), ("loops", loops), ("stack", stack), ("versions", versions()), ("verified", rungs),
        ("report", dict(report)),
    ):  # fmt: skip
        files[f"{name}.json"] = json.dumps(data, indent=1) + "\n"
    files["EVIDENCE.md"] = _summary(compiled, model, report, rungs, operators, stack)
    sums = {model.name: sha256(model.read_bytes())} | {name: sha256(text) for name, text in files.items()}
    files["SHA256SUMS"] = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    return files


def operators_of(compiled: Compiled, layers: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Every layer: where it stood in the file, its rule, whose rounding it has, its kernel, tests and figures."""
    graph = compiled.lowered.graph
    alone = {layer["name"]: layer for layer in (layers or {}).get("layers", [])}
    found = []
    for node in graph.nodes:
        kind, packed = type(node.op).__name__, compiled.program.packed[node.name]
        requant = getattr(node.op, "requant", None)
        figures = alone.get(node.name)
        found.append(
            {
                "name": node.name,
                "source": node.source,
                "op": kind,
                "rule": " ".join((type(node.op).infer.__doc__ or "").split()),
                "reference": NAMES[graph.numerics],
                "rounding": getattr(requant, "rounding", None),
                "kernel": compiled.lowered.kernels[node.name].template,
                "requantization": packed.form.key if packed.form else None,
                "alone": figures and {key: figures[key] for key in ("compared", "differing", "ties", "largest")},
                "tests": [*EVERY_OP, *(f"tests/kernels/test_{name}.py" for name in families(type(node.op)))],
            }
        )
    return found


def loops_of(compiled: Compiled) -> dict[str, Any]:
    """Bounds of the loops of one inference: firings of every layer, and the products of one firing."""
    plan, graph = compiled.plan, compiled.lowered.graph
    layers = []
    for stage in plan.stages:
        node = stage.node
        macs = node.op.macs(graph.site(node))
        height, width, channels = graph.tensors[node.output].shape
        layers.append(
            {
                "layer": node.name,
                "firings": stage.steps,
                "output": [height, width, channels],
                "multiply_accumulates": macs,
                "multiply_accumulates_a_firing": -(-macs // max(stage.steps, 1)),
            }
        )
    return {
        "segments": [list(segment) for segment in plan.segments],
        "firings": sum(stage.steps for stage in plan.stages),
        "layers": layers,
    }


def _summary(
    compiled: Compiled,
    model: Path,
    report: Mapping[str, Any],
    rungs: list[dict[str, Any]],
    operators: list[dict[str, Any]],
    stack: Mapping[str, Any] | None,
) -> str:
    """EVIDENCE.md, to be read by people."""
    kinds = sorted({operator["op"] for operator in operators})
    lines = [
        f"# Evidence of {compiled.name}",
        "",
        f"* Model: {model.name}, SHA-256 {sha256(model.read_bytes())}.",
        f"* Target: {compiled.target.name}, {compiled.target.compiler} {' '.join(compiled.target.cflags)} "
        f"{compiled.target.optimization}.",
        f"* Tool: ircompile {versions()['ircompile']}; versions.json has all packages, sbom.cdx.json the parts.",
        f"* Arena: {compiled.interface.arena_bytes:,} bytes, all memory but the stack.",
        f"* Stack: {_stack_text(stack)}.",
        f"* Compared: {compared_text(report['compared'])}.",
        *(
            f"* Verified: {rung['name']} = graph, {rung['differing']:,} of {rung['compared']:,} elements differ, "
            f"{rung['vectors']} inputs."
            for rung in rungs
        ),
        f"* Operators: {len(operators)} layers of {', '.join(kinds)}; operators.json says of each its rule, the "
        "framework whose rounding it has, its kernel, what it gave alone, and the project's tests behind it.",
        "* Loops: loops.json has the firings of every layer and the products of one, to bound execution time.",
        "* SHA256SUMS has the hashes of all files here and of the model.",
        "",
        "## Known limits",
        "",
        *(f"* {limit}" for limit in LIMITS),
        *(f"* {notice}" for notice in compiled.graph.notices),
        "",
        "The method is described in the project's docs/reliability.md.",
    ]
    return "\n".join(lines) + "\n"


def _stack_text(stack: Mapping[str, Any] | None) -> str:
    if stack is None:
        return "not measured, the target's GCC is not installed"
    bounded = "every function's own is of a fixed size" if stack["bounded"] else "some are of NO fixed size"
    unknown = f"; {', '.join(stack['unknown'])} of the C library not counted" if stack["unknown"] else ""
    return f"{stack['most']:,} bytes at most, of the deepest chain of calls; {bounded}{unknown}"
