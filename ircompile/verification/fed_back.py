"""What a model gets as input whose outputs are fed back by its caller: a framework knows nothing of `--state`."""

from collections.abc import Mapping, Sequence

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.ir.tensor import Array
from ircompile.verification.sequences import restart_after


def fed_back(
    own: Graph, tied: Graph, pairs: Sequence[tuple[str, str]], calls: Sequence[Mapping[str, Array]]
) -> list[dict[str, Array]]:
    """The inputs (H, W, C) of `own`, the model as it is, for each call of `tied`: its own and those fed back."""
    inputs = {binding.name: binding.tensor for binding in own.inputs}
    outputs = {binding.name: binding.tensor for binding in own.outputs}
    first = {name: own.tensors[inputs[name]] for name, _ in pairs}
    held: dict[str, Array] = {}
    restart, found = restart_after(tied, len(calls)), list[dict[str, Array]]()
    for number, call in enumerate(calls):
        if not held or (restart and number % restart == 0):
            held = {inputs[n]: np.full(t.shape, t.zero_point, t.dtype) for n, t in first.items()}
        given = {inputs[b.name]: call[b.tensor].reshape(own.tensors[inputs[b.name]].shape) for b in tied.inputs}
        found.append({**given, **held})
        results = run_graph(own, found[-1])
        held = {inputs[given_name]: results[outputs[taken]] for given_name, taken in pairs}
    return found
