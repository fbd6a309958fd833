"""How the portable depthwise kernel goes over a row: blocks of outputs, and what they cost."""

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.target import Features

MOST_TOGETHER = 6  # outputs a block of the portable kernel
UNROLLED = 54  # products of such a block: no loop over the rows of its windows


def plain_outputs(op: ops.Depthwise, site: Site, features: Features) -> int:
    """Outputs a block of the portable kernel, so that a row takes the fewest instructions."""
    most = MOST_TOGETHER if features.mul64 and op.window.kernel[1] <= 4 else 4
    width = site.output.width
    return min(range(1, min(width, most) + 1), key=lambda n: -(-width // n) * plain_block(op, n))


def plain_block(op: ops.Depthwise, outputs: int) -> int:
    """Instructions of one block of outputs of the portable kernel."""
    (rows, taps), stride, dilation = op.window.kernel, op.window.stride[1], op.window.dilation[1]
    columns = {o * stride + j * dilation for o in range(outputs) for j in range(taps)}
    row = outputs * taps + taps + len(columns) + (1 if is_unrolled(op, outputs) else 6)
    return rows * row + 9 * outputs + 14


def plain_reads_nibbles(op: ops.Depthwise, site: Site, features: Features) -> bool:
    """Whether the portable kernel is a layer's and can read weights of 4 bits: without a loop over rows."""
    plain = not features.mve and (not features.dsp or op.window.dilation[1] > 1)
    return plain and is_unrolled(op, plain_outputs(op, site, features))


def is_unrolled(op: ops.Depthwise, outputs: int) -> bool:
    """Windows of few codes need no loop over their rows."""
    rows, taps = op.window.kernel
    return rows * taps * outputs <= UNROLLED


def plain_instructions(op: ops.Depthwise, site: Site, features: Features) -> int:
    """Gathering, and then block after block."""
    outputs = plain_outputs(op, site, features)
    filters = -(-site.output.width // outputs) * plain_block(op, outputs) + 16
    gather = op.window.kernel[0] * (site.inputs[0].width // 2 + 16) + 10
    return site.output.height * (site.output.channels * filters + site.inputs[0].channels * gather)
