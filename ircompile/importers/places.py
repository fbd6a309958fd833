"""Where the tensors of a user's file lie in the graph, for comparing the two layer by layer."""

from collections.abc import Mapping
from typing import NamedTuple

from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array


class Place(NamedTuple):
    """A tensor of the file: the graph tensor that holds it, and the flat position of each element there.

    `positions` (int32) has the framework's shape.
    """

    tensor: str
    positions: Array


Places = Mapping[str, Place]
"""By the key that `references` know a tensor by: its index as text for TFLite, its name for ONNX. In the order in
which the file computes them."""
BiasRests = Mapping[str, Array]
"""By tensor of the graph: what the file's float32 bias may be beyond the integer one, float64 (2, C) in codes."""


class Trace(NamedTuple):
    """A graph as it is read, before any pass, and what it stands for in the file."""

    graph: Graph
    places: Places
    bias_rests: BiasRests
