"""A graph under construction. The importers, the families of networks and the tests all build graphs with it."""

from collections.abc import Iterable, Sequence

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.graph import Graph, IoBinding, Node, State
from ircompile.ir.names import Names
from ircompile.ir.ops import Op
from ircompile.ir.tensor import Array, Shape, Tensor


class GraphBuilder:
    """The nodes, tensors and constants so far. Each tensor and each constant has a name of its own."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.consts: dict[str, Array] = {}
        self.notices: list[str] = []
        self.states: list[State] = []
        self.names = Names()

    def notice(self, text: str) -> None:
        """Remembers, once, what the user should know of the graph."""
        if text not in self.notices:
            self.notices.append(text)

    def tensor(
        self, name: str, shape: Shape, dtype: str = "int8", scale: float = 1.0, zero_point: int = 0
    ) -> Tensor:
        """Adds a tensor; its name is `name`, or `name_2` and so on where that is taken."""
        unique = self.names.unique(name)
        self.tensors[unique] = Tensor(unique, shape, dtype, scale, zero_point)
        return self.tensors[unique]

    def const(self, name: str, array: Array) -> str:
        """Adds a constant; returns its name, which is unique."""
        unique = self.names.unique(name)
        self.consts[unique] = np.ascontiguousarray(array)
        return unique

    def infer(self, op: Op, inputs: Sequence[str], source: str) -> Shape:
        """The shape that an op gives on these tensors; raises CompileError at `source` where it gives none."""
        try:
            return op.infer(tuple(self.tensors[name] for name in inputs), self.consts)
        except CompileError as error:
            raise error.at(source) from None

    def node(self, op: Op, inputs: Sequence[str], output: Tensor, source: str) -> Tensor:
        """Adds the node that writes `output`, a tensor of this builder; `source` is its place in the file."""
        self.nodes.append(Node(output.name, op, tuple(inputs), output.name, source))
        return output

    def build(
        self, name: str, inputs: Iterable[IoBinding], outputs: Iterable[IoBinding], numerics: str = "tflm"
    ) -> Graph:
        """The finished graph, without the tensors and constants that no node names. It is not validated yet."""
        ends = (tuple(inputs), tuple(outputs))
        notices, states = tuple(self.notices), tuple(self.states)
        whole = Graph(name, (), self.tensors, self.consts, *ends, numerics, notices, states=states)
        return whole.rebuilt(self.nodes)


def plain_binding(tensor: Tensor) -> IoBinding:
    """The binding of a tensor that the user's model has as 1 x height x width x channels, under the same name."""
    return IoBinding(tensor.name, tensor.name, (1, *tensor.shape), tensor.dtype, (1, 2, 3))
