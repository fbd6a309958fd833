"""The operators: one file each, with its shape rule, receptive field and NumPy meaning.

An op is a small frozen dataclass with `infer` (shape rule and legality; its docstring is the rule that
`docs/supported.md` prints), `needs` (which rows of each input a step reads: all that planning may ask),
`macs` and `simulate` (the meaning). A step writes one output row, but for ops that accumulate (see `steps_of`).
"""

from __future__ import annotations

from ircompile.ops.binary import Binary, Constant
from ircompile.ops.conv import Conv
from ircompile.ops.depthwise import Depthwise
from ircompile.ops.flip import Flip
from ircompile.ops.mean import Mean
from ircompile.ops.move import Reshape, Transpose
from ircompile.ops.pad import Pad
from ircompile.ops.pool import AveragePool, MaxPool
from ircompile.ops.softmax import Softmax
from ircompile.ops.table import Table
from ircompile.ops.window import Window
from ircompile.tensor import Site

Op = Conv | Depthwise | AveragePool | MaxPool | Mean | Binary | Table | Softmax | Pad | Reshape | Transpose | Flip
OPS: tuple[type[Op], ...] = (
    Conv,
    Depthwise,
    AveragePool,
    MaxPool,
    Mean,
    Binary,
    Table,
    Softmax,
    Pad,
    Reshape,
    Transpose,
    Flip,
)


def steps_of(op: Op, site: Site) -> int:
    """How many steps compute the whole output: one an output row, one an input row for a Mean."""
    return op.steps(site) if isinstance(op, Mean) else site.output.height


def output_rows(op: Op, site: Site, step: int) -> tuple[int, int]:
    """Output rows [first, stop) that a step completes."""
    return op.output_rows(site, step) if isinstance(op, Mean) else (step, step + 1)


def state_bytes(op: Op, site: Site) -> int:
    """Bytes that an op keeps from its first step to its last, beside its buffers."""
    return op.state_bytes(site) if isinstance(op, Mean) else 0


def const_names(op: Op) -> tuple[str, ...]:
    """The constants that an op names."""
    match op:
        case Conv() | Depthwise():
            return op.weights, op.bias, op.requant.scale
        case Table():
            return (op.table,)
        case Binary(constant=Constant(name=name)):
            return (name,)
        case _:
            return ()


__all__ = [
    "OPS", "AveragePool", "Binary", "Constant", "Conv", "Depthwise", "Flip", "MaxPool", "Mean", "Op", "Pad",
    "Reshape", "Softmax", "Table", "Transpose", "Window", "const_names", "output_rows", "state_bytes", "steps_of",
]  # fmt: skip
