"""TFLite Micro itself, from PyPI's tflite-micro: the profile 'tflm'."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ircompile.errors import CompileError
from ircompile.verification.references.base import OTHER_HINT, Array, Operator, check_inputs, require
from ircompile.verification.references.tflite_file import TfliteFile

_RUNTIME = "tflite_micro.python.tflite_micro.runtime"
_SCHEMA = "tflite_micro.tensorflow.lite.micro.python.schema_py_generated"
_LARGEST_ARENA = 1 << 28

Result = TypeVar("Result")


@dataclass(frozen=True)
class ArenaUse:
    """What TFLite Micro needs of RAM on a 64-bit host: planned activations, and persistent structs."""

    head: int
    tail: int


class TflmReference:
    """One model in TFLite Micro's reference kernels. See `Reference` for the methods' meaning."""

    name = "tflm"

    def __init__(self, model: Path) -> None:
        self._runtime = require(_RUNTIME, "tflite-micro", str(model))
        self.file = TfliteFile(model, require(_SCHEMA, "tflite-micro", str(model)))
        self.operators: Sequence[Operator] = self.file.operators
        self._whole: Any = None
        self._preserving: Any = None
        self._single: dict[int, Any] = {}

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The model's outputs."""
        if self._whole is None:
            self._whole = self._open(self.file.data, preserve=False)
        return self._invoke(self._whole, inputs, len(self.file.inputs), len(self.file.outputs))

    def intermediates(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """Every activation tensor by its index in the subgraph."""
        try:
            self._preserving = self._preserving or self._open(self.file.data, preserve=True)
        except CompileError:
            # Its planner for this mode holds a fixed number of buffers; cfu_hps_74ops has more.
            return self._chain(inputs)
        self._invoke(self._preserving, inputs, len(self.file.inputs), len(self.file.outputs))
        tensors = {i: self._preserving.GetTensor(i, 0) for i in self.file.activations()}
        return {str(i): np.array(t["tensor_data"]).reshape(t["shape"]) for i, t in tensors.items()}

    def _chain(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """The same, operator by operator, each fed with what the ones before it gave."""
        values = dict(zip((str(i) for i in self.file.inputs), inputs, strict=True))
        for operator in self.operators:
            results = self.run_operator(operator.index, [values[key] for key in operator.inputs])
            values |= zip(operator.outputs, results, strict=True)
        return values

    def run_operator(self, index: int, inputs: Sequence[Array]) -> list[Array]:
        """One operator alone, on a model cut down to it."""
        if index not in self._single:
            self._single[index] = self._open(self.file.cut(index), preserve=False)
        operator = self.operators[index]
        return self._invoke(self._single[index], inputs, len(operator.inputs), len(operator.outputs))

    def arena_use(self) -> ArenaUse:
        """The arena TFLite Micro reports for the whole model, as in its own benchmarks."""
        interpreter = self._open(self.file.data, preserve=False)
        _, text = _with_stderr(interpreter.print_allocations)
        figures = dict(re.findall(r"Arena allocation (head|tail) (\d+) bytes", text))
        return ArenaUse(head=int(figures["head"]), tail=int(figures["tail"]))

    def _open(self, data: bytes, preserve: bool) -> Any:
        """An interpreter with an arena large enough: an estimate first, four times that if refused, and so on.

        Whole pages, because an odd size costs the reported tail a few bytes of alignment.
        """
        kinds = self._runtime.InterpreterConfig
        config = kinds.kPreserveAllTensors if preserve else kinds.kAllocationRecording
        arena = (2 * self.file.elements() + (1 << 18)) // 4096 * 4096
        while True:

            def build(arena: int = arena) -> Any:
                return self._runtime.Interpreter.from_bytes(data, arena_size=arena, intrepreter_config=config)

            interpreter, text = _with_stderr(build)
            if interpreter is not None:
                return interpreter
            arena *= 4
            small = "prepare" not in text and "invoke" not in text
            if not small or arena > _LARGEST_ARENA:
                problem = f"TFLite Micro refuses the model: {' '.join(text.split())}"
                raise CompileError(str(self.file.path), problem, "models which TFLite Micro runs", OTHER_HINT)

    def _invoke(self, interpreter: Any, inputs: Sequence[Array], count: int, outputs: int) -> list[Array]:
        details = [interpreter.get_input_details(i) for i in range(count)]
        wanted = [(tuple(int(n) for n in d["shape"]), d["dtype"]) for d in details]
        for position, array in enumerate(check_inputs(str(self.file.path), inputs, wanted)):
            interpreter.set_input(array, position)
        interpreter.invoke()
        return [np.array(interpreter.get_output(i)) for i in range(outputs)]


def _with_stderr(action: Callable[[], Result]) -> tuple[Result | None, str]:
    """The result of `action` and all it wrote to stderr; the result is None if it raised RuntimeError.

    TFLite Micro reports from C++, to file descriptor 2 of the process.
    """
    with _redirected_stderr() as read:
        try:
            result = action()
        except RuntimeError as error:
            return None, f"{read()} {error}"
        return result, read()


@contextmanager
def _redirected_stderr() -> Iterator[Callable[[], str]]:
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:

        def read() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "replace")

        os.dup2(file.fileno(), 2)
        try:
            yield read
        finally:
            os.dup2(saved, 2)
            os.close(saved)


SECONDS = 60
SCRIPT = """\
import json, pathlib, sys
from ircompile.verification.references.tflm import TflmReference
use = TflmReference(pathlib.Path(sys.argv[1])).arena_use()
print(json.dumps({"activations": use.head, "persistent": use.tail}))
"""


def measured_arena(model: Path) -> dict[str, int] | None:
    """Bytes of "activations" and of "persistent" structures (of 64-bit pointers) that TFLite Micro reports.

    It is asked in a process of its own: its C++ may abort on what it refuses.
    None for models that are not TFLite or that it refuses, and where PyPI's tflite-micro is not installed.
    """
    if model.suffix != ".tflite" or importlib.util.find_spec("tflite_micro") is None:
        return None
    command = [sys.executable, "-c", SCRIPT, str(model)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
    except (subprocess.SubprocessError, OSError):
        return None
    use: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return use
