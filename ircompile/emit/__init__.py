"""From a Program to C files."""

import hashlib
import textwrap
from collections.abc import Sequence
from typing import Any

from ircompile import __version__
from ircompile.emit.calls import Calls
from ircompile.emit.constants import Constants
from ircompile.emit.functions import Functions
from ircompile.emit.memory import Memory
from ircompile.interface import ArenaRegion, Interface, Port
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Tensor
from ircompile.kernels.constants import first_rows
from ircompile.kernels.model import Program
from ircompile.kernels.requantize import Form
from ircompile.plan import Plan
from ircompile.plan.model import ARENA_ALIGN
from ircompile.qtype import INT8, UINT8
from ircompile.target import MemoryRegion

POINTER_BYTES = 8
"""Room for a pointer in the arena, on 64-bit machines too."""
BUILD = "0xB01DB01Du"
"""What stands for the hash of the files while they are rendered."""


def interface_of(plan: Plan, name: str, blob: bool = False) -> Interface:
    """The C interface of a plan; ports in the model's order. With `blob`, the arena also holds a pointer to it."""

    def port(index: int, tensor: Tensor, is_input: bool) -> Port:
        return Port(index, is_input, *tensor.shape, tensor.dtype, tensor.scale, tensor.zero_point)

    graph = plan.graph
    inputs = tuple(port(i, graph.fresh(n), True) for i, n in enumerate(graph.input_names))
    outputs = tuple(port(i, graph.tensors[n], False) for i, n in enumerate(graph.output_names))
    sizes = [region.bytes for region in plan.regions]
    sizes[0] += POINTER_BYTES * blob
    regions = tuple(ArenaRegion(r.name, size) for r, size in zip(plan.regions, sizes, strict=True))
    return Interface(name, inputs, outputs, plan.input_mode, regions, ARENA_ALIGN, blob, plan.state_bytes)


def emit(
    program: Program,
    name: str,
    source: str,
    blob: bool = False,
    unverified: bool = False,
) -> dict[str, str | bytes]:
    """File name to contents: NAME.h, NAME.c, and NAME_weights.c or, with `blob`, NAME_weights.bin.

    `source` stands in the comment on top. `unverified`: the header says that the network was not compared with its
    framework.
    """
    plan = program.plan
    api = interface_of(plan, name, blob)
    shared: dict[str, Any] = {
        "api": api,
        "inner": api.parameter if api.several else "int8_t *arena",
        "N": name.upper(),
        "p": name,
        "prefix": name,
        "source": source,
        "version": __version__,
        "target": program.target.name,
        "model_hash": graph_hash(plan.graph),
        "build": BUILD,
        "unverified": unverified,
        "thumb2": program.target.features.mul64,
        "small": program.prefer == "size",
    }
    functions, constants = Functions(name, program.target, shared), Constants(program.constants, name, blob)
    calls = Calls(program, name, functions, constants)
    cases = [calls.case(i, stage) for i, stage in enumerate(plan.stages)]
    states = _states(plan, calls.memory, constants)
    if blob:
        pointer = calls.arena.end_of_first()
        shared["blob"] = constants.blob_context(shared["model_hash"], pointer)
    else:
        shared["blob"] = None
    driver = {**shared, **_driver(program, calls.memory), "cases": cases, "states": states,
              "arrays": constants.arrays, "functions": functions.texts, "arithmetic": functions.arithmetic(),
              "geometry": functions.geometry.constants.values(),
              "dsp": functions.dsp(), "names": functions.all_names,
              "armv6m": not program.target.features.dsp, **functions.used(),
              "few_registers": not program.target.features.mul64
              and any("_tile_packed_" in name for name in functions.all_names)}  # fmt: skip
    files: dict[str, str | bytes] = {
        f"{name}.h": functions.render_code("model.h.j2", {**shared, **_ports(plan.graph, api)}),
        f"{name}.c": functions.render_code("model.c.j2", driver),
    }
    if blob:
        files[f"{name}_weights.bin"] = constants.blob(shared["model_hash"])
    else:
        weights = {**shared, "arrays": constants.arrays, "macros": _weights_macros(name, program.flash)}
        files[f"{name}_weights.c"] = functions.render("weights.c.j2", weights)
    return _sealed(files)


def _sealed(files: dict[str, str | bytes]) -> dict[str, str | bytes]:
    """The files with their common hash in each: a compiler refuses those that are not from one compilation."""
    digest = hashlib.sha256()
    for text in files.values():
        digest.update(text if isinstance(text, bytes) else text.encode())
    build = f"0x{digest.hexdigest()[:8]}u"
    return {name: text if isinstance(text, bytes) else text.replace(BUILD, build) for name, text in files.items()}


