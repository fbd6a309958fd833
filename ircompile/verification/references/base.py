"""What all reference frameworks have in common: run a model whole, or in full view."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ircompile.errors import CompileError

Array = NDArray[Any]

INSTALL_HINT = "pip install 'ircompile[verify]'"
OTHER_HINT = "compare against another reference with --against"


@dataclass(frozen=True)
class Operator:
    """One operator of the model as the reference executes it.

    `inputs` and `outputs` are keys of `Reference.intermediates`: activation tensors only, each once,
    in order of first use. Constants (weights, biases, shapes) are part of the operator.
    """

    index: int
    kind: str  # 'CONV_2D', 'QLinearConv', ...
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Reference(Protocol):
    """A reference framework with one model loaded."""

    @property
    def name(self) -> str:
        """The numerics profile: 'tflm', 'litert-ref' or 'ort'."""

    @property
    def operators(self) -> Sequence[Operator]:
        """The operators in execution order; for 'ort' after its own fusion."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The model's outputs, in the model's own order and types."""

    def intermediates(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """Every activation tensor, the model's inputs and outputs included, by its key.

        The key is the tensor's index in the subgraph for TFLite ('17'), its name for ONNX.
        """


def open_reference(name: str, model: Path) -> Reference:
    """Load `model` into the reference called `name` ('tflm', 'litert-ref' or 'ort')."""
    if name == "tflm":
        from ircompile.verification.references.tflm import TflmReference

        return TflmReference(model)
    if name == "litert-ref":
        from ircompile.verification.references.litert import LitertReference

        return LitertReference(model)
    if name == "ort":
        from ircompile.verification.references.ort import OrtReference

        return OrtReference(model)
    raise CompileError(str(model), f"unknown reference '{name}'", "tflm, litert-ref, ort", "choose with --against")


def require(module: str, package: str, where: str) -> Any:
    """Import a module of an optional package, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        problem = f"the reference needs the Python package {package}, which cannot be imported ({error})"
        supported, hint = package, INSTALL_HINT
        if package == "tflite-micro":
            supported, hint = "CPython 3.11 on Linux, x86-64", f"{INSTALL_HINT}; elsewhere --numerics litert-ref"
        raise CompileError(where, problem, supported, hint) from error


def read_model(model: Path) -> bytes:
    """The bytes of a model file, or a clear error."""
    try:
        return model.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise CompileError(str(model), problem, "a model file", "check the path") from error


def check_inputs(where: str, given: Sequence[Array], wanted: Sequence[tuple[tuple[int, ...], Any]]) -> list[Array]:
    """The inputs as contiguous arrays; type and element count must be the wanted ones exactly.

    A reference must never convert silently, and TFLite Micro aborts the process on a wrong shape.
    """
    if len(given) != len(wanted):
        raise ValueError(f"{where}: {len(given)} inputs given, {len(wanted)} wanted")
    ready = []
    for position, (array, (shape, dtype)) in enumerate(zip(given, wanted, strict=True)):
        if array.dtype != np.dtype(dtype) or array.size != int(np.prod(shape)):
            found = f"{array.dtype}{list(array.shape)}"
            raise ValueError(f"{where}: input {position} is {found}, wanted {np.dtype(dtype)}{list(shape)}")
        ready.append(np.ascontiguousarray(array).reshape(shape))
    return ready
