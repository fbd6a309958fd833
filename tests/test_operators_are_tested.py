"""Which tests an operator has: one of a file against its framework, one of the graph on the whole ladder.

`python tests/test_operators_are_tested.py` prints the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from ircompile.importers import tflite
from ircompile.importers.onnx import operators
from ircompile.ir import ops
from ircompile.kernels.candidates import families

TESTS = Path(__file__).parent
QUOTED, CLASS = '"{}"', r"ops\.{}\("
NO_LADDER = {
    "Table": "kernel_nets.py puts one before and behind whatever is tested",
    "Copy": "lowering adds it before depthwise convolutions",
}


@cache
def sources(pattern: str) -> dict[str, str]:
    """The text of test files by their path."""
    return {str(path.relative_to(TESTS)): path.read_text() for path in sorted(TESTS.glob(pattern))}


def files_of(name: str, form: str, patterns: Iterable[str]) -> list[str]:
    """The files that mention an operator outside of their comments."""
    mention = re.compile(form.format(re.escape(name)))
    files = {path: text for pattern in patterns for path, text in sources(pattern).items()}
    return [path for path, text in files.items() if mention.search(re.sub(r"#.*", "", text))]


def ladders_of(name: str) -> list[str]:
    """The files in which an operator of the graph climbs; `Net` makes convolutions by methods of their names."""
    files = files_of(name, CLASS, ["kernels/test_*.py"])
    if name in ("Conv", "Depthwise"):
        files += files_of(name.lower(), r"net\.{}\(", ["kernels/test_*.py"])
    return [path for path in dict.fromkeys(files) if "climb(" in sources("kernels/*.py")[path]]


@pytest.mark.parametrize("name", tflite.legality())
def test_of_tflite(name: str) -> None:
    assert files_of(name, QUOTED, ["importers/test_tflite_*.py"])


@pytest.mark.parametrize("name", sorted(operators.legality()))
def test_of_onnx(name: str) -> None:
    assert files_of(name, QUOTED, ["importers/test_onnx_*.py", "onnx_files.py"])


@pytest.mark.parametrize("name", [op.__name__ for op in ops.OPS if op.__name__ not in NO_LADDER])
def test_on_the_ladder(name: str) -> None:
    assert ladders_of(name)


@pytest.mark.parametrize("op", ops.OPS)
def test_in_the_file_of_its_kernels(op: type[ops.Op]) -> None:
    for family in families(op):
        assert (TESTS / f"kernels/test_{family}.py").is_file()


def main() -> None:
    """Prints operators and the files in which they are tested."""
    for name in tflite.legality():
        print(f"TFLite {name}: {', '.join(files_of(name, QUOTED, ['importers/test_tflite_*.py']))}")
    for name in sorted(operators.legality()):
        print(f"ONNX {name}: {', '.join(files_of(name, QUOTED, ['importers/test_onnx_*.py', 'onnx_files.py']))}")
    for op in ops.OPS:
        print(f"graph {op.__name__}: {', '.join(ladders_of(op.__name__)) or NO_LADDER[op.__name__]}")


if __name__ == "__main__":
    main()
