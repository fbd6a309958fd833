"""The lines of C that fire one stage of the plan: which kernel, on which rows."""

import re
from collections import defaultdict

from ircompile.emit.constants import Constants
from ircompile.emit.functions import CodeTypes, Functions
from ircompile.emit.geometry import constant
from ircompile.emit.memory import Arena, Memory
from ircompile.emit.rows import buffered_step_comment, output_row, recomputed_rows, window_call, with_line_buffer
from ircompile.ir.graph import Node
from ircompile.ir.ops import window_of
from ircompile.kernels.model import Kernel, Program
from ircompile.plan.model import Stage
from ircompile.qtype import ACTIVATIONS


class Calls:
    """Writes the calls of a program; what they call and read is collected in `functions` and `constants`."""

    def __init__(self, program: Program, prefix: str, functions: Functions, constants: Constants) -> None:
        self.program, self.plan, self.prefix = program, program.plan, prefix
        self.graph = program.plan.graph
        self.arena = Arena(program.plan.regions)
        self.memory = Memory(program.plan, prefix, self.arena)
        self.functions, self.constants = functions, constants
        self.alike: dict[object, list[int]] = defaultdict(list)
        for number, node in enumerate(self.graph.nodes):
            if node.name not in self.plan.placed:
                self.alike[self._geometry(node)].append(number)

    def case(self, index: int, stage: Stage) -> dict[str, object]:
        """The function that fires a stage: its name, comments and lines, and the numbers of stage and layer."""
        node = stage.node
        told = {"index": index, "layer": self.graph.nodes.index(node), "node": node.name,
                "fn": f"{self.prefix}_layer_{self.graph.nodes.index(node)}_{node.name}"}  # fmt: skip
        if node.name in self.plan.placed:
            return {**told, "comments": [f"{self._told(node)}: its inputs are in place"], "lines": []}
        lines = self._call(node, stage)
        if producer := stage.recomputed_producer:
            call = self._call(producer, Stage(producer, 0, (), 0))
            lines = recomputed_rows(stage, self.graph.site(node), call) + lines
        comments = [text for each in stage.nodes[::-1] for text in self._comments(each, stage)]
        return {**told, "comments": comments, "lines": [*self._locals(lines), *lines]}

    def _locals(self, lines: list[str]) -> list[str]:
        """Statements before the others of a function: the memories it names, the blob, what it does not use."""
        text = "\n".join(lines)
        regions = [region for region in self.plan.regions if f"{self.arena.local(region)} + " in text
                   or f"{self.arena.local(region)}," in text] if self.arena.several else []  # fmt: skip
        found = [f"int8_t *const {self.arena.local(r)} = (int8_t *){self.arena.pointer(r)};" for r in regions]
        if self.constants.in_blob and any(re.search(rf"\b{array.name}\b", text) for array in self.constants.arrays):
            found.insert(0, f"const uint8_t *const weights = {self.prefix}_weights_of({self.arena.parameter});")
        return found + ([] if re.search(r"\bstep\b", text) else ["(void)step;"])

    def _comments(self, node: Node, stage: Stage) -> list[str]:
        """What a layer is, where its data lie, and between what its accumulators are proved to lie."""
        texts = [self._told(node), self._moved(node)]
        if node is stage.node and stage.line_buffer:
            texts.append(buffered_step_comment(stage))
        if node.name in self.program.intervals.accumulators:
            low, high = self.program.intervals.accumulators[node.name]
            texts.append(f"Accumulators, bias included, lie in [{low.min():,}, {high.max():,}] for every input")
        return texts

    def _told(self, node: Node) -> str:
        """A layer's number and name, its operator, its shapes."""
        site = self.graph.site(node)
        shapes = " + ".join("x".join(map(str, t.shape)) for t in site.inputs)
        window = getattr(node.op, "window", None)
        kind = node.op.title + (f" {window.kernel[0]}x{window.kernel[1]}" if window else "")
        shape = "x".join(map(str, site.output.shape))
        own = re.sub(r" '.*' ", " ", node.source)  # its name there is often longer than a line
        source = f", from {own} of the model" if own else ""
        return f"Layer {self.graph.nodes.index(node)}, {node.name}: {kind}, {shapes} -> {shape}{source}"

    def _moved(self, node: Node) -> str:
        """Where a layer's inputs lie, its output, and its scratch."""
        buffers, span = self.plan.buffers, self.memory.span
        places = [f"{name} {span(buffers[name].offset, buffers[name].bytes)}" for name in node.inputs]
        out = buffers[node.output]
        text = f"Reads {' and '.join(places)}, writes {node.output} {span(out.offset, out.bytes)}"
        if (under := self.memory.under.get(node.output)) in node.inputs:
            text += ", over the row that it reads" + (f" of {under}" if len(node.inputs) > 1 else "")
        for what, blocks in (("scratch", self.plan.scratch), ("sums", self.plan.sums)):
            if node.name in blocks and blocks[node.name].bytes:
                text += f", {what} {span(blocks[node.name].offset, blocks[node.name].bytes)}"
        if buffer := self.plan.line_buffers.get(node.name):
            text += f", keeps rows in {span(buffer.offset, buffer.bytes)}"
        return text

    def _call(self, node: Node, stage: Stage) -> list[str]:
        """The lines that call a node's kernel."""
        kernel, packed = self.program.lowered.kernels[node.name], self.program.packed[node.name]
        site = self.graph.site(node)
        function, struct, reads, types = self.functions.of(kernel, packed, CodeTypes.of(site))
        lines, arguments = ([], ["rows"]) if stage.line_buffer else self._inputs(kernel, node, types.source)
        row = "0" if site.output.height == 1 else "step"  # one that accumulates has one row and many steps
        row = output_row(stage) if stage.line_buffer and row == "step" else row
        arguments.append(typed(self.memory.new_row(node.output, row), types.target))
        arguments += [self.constants.name_of(values) for values in packed.arrays.values()]
        if packed.sizes:
            layer, alike = "layer", self.alike[self._geometry(node)]
            if reads and len(alike) > 1:
                layer = self.functions.geometry.shared(struct, packed.sizes, alike)
            else:
                lines.insert(0, constant(struct, packed.sizes))
            arguments += [f"&{layer}"] if reads else [f"layer.{field}" for field in packed.sizes]
        blocks = {"scratch": ("SCRATCH", self.plan.scratch), "sums": ("SUMS", self.plan.sums)}
        for extra in kernel.extras:
            if extra == "step":
                arguments.append("step")
            else:
                kind, found = blocks[extra]
                arguments.append(self.memory.named(kind, node.name, found[node.name].offset))
        number = self.graph.nodes.index(node)
        lines.append(f"{self.prefix.upper()}_HOOK({number}, 0);")
        lines.append(f"{function}({', '.join(arguments)});")
        lines.append(f"{self.prefix.upper()}_HOOK({number}, 1);")
        if stage.line_buffer:
            return with_line_buffer(self.prefix, self.memory, stage, lines)
        return lines

    def _geometry(self, node: Node) -> object:
        """What layers have in common that read one constant of their kernel's geometry."""
        kernel, packed = self.program.lowered.kernels[node.name], self.program.packed[node.name]
        return kernel.template, tuple(packed.sizes.items())

    def _inputs(self, kernel: Kernel, node: Node, dtype: str) -> tuple[list[str], list[str]]:
        """Statements before the call, and its arguments for the inputs, whose codes the kernel takes as `dtype`."""
        lines: list[str] = []
        arguments: list[str] = []
        for position, name in enumerate(node.inputs):
            buffer, tensor = self.plan.buffers[name], self.plan.tensor(name)
            if kernel.call == "buffer":
                address, slots, pitch = self.memory.base(name)
                size = ACTIVATIONS[dtype].bytes
                arguments += [typed(address, dtype), slots, f"{pitch} / {size}" if size > 1 else pitch]
            elif kernel.call == "map":
                assert buffer.pitch == tensor.row_bytes, name
                assert buffer.slot_offset + tensor.height <= buffer.slots, name
                arguments.append(typed(self.memory.row(name, "0"), dtype))
            elif kernel.call == "row":
                row = self._row_of(kernel, node, position, tensor.height)
                like_first = tensor.dtype == self.plan.tensor(node.inputs[0]).dtype
                kind = dtype if like_first else tensor.dtype
                arguments.append(typed(self.memory.row(name, row), kind))
            else:
                window = window_of(node.op)
                top, stride = window.padding[0], window.stride[0]
                first = "step" if stride == 1 else f"step * {stride}"
                first += f" - {top}" if top else ""
                local = self.memory.local(buffer.offset)
                moved = self.memory.moved(name)
                lines += window_call(self.prefix, window, first, local, self.memory.tensor(name), moved)
                arguments.append("rows")
        return lines, arguments

    def _row_of(self, kernel: Kernel, node: Node, position: int, height: int) -> str:
        """The input row that a step of a row kernel reads, as a C expression."""
        if height == 1:
            return "0"
        times, plus, over = kernel.rows[position] if kernel.rows else (1, 0, 1)
        line = "step" + (f" * {times}" if times > 1 else "") + (f" / {over}" if over > 1 else "")
        line += f" {'+' if plus > 0 else '-'} {abs(plus)}" if plus else ""
        last = (node.op.steps(self.graph.site(node)) - 1) * times // over + plus
        clamped = f"{line} < {height} ? {line} : {height - 1}" if last >= height else line
        return f"{line} < 0 ? 0 : {clamped}" if plus < 0 else clamped


def typed(address: str, dtype: str) -> str:
    """An address of the arena as a pointer to codes of a type."""
    if dtype == "int8":
        return address
    whole = f"({address})" if " + " in address and not address.endswith(")") else address
    return f"({ACTIVATIONS[dtype].c_type} *)(void *){whole}"
