"""What codes are stands in ircompile/qtype.py alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ircompile
from ircompile.qtype import ACTIVATIONS, FLIP, INT8, INT16, INT32, UINT8, QType

PACKAGE = Path(ircompile.__file__).parent
FOLDERS = ("analyses", "checks", "emit", "ir", "kernels", "passes", "plan", "variants")
WIDTHS = {127, 128, 255, 256}
NO_WIDTHS = {
    "ir/families/__init__.py": "channels of networks",
    "ir/families/mobilenets.py": "channels of networks",
    "ir/families/searched.py": "channels of networks",
    "kernels/model.py": "pixels of a layer",
    "kernels/requantize/model.py": "the exponent of a float32",
}


@pytest.mark.parametrize("qtype", [INT8, UINT8, INT16, INT32], ids=lambda qtype: qtype.name)
def test_types_are_those_of_numpy_and_c(qtype: QType) -> None:
    info = np.iinfo(qtype.name)
    assert qtype.range == (info.min, info.max)
    assert qtype.bytes == info.dtype.itemsize == qtype.dtype.itemsize
    assert qtype.count == 2 ** (8 * qtype.bytes) == qtype.span + 1
    assert qtype.c_type == f"{qtype.name}_t"


def test_all_codes_of_a_type() -> None:
    assert np.array_equal(INT8.codes().astype(np.int8).view(np.uint8) ^ np.uint8(FLIP), UINT8.codes())
    assert list(ACTIVATIONS) == ["int8", "uint8", "int16", "int32"]


def literals(source: str) -> Iterator[int]:
    """The lines with a number that is the end of a type; sizes of caches and such are named by a keyword."""
    tree = ast.parse(source)
    named = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    for node in ast.walk(tree):
        number = isinstance(node, ast.Constant) and type(node.value) is int and node.value in WIDTHS
        if number and id(node) not in named:
            yield node.lineno


def test_finds_literals() -> None:
    source = "low = -128\ntext = '127'  # 127\nf(size=256)\nhigh = 0xFF\n"
    assert sorted(literals(source)) == [1, 4]


def test_no_width_is_written_as_a_number() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for folder in FOLDERS
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        if str(path.relative_to(PACKAGE)) not in NO_WIDTHS
        for line in literals(path.read_text())
    ]
    assert not found, "say it with ircompile.qtype, or name the number"
