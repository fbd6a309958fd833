"""From a Program to C files; the only user of Jinja. Templates decide nothing."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np

from ircompile import __version__
from ircompile.blob import HEADER, make_blob, offsets_of
from ircompile.driver import before_again, output_row, row_offset, window_call, with_lines
from ircompile.graph import Graph, Node
from ircompile.interface import Interface, Port
from ircompile.kernels.model import Kernel, Packed
from ircompile.kernels.pack import Program
from ircompile.kernels.requantize import Form, PairForm
from ircompile.ops import steps_of
from ircompile.plan import Buffer, Plan
from ircompile.plan.model import ARENA_ALIGN, Stage
from ircompile.plan.tables import schedule_tables
from ircompile.resources import templates_dir
from ircompile.tensor import RANGES, Array, Tensor

POINTER_BYTES = 8
"""Room for a pointer in the arena, on 64-bit machines too."""
C_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "uint8": "uint8_t", "uint32": "uint32_t",
           "float32": "float"}  # fmt: skip
HELPERS = {
    "scale_double": ("multiply_high", "shift_away"),
    "scale_even_float": ("round_even",),
    "multiply_high": (),
    "shift_away": (),
    "round_even": (),
}


@dataclass(frozen=True)
class CArray:
    """A constant array of NAME_weights.c."""

    name: str
    values: Array
    comment: str

    @property
    def c_type(self) -> str:
        """Its element type in C."""
        return C_TYPES[self.values.dtype.name]

    @property
    def count(self) -> int:
        """Its elements."""
        return int(self.values.size)

    @property
    def text(self) -> str:
        """Its initializer, about 110 columns wide."""
        lines, line = [], "   "
        for value in self.values.reshape(-1).tolist():
            word = f" {literal(value)},"
            if len(line) + len(word) > 112:
                lines.append(line)
                line = "   "
            line += word
        return "\n".join([*lines, line])


def literal(value: int | float) -> str:
    """A constant of C; a float32 keeps every bit."""
    if isinstance(value, float):
        return f"{value!r}f"
    return "INT32_MIN" if value == -(2**31) else str(value)


def interface_of(plan: Plan, name: str, blob: bool = False) -> Interface:
    """The C interface of a plan; ports in the model's order. With `blob`, the arena also holds a pointer to it."""

    def port(index: int, tensor: Tensor, is_input: bool) -> Port:
        return Port(index, is_input, *tensor.shape, tensor.dtype, tensor.scale, tensor.zero_point)  # type: ignore[arg-type]

    graph = plan.graph
    inputs = tuple(port(i, graph.tensors[n], True) for i, n in enumerate(graph.input_names))
    outputs = tuple(port(i, graph.tensors[n], False) for i, n in enumerate(graph.output_names))
    return Interface(
        name, inputs, outputs, plan.input_mode, plan.arena_bytes + POINTER_BYTES * blob, ARENA_ALIGN, blob
    )


def emit(
    program: Program, name: str, source: str, summary: tuple[str, ...], blob: bool = False
) -> dict[str, str | bytes]:
    """File name to contents: NAME.h, NAME.c, and NAME_weights.c or, with `blob`, NAME_weights.bin.

    `summary` lines stand in the comment on top.
    """
    return _Emitter(program, name, source, summary, blob).files()


