"""Which kernel computes which node, on which target."""

from __future__ import annotations

from ircompile import ops
from ircompile.errors import CompileError
from ircompile.graph import Graph, Node
from ircompile.kernels.model import Kernel
from ircompile.plan.model import Layout
from ircompile.target import Target


def choose(node: Node, graph: Graph, target: Target) -> Kernel:
    """The kernel of a node. Portable C is always there; variants for an instruction set have the same shape."""
    site = graph.site(node)
    op = node.op
    match op:
        case ops.Conv():
            pointwise = op.window == ops.Window((1, 1))
            return Kernel(
                "pointwise" if pointwise else "conv",
                "row" if pointwise else "window",
                ("hwc",),
                ("hwc", "chw"),
                instructions=4 * op.macs(site),
            )
        case ops.Depthwise():
            left, right = op.window.padding[2:]
            strip = op.window.kernel[0] * (site.inputs[0].width + left + right + 4)
            return Kernel(
                "depthwise", "window", ("chw",), ("hwc", "chw"), -(-strip // 4) * 4,
                instructions=6 * op.macs(site), extras=("scratch",),
            )  # fmt: skip
        case ops.MaxPool() | ops.AveragePool():
            return Kernel("pool", "window", ("hwc",))
        case ops.Mean():
            sums: tuple[str, ...] = ("sums",) if op.state_bytes(site) else ()
            return Kernel("mean", "row", ("hwc",), extras=("step", *sums))  # type: ignore[arg-type]
        case ops.Binary():
            full = [i for i, t in enumerate(site.inputs) if t.shape == site.output.shape]
            extras = ("step",) if op.constant and graph.consts[op.constant.name].shape[0] > 1 else ()
            reads: tuple[Layout, ...] = tuple("hwc" for _ in site.inputs)
            return Kernel("binary", "row", reads, in_place=full[-1] if full else None,
                          extras=extras)  # type: ignore[arg-type]  # fmt: skip
        case ops.Table():
            return Kernel("table", "row", ("hwc",), in_place=0)
        case ops.Flip():
            return Kernel("flip", "row", ("hwc",), in_place=0)
        case ops.Softmax():
            return Kernel("softmax", "row", ("hwc",), in_place=0)
        case ops.Pad():
            return Kernel("pad", "row", ("hwc",), extras=("step",))
        case ops.Copy():
            return Kernel("copy", "row", ("hwc",), ("chw",))
        case ops.Reshape():
            return Kernel("reshape", "buffer", ("hwc",), extras=("step",))
        case ops.Transpose():
            return Kernel("transpose", "buffer", ("hwc",), extras=("step",))
        case _:
            raise CompileError(node.source or node.name, f"no kernel computes {type(op).__name__}")
