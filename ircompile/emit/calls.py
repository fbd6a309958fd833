"""The lines of C that fire one stage of the plan: which kernel, on which rows."""

from __future__ import annotations

from ircompile.emit.constants import Constants
from ircompile.emit.functions import Functions
from ircompile.emit.rows import Arena, before_again, output_row, row_place, window_call, with_lines
from ircompile.ir.graph import Node
from ircompile.ir.ops import steps_of, window_of
from ircompile.kernels.model import Kernel
from ircompile.kernels.pack import Program
from ircompile.plan.model import Stage


class Calls:
    """Writes the calls of a program; what they call and read is collected in `functions` and `constants`."""

    def __init__(self, program: Program, prefix: str, functions: Functions, constants: Constants) -> None:
        self.program, self.plan, self.prefix = program, program.plan, prefix
        self.graph = program.plan.graph
        self.arena = Arena(program.plan.regions)
        self.functions, self.constants = functions, constants

    def case(self, index: int, stage: Stage) -> dict[str, object]:
        """The case of the driver's switch that fires a stage: its number, a comment, and lines."""
        if stage.node.name in self.plan.placed:
            return {"index": index, "comment": f"{stage.node.name}: its inputs are in place", "lines": []}
        lines = self._call(stage.node, stage)
        if producer := stage.recomputed_producer:
            call = self._call(producer, Stage(producer, 0, (), 0))
            lines = before_again(stage, self.graph.site(stage.node), call) + lines
        nodes = stage.nodes[::-1]
        comment = "; ".join(f"{node.name}: {self._shapes(node)}" for node in nodes)
        return {"index": index, "comment": comment, "lines": lines}

    def _shapes(self, node: Node) -> str:
        site = self.graph.site(node)
        shapes = " + ".join("x".join(map(str, t.shape)) for t in site.inputs)
        return f"{shapes} -> {'x'.join(map(str, site.output.shape))}"

    def _call(self, node: Node, stage: Stage) -> list[str]:
        """The lines that call a node's kernel."""
        kernel, packed = self.program.lowered.kernels[node.name], self.program.packed[node.name]
        function = self.functions.of(kernel, packed)
        site = self.graph.site(node)
        lines, arguments = ([], ["rows"]) if stage.line_buffer else self._inputs(kernel, node)
        out = self.plan.buffers[node.output]
        row = "0" if site.output.height == 1 else "step"  # one that accumulates has one row and many steps
        row = output_row(stage) if stage.line_buffer and row == "step" else row
        arguments.append(row_place(self.arena, out, row, site.output.height))
        arguments += [self.constants.array(node, suffix, values).name for suffix, values in packed.arrays.items()]
        arguments += [str(value) for value in packed.sizes.values()]
        blocks = {"scratch": self.plan.scratch, "sums": self.plan.states}
        for extra in kernel.extras:
            arguments.append("step" if extra == "step" else self.arena.at(blocks[extra][node.name].offset))
        layer = self.graph.nodes.index(node)
        lines.append(f"{self.prefix.upper()}_HOOK({layer}, 0);")
        lines.append(f"{function}({', '.join(arguments)});")
        lines.append(f"{self.prefix.upper()}_HOOK({layer}, 1);")
        if stage.line_buffer:
            return with_lines(self.prefix, self.arena, self.plan, stage, lines)
        return ["{", *(f"    {line}" for line in lines), "}"] if kernel.call == "window" else lines

    def _inputs(self, kernel: Kernel, node: Node) -> tuple[list[str], list[str]]:
        """Statements before the call, and its arguments for the inputs."""
        lines: list[str] = []
        arguments: list[str] = []
        for position, name in enumerate(node.inputs):
            buffer, tensor = self.plan.buffers[name], self.plan.tensor(name)
            if kernel.call == "buffer":
                arguments += [self.arena.at(buffer.offset), str(buffer.slots), str(buffer.pitch)]
            elif kernel.call == "map":
                assert buffer.pitch == tensor.row_bytes, name
                assert buffer.slot_offset + tensor.height <= buffer.slots, name
                arguments.append(self.arena.at(buffer.row(0)))
            elif kernel.call == "row":
                row = self._row_of(kernel, node, position, tensor.height)
                arguments.append(row_place(self.arena, buffer, row, tensor.height))
            else:
                window = window_of(node.op)
                top, stride = window.padding[0], window.stride[0]
                first = "step" if stride == 1 else f"step * {stride}"
                first += f" - {top}" if top else ""
                taps, apart = window.kernel[0], window.dilation[0]
                lines.append(f"const int8_t *rows[{taps}];")
                lines.append(window_call(self.prefix, self.arena, taps, first, apart, buffer, tensor.height))
                arguments.append("rows")
        return lines, arguments

    def _row_of(self, kernel: Kernel, node: Node, position: int, height: int) -> str:
        """The input row that a step of a row kernel reads, as a C expression."""
        if height == 1:
            return "0"
        times, plus, over = kernel.rows[position] if kernel.rows else (1, 0, 1)
        line = "step" + (f" * {times}" if times > 1 else "") + (f" / {over}" if over > 1 else "")
        line += f" {'+' if plus > 0 else '-'} {abs(plus)}" if plus else ""
        last = (steps_of(node.op, self.graph.site(node)) - 1) * times // over + plus
        clamped = f"{line} < {height} ? {line} : {height - 1}" if last >= height else line
        clamped = f"{line} < 0 ? 0 : {clamped}" if plus < 0 else clamped
        return clamped if clamped == "step" else f"({clamped})"
