"""The C of small graphs: one for every site of the catalogue, and a network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from nets import Net, mobilenet_v2
from ops.catalogue import sites

from ircompile.interface import InputMode
from ircompile.ir import ops
from ircompile.ir.bindings import IoBinding
from ircompile.ir.graph import Graph, Node
from ircompile.pipeline import build
from ircompile.target import load_target

CORES = (
    pytest.param("cortex-m0plus", marks=pytest.mark.slow),
    pytest.param("cortex-m3", marks=pytest.mark.slow),
    pytest.param("cortex-m4", marks=pytest.mark.xdist_group("cortex-m4")),
    pytest.param("cortex-m55", marks=pytest.mark.xdist_group("cortex-m55")),
)
"""Tests of a core run in one process, which emits once what they read."""


def graphs() -> Iterator[Graph]:
    """Every op of the catalogue alone, and networks; a copy is added by lowering and never gives an output."""
    for op, site in sites():
        if isinstance(op, ops.Copy):
            continue
        tensors = {tensor.name: tensor for tensor in (*site.inputs, site.output)}
        ports = {name: IoBinding(name, name, (1, *t.shape), t.dtype, (1, 2, 3)) for name, t in tensors.items()}
        names = tuple(tensor.name for tensor in site.inputs)
        node = Node("node", op, names, site.output.name)
        inputs = tuple(ports[name] for name in names)
        yield Graph("net", (node,), tensors, dict(site.consts), inputs, (ports[site.output.name],), "tflm")
    yield from networks()


def networks() -> Iterator[Graph]:
    """A whole network, and a branch that joins."""
    yield mobilenet_v2(0.35, 32, 10)
    net = Net((9, 11, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    yield net.graph(net.inverted_residual(x, 2, 8))


@cache
def emitted(core: str, mode: InputMode = "resident") -> tuple[tuple[str, str], ...]:
    """File name and text of everything in C; of networks only where rows are pushed."""
    found = graphs() if mode == "resident" else networks()
    files = [file for graph in found for file in build(graph, load_target(core), "net", mode).files().items()]
    return tuple((name, text) for name, text in files if isinstance(text, str) and name.endswith((".c", ".h")))
