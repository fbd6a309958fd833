"""A sum of rows that moves on: new rows are added to it, old ones are taken away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.ops.op import RowRange
from ircompile.ir.ops.ranges import Range
from ircompile.ir.ops.reduction import Accumulating
from ircompile.ir.tensor import Array, Consts, Rows, Shape, Site, Tensor
from ircompile.qtype import INT8, INT16, INT32


@dataclass(frozen=True)
class RunningSum(Accumulating):
    """Row 0 of the first input, a sum of rows of the second, with that one's rows [first, stop) added to it.

    With `leaving`, they are subtracted. The output is the sum of `of` rows; `passes/stream_in_time.py` sees to it,
    and `checks/running_sums.py` proves it.
    """

    first: int
    stop: int
    of: int
    leaving: bool = False

    def infer(self, inputs: tuple[Tensor, ...], consts: Consts) -> Shape:
        """A sum, int32, and rows of its width and channels: codes or sums of them, int8, int16 or int32."""
        total, rows = inputs
        if not 0 <= self.first < self.stop <= rows.height or total.shape[1:] != rows.shape[1:]:
            raise CompileError(
                rows.name, f"rows [{self.first}, {self.stop}) of {rows.shape} in {total.shape}", "rows of one shape"
            )
        return (1, *total.shape[1:])

    def arity(self) -> int | None:
        return 2

    def takes(self, inputs: set[str], output: str) -> bool:
        others = inputs - {INT32.name}
        return INT32.name in inputs and output == INT32.name and others in (set(), {INT8.name}, {INT16.name})

    def check(self, site: Site) -> None:
        if site.inputs[0].dtype != INT32.name:
            raise CompileError(site.inputs[0].name, f"a sum of {site.inputs[0].dtype}", "int32")

    def problem(self) -> str:
        return "" if self.of > 0 else f"sum of {self.of} rows"

    def steps(self, site: Site) -> int:
        return self.stop - self.first

    def needs(self, site: Site, step: int) -> tuple[RowRange, ...]:
        return (0, 1), (self.first + step, self.first + step + 1)

    def output_rows(self, site: Site, step: int) -> RowRange:
        return (0, 1) if step == self.steps(site) - 1 else (0, 0)

    def sum_bytes(self, site: Site) -> int:
        """Bytes of the sums between two of its steps."""
        return 4 * site.output.width * site.output.channels if self.steps(site) > 1 else 0

    def accumulate(self, site: Site, state: Array, step: int, rows: Sequence[Array]) -> Array | None:
        total, row = rows
        held = state.view(np.int32).reshape(total.shape)
        change = row.astype(np.int32)
        held[:] = (held if step else total) + (-change if self.leaving else change)
        return held if step == self.steps(site) - 1 else None

    def simulate(self, site: Site, inputs: list[Rows], start: int, stop: int) -> Array:
        change = inputs[1].take(self.first, self.stop).astype(np.int64).sum(axis=0, keepdims=True)
        total = inputs[0].take(0, 1) + (-change if self.leaving else change)
        return np.asarray(total.astype(np.int32))

    def bounds(self, site: Site, inputs: list[Range]) -> Range:
        """Those of the sum of so many rows, which the output is."""
        low, high = inputs[1]
        return low * self.of, high * self.of

    def lanes(self, site: Site) -> tuple[Array, ...] | None:
        return (np.arange(site.output.channels),) * 2