class _Emitter:
    def __init__(self, program: Program, name: str, source: str, summary: tuple[str, ...], blob: bool) -> None:
        self.program, self.plan, self.name, self.blob = program, program.plan, name, blob
        self.graph = program.plan.graph
        self.arrays: dict[bytes, CArray] = {}
        self.functions: dict[tuple[str, str], tuple[str, str]] = {}
        self.names: dict[str, int] = {}
        self.api = interface_of(self.plan, name, blob)
        self.env = environment()
        self.shared: dict[str, Any] = {
            "api": self.api,
            "N": name.upper(),
            "p": name,
            "prefix": name,
            "source": source,
            "summary": summary,
            "version": __version__,
            "target": program.target.name,
        }

    def files(self) -> dict[str, str | bytes]:
        cases = [self.case(i, stage) for i, stage in enumerate(self.plan.stages)]
        packed = self.program.packed.values()
        forms = {p.form.key: p.form for p in packed if p.form}
        tables = schedule_tables(self.plan)
        body = "\n".join(text for _, text in self.functions.values())
        context = {
            **self.shared,
            "plan": self.plan,
            "blob": self.blob_context(),
            "arrays": list(self.arrays.values()),
            "forms": [forms[key] for key in sorted(forms)],
            "functions": [text for _, text in self.functions.values()],
            "cases": cases,
            "keeps_lines": bool(self.plan.lines),
            "uses_window": any(kernel.call == "window" for kernel in self.program.lowered.kernels.values()),
            "arithmetic": self.arithmetic(body),
            "includes": intrinsics_headers(body),
            "counters": max(stop - first for first, stop in self.plan.segments),
            **vars(tables),
            "rows": self.plan.input_mode == "rows",
            "pushed_rows": tables.rows,
            **self.places(),
        }
        ports = (*self.api.inputs, *self.api.outputs)
        externals = (*self.graph.inputs, *self.graph.outputs)
        header = {
            **self.shared,
            "blob": context["blob"],
            "ports": [PortView(port) for port in ports],
            "notes": [f" ({external.name})" for external in externals],
            "half_even": [external.half_even for external in externals],
            "model_hash": graph_hash(self.graph),
        }
        files: dict[str, str | bytes] = {
            f"{self.name}.h": self.render("model.h.j2", header),
            f"{self.name}.c": self.render("model.c.j2", context),
        }
        if self.blob:
            values = [array.values for array in self.arrays.values()]
            files[f"{self.name}_weights.bin"] = make_blob(values, graph_hash(self.graph))
        else:
            files[f"{self.name}_weights.c"] = self.render("weights.c.j2", context)
        return files

    def blob_context(self) -> dict[str, object] | None:
        """What the templates say of a blob: sizes, offsets, and the header's words as they read from memory."""
        if not self.blob:
            return None
        values = [array.values for array in self.arrays.values()]
        data = make_blob(values, graph_hash(self.graph))
        words = [f"{word:08x}" for word in struct.unpack_from("<4I", data)]
        names = ("magic", "version", "hash_low", "hash_high")
        return {"bytes": len(data), "header": HEADER.size, "offsets": offsets_of(values),
                "pointer": self.plan.arena_bytes, **dict(zip(names, words, strict=True))}  # fmt: skip

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        text = self.env.get_template(template).render(context)
        return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"

    def arithmetic(self, body: str) -> str:
        used = {helper for helper in HELPERS if f"{self.name}_{helper}(" in body}
        for helper in sorted(used):
            used |= set(HELPERS[helper])
        module = self.env.get_template("kernels/arithmetic.j2").module
        return str(module.functions(self.name, used))  # type: ignore[attr-defined]

    def places(self) -> dict[str, object]:
        """Where inputs and outputs stand in the arena."""
        plan = self.plan
        places: dict[str, object] = {
            "input_offsets": [plan.buffers[name].offset for name in self.graph.input_names],
            "output_offsets": [plan.buffers[name].offset for name in self.graph.output_names],
        }
        if plan.input_mode == "rows":
            buffer = plan.buffers[self.graph.input_names[0]]
            places["row_place"] = row_offset(buffer, "state->pushed", plan.tensor(self.graph.input_names[0]).height)
        return places

    def case(self, index: int, stage: Stage) -> dict[str, object]:
        """The lines that fire one stage."""
        if stage.node.name in self.plan.placed:
            return {"index": index, "comment": f"{stage.node.name}: its inputs are in place", "lines": []}
        lines = self.call(stage.node, stage)
        if stage.again:
            feeder = Stage(stage.again, 0, (), 0)
            lines = before_again(stage, self.graph.site(stage.node), self.call(stage.again, feeder)) + lines
        nodes = [node for node in (stage.again, stage.node) if node]
        comment = "; ".join(f"{node.name}: {self.shapes(node)}" for node in nodes)
        return {"index": index, "comment": comment.replace("*/", "* /"), "lines": lines}

    def shapes(self, node: Node) -> str:
        """Shapes of inputs and output, for comments."""
        site = self.graph.site(node)
        shapes = " + ".join("x".join(map(str, t.shape)) for t in site.inputs)
        return f"{shapes} -> {'x'.join(map(str, site.output.shape))}"

    def call(self, node: Node, stage: Stage) -> list[str]:
        """The lines that call a node's kernel."""
        kernel, packed = self.program.lowered.kernels[node.name], self.program.packed[node.name]
        function = self.function(kernel, packed)
        site = self.graph.site(node)
        lines, arguments = ([], ["rows"]) if stage.lines else self.inputs(kernel, node)
        out = self.plan.buffers[node.output]
        row = "0" if site.output.height == 1 else "step"  # one that accumulates has one row and many steps
        row = output_row(stage) if stage.lines and row == "step" else row
        arguments.append(self.pointer(out, row, site.output.height))
        arguments += [self.array(node, suffix, values).name for suffix, values in packed.arrays.items()]
        arguments += [str(value) for value in packed.sizes.values()]
        blocks = {"scratch": self.plan.scratch, "sums": self.plan.states}
        for extra in kernel.extras:
            arguments.append("step" if extra == "step" else f"arena + {blocks[extra][node.name].offset}")
        layer = self.graph.nodes.index(node)
        lines.append(f"{self.name.upper()}_HOOK({layer}, 0);")
        lines.append(f"{function}({', '.join(arguments)});")
        lines.append(f"{self.name.upper()}_HOOK({layer}, 1);")
        if stage.lines:
            return with_lines(self.name, self.plan, stage, lines)
        return ["{", *(f"    {line}" for line in lines), "}"] if kernel.call == "window" else lines

    def inputs(self, kernel: Kernel, node: Node) -> tuple[list[str], list[str]]:
        """Statements before the call, and its arguments for the inputs."""
        lines: list[str] = []
        arguments: list[str] = []
        for position, name in enumerate(node.inputs):
            buffer, tensor = self.plan.buffers[name], self.plan.tensor(name)
            if kernel.call == "buffer":
                arguments += [f"arena + {buffer.offset}", str(buffer.slots), str(buffer.pitch)]
            elif kernel.call == "row":
                row = self.row_of(kernel, node, position, tensor.height)
                arguments.append(self.pointer(buffer, row, tensor.height))
            else:
                window = node.op.window  # type: ignore[union-attr]
                top, stride = window.padding[0], window.stride[0]
                first = "step" if stride == 1 else f"step * {stride}"
                first += f" - {top}" if top else ""
                lines.append(f"const int8_t *rows[{window.kernel[0]}];")
                height, apart = tensor.height, window.dilation[0]
                lines.append(window_call(self.name, window.kernel[0], first, apart, buffer, height))
                arguments.append("rows")
        return lines, arguments

    def row_of(self, kernel: Kernel, node: Node, position: int, height: int) -> str:
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

    def pointer(self, buffer: Buffer, row: str, height: int) -> str:
        """Pointer to a row of a buffer, as a C expression."""
        return f"arena + {row_offset(buffer, row, height)}"

    def function(self, kernel: Kernel, packed: Packed) -> str:
        """The name of the C function of a kernel with these template parameters, written after those it calls."""
        names: dict[str, str] = {}
        for local, (template, key) in packed.shared.items():
            names[local] = self.written(template, "", {**key, **names}, "", packed.form)
        sizes = ", ".join(f"int32_t {name}" for name in packed.sizes)
        return self.written(kernel.template, packed.suffix, {**packed.key, **names}, sizes, packed.form)

    def written(
        self, template: str, suffix: str, key: Mapping[str, object], sizes: str, form: Form | PairForm | None
    ) -> str:
        """The name of the function of a template, which is rendered unless one of this key and form is there."""
        path = find_template(self.program, template)
        known = form if re.search(r"\bform\b", (templates_dir() / path).read_text()) else None
        identity = (template, repr((sorted(key.items(), key=str), known)))
        if identity not in self.functions:
            stem = "_".join(part for part in (self.name, template, suffix) if part)
            self.names[stem] = self.names.get(stem, 0) + 1
            number = self.names[stem]
            fn = stem if number == 1 else f"{stem}_v{number}"
            context = {**self.shared, **key, "fn": fn, "sizes": sizes, "form": FormView(form)}
            self.functions[identity] = (fn, self.render(path, context))
        return self.functions[identity][0]

    def array(self, node: Node, suffix: str, values: Array) -> CArray:
        """A constant array; equal contents are written once."""
        values = np.ascontiguousarray(values)
        key = values.dtype.name.encode() + values.tobytes()
        if key not in self.arrays:
            comment = f"{node.name}: {suffix}, {' x '.join(map(str, values.shape))}"
            self.arrays[key] = CArray(f"{self.name}_{node.name}_{suffix}", values, comment)
        return self.arrays[key]


