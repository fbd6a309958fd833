"""Concatenations whose inputs are written where the output is."""

from __future__ import annotations

from pathlib import Path

import pytest
from ladder import climb
from nets import Net
from proved import prove

from ircompile.ir import ops
from ircompile.ir.graph import Graph
from ircompile.kernels.lower import lower
from ircompile.plan import lay_out
from ircompile.plan.search import find_default
from ircompile.target import load_target


def branches() -> Graph:
    net = Net((9, 7, 3))
    x = net.conv("x", 8)
    parts = [net.conv(x, 4), net.depthwise(x, relu=False), net.conv(x, 5, (3, 3))]
    for part in parts:
        net.tensors[part] = net.tensors[parts[0]].__class__(
            part, net.tensors[part].shape, "int8", net.tensors[parts[0]].scale, net.tensors[parts[0]].zero_point
        )
    joined = net.add("concat", ops.Concat(2), tuple(parts), 0.05, net.tensors[parts[0]].zero_point)
    return net.graph(net.conv(joined, 6))


def test_nothing_is_copied() -> None:
    lowered = lower(branches(), load_target("cortex-m4"))
    plan = lay_out(find_default(lowered.graph, lowered.demands, "resident"))
    prove(plan)
    (concat,) = (node for node in lowered.graph.nodes if isinstance(node.op, ops.Concat))
    assert plan.placed == {concat.name}
    whole = plan.buffers[concat.output]
    assert [plan.buffers[name].offset - whole.offset for name in concat.inputs] == [0, 4, 12]


@pytest.mark.toolchain
def test_compiled(tmp_path: Path) -> None:
    climb(branches(), tmp_path, "rows", rungs=("gcc", "cortex-m4"))
