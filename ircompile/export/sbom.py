"""The bill of materials of a compilation: CycloneDX, by the library of the extra `certify`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from ircompile import __version__
from ircompile.emit.writing import sha256
from ircompile.errors import CompileError

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