def _driver(program: Program, memory: Memory) -> dict[str, Any]:
    """What model.c.j2 needs besides functions and calls: the schedule's tables, and where things stand."""
    plan, packed = program.plan, program.packed.values()
    graph = plan.graph
    used = [p.form for p in packed if p.form]
    used += [form.second for form in used if isinstance(form, Form) and form.second]
    forms = {form.key: form for form in used}
    tables, resident = program.tables, plan.input_mode == "resident"
    windows = [
        memory.moved(name)
        for node in graph.nodes
        for name in node.inputs
        if program.lowered.kernels[node.name].call == "window"
    ]
    context: dict[str, Any] = {
        **vars(tables),
        "forms": [forms[key] for key in sorted(forms)],
        "keeps_line_buffers": bool(plan.line_buffers),
        "uses_window": bool(windows),
        "counters": max(stop - first for first, stop in plan.segments),
        "counters_place": memory.counters(),
        "arena_start": memory.start(),
        "moving": any(memory.moved(state.tensor) for state in graph.states),
        "windows_move": any(moved for moved in windows),
        "windows_stay": bool(plan.line_buffers) or not all(windows),
        "rows": not resident,
        "pushed_rows": tables.rows,
        "input_places": [memory.public(name) for name in graph.input_names] if resident else [],
        "output_places": [memory.public(name, True) for name in graph.output_names],
    }
    if not resident:
        context["row_place"] = memory.public_row(graph.input_names[0], "state->pushed")
    layers = [graph.nodes.index(stage.node) for stage in plan.stages]
    segments = ", ".join(_span(layers[first], layers[stop - 1]) for first, stop in plan.segments)
    context["segment_lines"] = textwrap.wrap(segments, 110)
    context["buffers"], context["offsets"], context["memory_map"] = memory.buffers, memory.offsets, memory.map()
    return context


def _states(plan: Plan, memory: Memory, constants: Constants) -> list[dict[str, Any]]:
    """What `begin` and the end of a call do to each tensor with a state.

    `row`: the address of row number `row`; `code`: the one code of all first rows, or None where `initial` is an
    array of them, each `step` bytes behind the one before, 0 where all are alike. `moved`: the constant that says
    where the number of moved slots stands, "" where there is none.
    """
    found = []
    for state in plan.graph.states:
        buffer, codes = plan.buffers[state.tensor], first_rows(plan, state)
        alike = bool((codes == codes.flat[0]).all())
        found.append(
            {
                "tensor": state.tensor,
                "rows": state.rows,
                "row": memory.kept_row(state.tensor, "row"),
                "code": int(codes.flat[0]) if alike else None,
                "initial": "" if alike else constants.name_of(codes),
                "step": buffer.pitch if len(codes) > 1 else 0,
                "pitch": buffer.pitch,
                "moved": memory.moved(state.tensor),
                "advance": buffer.advance % buffer.slots,
                "slots": buffer.slots,
            }
        )
    return found


def _span(first: int, last: int) -> str:
    """Numbers of layers."""
    return str(first) if first == last else f"{first} to {last}"


def _weights_macros(name: str, flash: Sequence[MemoryRegion]) -> list[str]:
    """The macros that place constants, one a memory."""
    stem = f"{name.upper()}_WEIGHTS"
    return [f"{stem}_{region.name.upper()}" for region in flash] if len(flash) > 1 else [stem]


def _ports(graph: Graph, api: Interface) -> dict[str, Any]:
    """What model.h.j2 says of inputs and outputs."""
    externals = (*graph.inputs, *graph.outputs)
    return {
        "ports": [PortView(port) for port in (*api.inputs, *api.outputs)],
        "notes": [f" ({external.name})" for external in externals],
        "half_even": [external.half_even for external in externals],
        "camera": pixel_range(api.inputs[0]),
    }


class PortView:
    """A port with the range of its type."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.low, self.high = port.qtype.range

    def __getattr__(self, name: str) -> Any:
        return getattr(self.port, name)


PIXELS = ((0, 1), (-1, 1), UINT8.range, INT8.range)
"""The real values of a black and of a white pixel, as models are usually trained on them."""


def pixel_range(port: Port) -> tuple[str, str] | None:
    """The real values of a black and of a white pixel, if camera pixels can be the codes of this input.

    None where they have no such range as pixels usually have: spectra, say, or pixels less a mean.
    """
    black, white = (port.scale * (code - port.zero_point) for code in port.qtype.range)
    usual = any(abs(black - low) + abs(white - high) < (high - low) / 20 for low, high in PIXELS)
    if port.channels not in (1, 3) or port.qtype.bytes > 1 or port.height == 1 or not usual:
        return None
    return f"{black:.4g}", f"{white:.4g}"


def graph_hash(graph: Graph) -> str:
    """SHA-256 of the graph, constants included, shortened to 16 digits."""
    digest = hashlib.sha256(
        repr((graph.nodes, sorted(graph.tensors.items()), graph.inputs, graph.outputs)).encode()
    )
    for name in sorted(graph.consts):
        digest.update(name.encode() + graph.consts[name].tobytes())
    return digest.hexdigest()[:16]
