"""Can a file be compiled: every operator, supported or why not, all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.importers import kind_of, load, named_by_layer
from ircompile.importers.findings import Finding, NoTensor, refused
from ircompile.passes import normalize


@dataclass(frozen=True)
class Check:
    """Findings of a file, in execution order: operators, ends of the model, and the file itself (`index` -1)."""

    model: str
    findings: tuple[Finding, ...]

    @property
    def supported(self) -> bool:
        """Whether the file can be compiled."""
        return not self.problems

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What is not supported."""
        return tuple(finding for finding in self.findings if finding.verdict == "unsupported")


def check_model(path: Path, numerics: str | None = None, outputs: Sequence[str] = ()) -> Check:
    """Checks all operators of a file, up to the tensors `outputs` if given.

    Raises CompileError where it cannot be opened at all.
    """
    found: list[Finding] = []
    kind_of(path, numerics)
    try:
        found += _operators(path, numerics, outputs)
        if not any(finding.verdict == "unsupported" for finding in found):
            normalize(load(path, numerics, outputs=outputs))
    except NoTensor as error:
        told = named_by_layer(path, numerics, error)
        found.append(refused(-1, told.where, "model", told))
    except CompileError as error:
        found.append(refused(-1, error.where, "model", error))
    return Check(path.name, tuple(found))


def _operators(path: Path, numerics: str | None, outputs: Sequence[str]) -> list[Finding]:
    kind = kind_of(path, numerics)
    if kind == "tflite":
        from ircompile.importers.tflite.check import check_tflite

        return check_tflite(path, numerics or "tflm", outputs)
    if kind == "onnx":
        from ircompile.importers.onnx.check import check_onnx

        return check_onnx(path, outputs)
    nodes = load(path, numerics, outputs=outputs).nodes
    return [Finding(i, node.name, type(node.op).__name__, "supported") for i, node in enumerate(nodes)]
