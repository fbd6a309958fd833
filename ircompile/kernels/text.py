"""A lowered graph and a packed program as text that people can read."""

from ircompile.ir.ops import Convolution
from ircompile.kernels.model import Lowered, Program
from ircompile.kernels.pack import coding_of


def print_lowered(lowered: Lowered) -> str:
    """Every node with its kernel: how it is handed its rows, the layouts, scratch bytes, estimated instructions."""
    lines = [f"lowered {lowered.graph.name}"]
    for node in lowered.graph.nodes:
        kernel, demand = lowered.kernels[node.name], lowered.demands[node.name]
        extras = f" scratch={demand.scratch}" if demand.scratch else ""
        extras += "" if demand.in_place is None else f" may write over input {demand.in_place}"
        lines.append(
            f"  {node.name}: {kernel.template} takes {kernel.call}s, reads {','.join(demand.reads)}, "
            f"writes {demand.writes},{extras} about {kernel.instructions} instructions"
        )
    return "\n".join(lines) + "\n"


def print_program(program: Program) -> str:
    """Every node with its C function, the constant arrays that are packed for it, and its requantization."""
    lines = [f"program {program.plan.graph.name} for {program.target.name}"]
    for node in program.lowered.graph.nodes:
        packed = program.packed[node.name]
        sizes = "".join(f" {name}={value}" for name, value in packed.sizes.items())
        lines.append(
            f"  {node.name}: {program.lowered.kernels[node.name].template} {packed.suffix}{sizes}".rstrip()
        )
        if isinstance(node.op, Convolution) and (coding := coding_of(packed)):
            model = program.plan.graph.consts[node.op.weights].dtype.name
            lines.append(f"    weights of {model}, stored as {coding.value}")
        for name, array in packed.arrays.items():
            lines.append(f"    {name}: {array.dtype} {' x '.join(map(str, array.shape))}, {array.nbytes} bytes")
        if packed.form:
            lines.append(f"    requantization: {packed.form.key}")
    return "\n".join(lines) + "\n"