class FormView:
    """A requantization form as templates see it; absent for kernels without one."""

    def __init__(self, form: Any) -> None:
        self.form = form

    def __getattr__(self, name: str) -> Any:
        return getattr(self.form, name)

    @property
    def fields_count(self) -> int:
        """int32 words of a channel."""
        return 256 if self.form.name == "steps" else 1 + len(self.form.fields)


class PortView:
    """A port with the range of its type."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.low, self.high = RANGES[port.dtype]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.port, name)


def environment() -> jinja2.Environment:
    """Jinja over templates/, strict."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters["float32"] = lambda value: f"{float(np.float32(value))!r}f"
    env.globals["rq"] = env.get_template("kernels/requant.j2").module
    return env


def find_template(program: Program, template: str) -> str:
    """The variant for the target's instruction set where there is one, else portable C."""
    features = program.target.features
    for wanted, ending in ((features.mve, ".mve"), (features.dsp, ".dsp"), (True, "")):
        path = f"kernels/{template}{ending}.c.j2"
        if wanted and (templates_dir() / path).exists():
            return path
    raise FileNotFoundError(template)


def intrinsics_headers(text: str) -> list[str]:
    """The compiler's headers that declare the intrinsics in a C text."""
    headers = ["<arm_mve.h>"] if re.search(r"\bv\w+q_\w+\(", text) else []
    acle = r"\b__(ssat|usat|sxt|uxt|smla|smul|smus|sadd|ssub|qadd|qsub|pkh|ror|clz)\w*\("
    return headers + (["<arm_acle.h>"] if re.search(acle, text) else [])


def graph_hash(graph: Graph) -> str:
    """SHA-256 of the graph, constants included, shortened to 16 digits."""
    digest = hashlib.sha256(
        repr((graph.nodes, sorted(graph.tensors.items()), graph.inputs, graph.outputs)).encode()
    )
    for name in sorted(graph.consts):
        digest.update(name.encode() + graph.consts[name].tobytes())
    return digest.hexdigest()[:16]
