"""The whole windows that calls with some new rows stand for: a model streamed in time is compared on these."""

from collections.abc import Mapping, Sequence

import numpy as np

from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.verification.sequences import restart_after


def windows_of(whole: Graph, streamed: Graph, calls: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
    """The input (H, W, C) of `whole` that ends with the rows of each call of `streamed`; at first real zeros."""
    name, other = whole.input_names[0], streamed.input_names[0]
    tensor, restart = whole.tensors[name], restart_after(streamed, len(calls))
    silence = np.full(tensor.shape, tensor.zero_point, tensor.dtype)
    window, windows = silence, list[dict[str, Array]]()
    for number, call in enumerate(calls):
        if restart and number % restart == 0:
            window = silence
        window = np.concatenate([window, call[other]])[-tensor.height :]
        windows.append({name: window})
    return windows
