"""The passes that bring a graph into normal form: what the graph was, what it is, and that no byte differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nets import Net
from pass_results import after, kinds, same

from ircompile.ir import ops
from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.graph import Graph, IoBinding, Node
from ircompile.ir.ops import Window
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Tensor
from ircompile.ir.validate import validate
from ircompile.passes import PASSES, normalize
from ircompile.passes.absorb_transposes import absorb_transposes
from ircompile.passes.drop_dead import drop_dead
from ircompile.passes.drop_identities import drop_identities
from ircompile.passes.fold_clamps import fold_clamps
from ircompile.passes.fold_reshape import fold_reshape
from ircompile.passes.merge_tables import scalar_tables


def test_fully_connected_reads_the_map() -> None:
    net = Net((4, 5, 3))
    flat = same(net, "flat", ops.Reshape((1, 1, 60)), "x")
    net.conv(flat, 7)
    graph = net.graph()
    assert after(lambda g: drop_dead(fold_reshape(g)), graph) == ["Conv"]
    op = fold_reshape(graph).nodes[-1].op
    assert isinstance(op, ops.Conv)
    assert op.window == Window((4, 5))


def test_reshapes_merge_and_vanish() -> None:
    net = Net((4, 5, 3))
    x = "x"
    for shape in ((1, 1, 60), (10, 2, 3), (4, 5, 3)):
        x = same(net, "reshape", ops.Reshape(shape), x)
    net.conv(x, 2)
    graph = net.graph()
    assert after(lambda g: drop_dead(drop_identities(fold_reshape(g))), graph) == ["Conv"]


def test_a_reshape_to_another_scale_stays() -> None:
    """It copies bytes that mean other numbers from then on."""
    net = Net((4, 5, 3))
    net.conv(net.add("reshape", ops.Reshape((1, 1, 60)), ("x",), scale=0.2, zero=7), 2)
    assert after(normalize, net.graph()) == ["Reshape", "Conv"]
    net = Net((1, 1, 3))
    net.conv(net.add("reshape", ops.Reshape((1, 1, 3)), ("x",), scale=0.2, zero=7), 2)
    assert after(normalize, net.graph()) == ["Reshape", "Conv"]


def test_identities() -> None:
    net = Net((4, 1, 3))
    identity = np.arange(-128, 128).astype(np.int8)
    net.consts["identity"] = identity
    x = "x"
    for kind, op in [
        ("reshape", ops.Reshape((4, 1, 3))), ("slice", ops.Slice((0, 0, 0), (4, 1, 3))),
        ("pad", ops.Pad((0, 0, 0), (0, 0, 0), 0)), ("transpose", ops.Transpose((0, 1, 2))),
        ("concat", ops.Concat(1)), ("pool", ops.MaxPool(Window((1, 1)))), ("table", ops.Table("identity")),
        ("resize", ops.Resize("bilinear", (4, 1), half_pixel=True)),
    ]:  # fmt: skip
        x = same(net, kind, op, x)
    graph = net.graph(x, net.conv(x, 2))
    assert after(drop_identities, graph) == ["Conv"]
    assert drop_identities(graph).output_names[0] == "x"


def test_no_identities() -> None:
    """Alike, and yet each changes something."""
    net = Net((4, 3, 3))
    net.consts["identity"] = np.arange(-128, 128).astype(np.int8)
    shifted = same(net, "resize", ops.Resize("nearest", (4, 3), align_corners=True, half_pixel=True), "x")
    clamped = same(net, "pool", ops.MaxPool(Window((1, 1)), low=0), shifted)
    turned = same(net, "transpose", ops.Transpose((0, 2, 1)), clamped)
    net.add("table", ops.Table("identity"), (turned,), scale=0.3, zero=1)
    assert after(drop_identities, net.graph()) == ["Resize", "MaxPool", "Transpose", "Table"]


def flip(net: Net, x: str) -> str:
    source = net.tensors[x]
    dtype, zero = ("uint8", 128) if source.dtype == "int8" else ("int8", -128)
    return net.add("flip", ops.Flip(), (x,), source.scale, source.zero_point + zero, dtype)


def test_flips_cancel() -> None:
    net = Net((4, 3, 3))
    x = flip(net, flip(net, net.conv("x", 4)))
    y = net.conv(x, 2)
    graph = net.graph(y, flip(net, flip(net, flip(net, y))))
    assert after(lambda g: drop_dead(drop_identities(g)), graph) == ["Conv", "Conv", "Flip"]


@pytest.mark.parametrize("kind", ["conv", "depthwise", "sum", "max", "mean"])
def test_a_clamp_folds(kind: str) -> None:
    net = Net((6, 6, 3))
    build = {
        "conv": lambda: net.conv("x", 4),
        "depthwise": lambda: net.depthwise("x", relu=False),
        "sum": lambda: net.sum("x", "x"),
        "max": lambda: same(net, "pool", ops.MaxPool(Window((2, 2))), "x"),
        "mean": lambda: same(net, "mean", ops.Mean("hw", "code"), "x"),
    }
    y = build[kind]()
    net.consts["relu6"] = np.clip(np.arange(-128, 128), -3, 90).astype(np.int8)
    graph = net.graph(same(net, "table", ops.Table("relu6"), y))
    assert "Table" not in after(fold_clamps, graph)


def test_a_clamp_stays() -> None:
    """Where another reads the unclamped tensor, where the scale changes, and where it is no clamp."""
    for case in ("output", "reader", "scale", "function", "no clamping op"):
        net = Net((6, 6, 3))
        y = net.conv("x", 4) if case != "no clamping op" else same(net, "t", ops.Transpose((1, 0, 2)), "x")
        net.consts["f"] = np.clip(np.arange(-128, 128), -3, 90).astype(np.int8)
        if case == "function":
            net.consts["f"] = net.consts["f"][::-1].copy()
        if case == "scale":
            z = net.add("table", ops.Table("f"), (y,), scale=0.3)
        else:
            z = same(net, "table", ops.Table("f"), y)
        outputs = {"output": (y, z), "reader": (net.conv(y, 2), z) if case == "reader" else (z,)}.get(case, (z,))
        assert "Table" in after(fold_clamps, net.graph(*outputs)), case


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("kind", ["add", "sub", "mul", "max"])
def test_one_constant_for_all_is_a_table(kind: str, first: bool) -> None:
    net = Net((4, 3, 3))
    net.consts["c"] = np.full((1, 1, 1), 77, np.int8)
    rounding = "raw" if kind == "max" else "double"
    node = ops.Binary(kind, rounding, -100, 90, ops.Constant("c", 0.02, 5, first))  # type: ignore[arg-type]
    net.add("binary", node, ("x",))
    assert after(scalar_tables, net.graph()) == ["Table"]


def test_a_constant_a_channel_stays() -> None:
    net = Net((4, 3, 3))
    net.consts["c"] = np.full((1, 1, 3), 77, np.int8)
    net.add("binary", ops.Binary("mul", "double", constant=ops.Constant("c", 0.02, 5)), ("x",))
    assert after(scalar_tables, net.graph()) == ["Binary"]


def test_dead_nodes_go_and_inputs_stay() -> None:
    net = Net((4, 3, 3))
    net.tensors["other"] = Tensor("other", (2, 2, 2))
    y = net.conv("x", 2)
    net.conv(net.conv(y, 3), 4)
    graph = net.graph(y)
    port = replace(graph.inputs[0], tensor="other", shape=(1, 2, 2, 2))
    graph = replace(graph, inputs=(*graph.inputs, port), tensors=net.tensors)
    changed = validate(drop_dead(graph))
    assert kinds(changed) == ["Conv"]
    assert changed.input_names == ("x", "other")


def nchw(unsigned: bool) -> Graph:
    """A network on HWC whose caller thinks in CHW: transposes at both ends."""
    dtype = "uint8" if unsigned else "int8"
    tensors = [
        Tensor("a", (3, 5, 6), dtype, 0.1, 130 if unsigned else 2), Tensor("b", (3, 5, 6), "int8", 0.1, 2),
        Tensor("c", (5, 6, 3), "int8", 0.1, 2), Tensor("d", (5, 6, 3), "int8", 0.2, 7),
        Tensor("e", (3, 5, 6), "int8", 0.2, 7),
    ]  # fmt: skip
    table = np.random.default_rng(0).permutation(256).astype(np.uint8).view(np.int8)
    nodes = [
        Node("b", ops.Flip(), ("a",), "b", "s"), Node("c", ops.Transpose((1, 2, 0)), ("b",), "c", "s"),
        Node("d", ops.Table("t"), ("c",), "d", "s"), Node("e", ops.Transpose((2, 0, 1)), ("d",), "e", "s"),
    ]  # fmt: skip
    if not unsigned:
        nodes = [replace(nodes[1], inputs=("a",)), *nodes[2:]]
    ends = [IoBinding(n, n, (1, 3, 5, 6), t, (1, 2, 3)) for n, t in (("a", dtype), ("e", "int8"))]
    graph = Graph("net", (), {t.name: t for t in tensors}, {"t": table}, (ends[0],), (ends[1],), "tflm")
    return validate(graph.rebuilt(nodes))


@pytest.mark.parametrize("unsigned", [False, True])
def test_transposes_at_the_ends_become_the_callers_layout(unsigned: bool) -> None:
    graph = nchw(unsigned)
    changed = validate(absorb_transposes(graph))
    assert "Transpose" not in kinds(drop_dead(changed))
    assert changed.inputs[0].axes == changed.outputs[0].axes == (2, 3, 1)
    picture = np.random.default_rng(1).integers(0, 127, (1, 3, 5, 6)).astype(graph.inputs[0].dtype)
    results = []
    for form in (graph, changed):
        codes = to_graph(form.inputs[0], form.tensors[form.input_names[0]], picture)
        out = run_graph(form, {form.input_names[0]: codes})[form.output_names[0]]
        results.append(from_graph(form.outputs[0], form.tensors[form.output_names[0]], out))
    np.testing.assert_array_equal(*results)


def test_a_transpose_that_not_every_reader_has_stays() -> None:
    graph = nchw(False)
    extra = Node("f", ops.Table("t"), ("a",), "f", "s")
    tensors = {**graph.tensors, "f": replace(graph.tensors["a"], name="f")}
    outputs = (*graph.outputs, IoBinding("f", "f", (1, 3, 5, 6), "int8", (1, 2, 3)))
    graph = validate(replace(graph, tensors=tensors).rebuilt([*graph.nodes, extra], outputs=outputs))
    assert kinds(absorb_transposes(graph)).count("Transpose") == 2


def test_every_pass_says_what_it_does() -> None:
    assert all("->" in (run.__doc__ or "") or len(run.__doc__ or "") > 60 for run in PASSES)


def test_normal_form_of_normal_form() -> None:
    net = Net((16, 16, 3))
    x = net.inverted_residual(net.conv("x", 8, (3, 3), (2, 2), relu=True), 16, 8)
    flat = same(net, "flat", ops.Reshape((1, 1, 512)), x)
    graph = net.graph(net.conv(flat, 5))
    assert after(normalize, graph)[-1] == "Conv"
