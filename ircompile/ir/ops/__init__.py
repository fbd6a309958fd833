"""The operators: one file each, with its shape rule, receptive field and NumPy meaning.

An op is a small frozen dataclass with `infer` (shape rule and legality; its docstring is the rule that
`docs/supported.md` prints), `needs` (which rows of each input a step reads: all that planning may ask),
`macs` and `simulate` (the meaning). A step writes one output row, but for ops that accumulate (see `steps_of`).
"""

from __future__ import annotations

from ircompile.ir.ops.argmax import ArgMax
from ircompile.ir.ops.binary import Binary, Constant
from ircompile.ir.ops.blocks import DepthToSpace, SpaceToDepth
from ircompile.ir.ops.concat import Concat
from ircompile.ir.ops.conv import Conv
from ircompile.ir.ops.copy import Copy
from ircompile.ir.ops.depthwise import Depthwise
from ircompile.ir.ops.extreme import Extreme
from ircompile.ir.ops.flip import Flip
from ircompile.ir.ops.mean import Lookup, Mean
from ircompile.ir.ops.move import Reshape, Transpose
from ircompile.ir.ops.pad import Pad
from ircompile.ir.ops.pixel_table import PixelTable
from ircompile.ir.ops.pool import AveragePool, MaxPool
from ircompile.ir.ops.prelu import Prelu
from ircompile.ir.ops.resize import Resize
from ircompile.ir.ops.slice import Slice
from ircompile.ir.ops.softmax import Softmax
from ircompile.ir.ops.table import Table
from ircompile.ir.ops.transpose_conv import TransposeConv
from ircompile.ir.ops.window import Window
from ircompile.ir.tensor import Site

Op = (
    Conv
    | Depthwise
    | TransposeConv
    | AveragePool
    | MaxPool
    | Mean
    | Extreme
    | Binary
    | Prelu
    | Table
    | PixelTable
    | Softmax
    | ArgMax
    | Resize
    | Concat
    | Slice
    | Pad
    | DepthToSpace
    | SpaceToDepth
    | Reshape
    | Transpose
    | Flip
    | Copy
)
Windowed = Conv | Depthwise | MaxPool | AveragePool
"""Ops that slide a window over one input."""

OPS: tuple[type[Op], ...] = (
    Conv, Depthwise, TransposeConv, AveragePool, MaxPool, Mean, Extreme, Binary, Prelu, Table, PixelTable, Softmax,
    ArgMax, Resize, Concat, Slice, Pad, DepthToSpace, SpaceToDepth, Reshape, Transpose, Flip, Copy,
)  # fmt: skip


def window_of(op: Op) -> Window:
    """The window of an op that slides one."""
    assert isinstance(op, Windowed), op
    return op.window


def steps_of(op: Op, site: Site) -> int:
    """How many steps compute the whole output: one an output row, but for ops that say otherwise."""
    return op.steps(site) if isinstance(op, Mean | Extreme | Depthwise) else site.output.height


def output_rows(op: Op, site: Site, step: int) -> tuple[int, int]:
    """Output rows [first, stop) that a step completes."""
    return op.output_rows(site, step) if isinstance(op, Mean | Extreme | Depthwise) else (step, step + 1)


def state_bytes(op: Op, site: Site) -> int:
    """Bytes that an op keeps from its first step to its last, beside its buffers."""
    return op.state_bytes(site) if isinstance(op, Mean | Extreme) else 0


def const_names(op: Op) -> tuple[str, ...]:
    """The constants that an op names."""
    match op:
        case Conv() | Depthwise() | TransposeConv():
            return op.weights, op.bias, op.requant.scale
        case Table():
            return (op.table,)
        case Mean(lookup=Lookup(name=name)):
            return (name,)
        case PixelTable():
            return (op.tables,)
        case Prelu():
            return (op.alpha,)
        case Binary(constant=Constant(name=name)):
            return (name,)
        case _:
            return ()


__all__ = [
    "OPS", "ArgMax", "AveragePool", "Binary", "Concat", "Constant", "Conv", "Copy", "DepthToSpace", "Depthwise",
    "Extreme", "Flip", "Lookup", "MaxPool", "Mean", "Op", "Pad", "PixelTable", "Prelu", "Reshape", "Resize",
    "Slice", "Softmax", "SpaceToDepth", "Table", "Transpose", "TransposeConv", "Window", "Windowed",
    "const_names", "output_rows", "state_bytes", "steps_of", "window_of",
]  # fmt: skip
