"""An operator is known in few places: its own file, what imports it, and what chooses its kernel."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import ircompile
from ircompile.importers.onnx import (
    convolution,
    elementwise,
    movement,
    normalization,
    parts,
    pooling,
    reductions,
    resize,
)
from ircompile.importers.onnx.folding import CONSTANTS
from ircompile.importers.onnx.operators import OPERATORS
from ircompile.importers.onnx.record import first, hull, of_difference, of_product, of_sum
from ircompile.ir import ops

ROOT = Path(ircompile.__file__).parent
MOST = 5
OPTIONAL = ("passes", "checks", "analyses", "verification")
"""What may know an operator more closely, and need not."""
BLOCKS = (
    ops.Conv, ops.Depthwise, ops.TransposeConv, ops.Binary, ops.Table, ops.Mean, ops.AveragePool, ops.Flip,
    ops.Reshape, ops.Transpose, ops.Slice, ops.Concat, ops.Copy, ops.PixelTable, ops.Prelu, ops.Pad,
)  # fmt: skip
"""Operators that the compiler itself makes of others, or has several kernels for."""
MODULES = (convolution, elementwise, movement, normalization, parts, pooling, reductions, resize)


@cache
def named_in() -> dict[str, set[str]]:
    """By name of each operator the modules whose code names it."""
    found: dict[str, set[str]] = defaultdict(set)
    names = {op.__name__ for op in ops.OPS}
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT)
        if place.parts[0] in OPTIONAL:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.ImportFrom(module="ircompile.ir.ops"):
                    used = {alias.name for alias in node.names}
                case ast.Attribute(value=ast.Name(id="ops"), attr=name):
                    used = {name}
                case ast.ClassDef(name=name) if place.parts[:2] == ("ir", "ops"):
                    used = {name}
                case _:
                    continue
            for name in used & names:
                found[name].add(str(place))
    for name in names:
        found[name].add("ir/ops/__init__.py")
    return found


@pytest.mark.parametrize("op", [op for op in ops.OPS if op not in BLOCKS], ids=lambda op: op.__name__)
def test_a_structural_operator_takes_five_files(op: type[ops.Op]) -> None:
    files = named_in()[op.__name__]
    assert len(files) <= MOST, sorted(files)
    assert any(file.startswith("kernels/") for file in files)


def test_an_onnx_operator_has_one_row() -> None:
    onnx = pytest.importorskip("onnx")
    assert sum(len(module.OPERATORS) for module in MODULES) == len(OPERATORS)
    assert not OPERATORS.keys() & CONSTANTS.keys()
    assert all(onnx.defs.has(kind) for kind in (*OPERATORS, *CONSTANTS))


def test_ranges_of_results() -> None:
    a, b = (-1.0, 2.0), (-3.0, 0.5)
    assert (first([a, None]), first([None, b])) == (a, None)
    assert (hull([a, b]), hull([a, None])) == ((-3.0, 2.0), None)
    assert (of_sum([a, b]), of_difference([a, b])) == ((-4.0, 2.5), (-1.5, 5.0))
    assert (of_product([a, b]), of_product([a, None]), of_product([a])) == ((-6.0, 3.0), None, None)
    assert all(operator.bounds([a, a]) in (a, None) for operator in OPERATORS.values() if operator.keeps)
