"""What a compilation says of itself: the one dictionary behind the summary, NAME.json and the HTML report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ircompile import __version__, emit
from ircompile.interface import Port
from ircompile.ir.graph import Graph, Node
from ircompile.kernels.pack import coding_of, weight_bytes
from ircompile.passes.split_channels import base_name
from ircompile.pipeline import Compiled
from ircompile.plan.work import macs, pixels_at_once, push_work, weight_bytes_read
from ircompile.verification.confirm import NAMES
from ircompile.verification.runners.build import Sizes

SCHEMA = 1


def report_data(compiled: Compiled, sizes: Sizes | None = None, command: str = "") -> dict[str, Any]:
    """Everything known of a compilation, as plain values. Bytes are bytes, `sizes` what a compiler measured."""
    graph, plan, api = compiled.lowered.graph, compiled.plan, compiled.interface
    push = push_work(plan)
    return {
        "schema": SCHEMA,
        "ircompile": __version__,
        "command": command,
        "model": {"source": compiled.source, "name": compiled.name, "hash": emit.graph_hash(graph)},
        "target": compiled.target.name,
        "prefer": compiled.program.prefer,
        "numerics": graph.numerics,
        "notices": list(graph.notices),
        "interface": {
            "input_mode": api.input_mode,
            "weights": "blob" if api.blob else "source",
            "inputs": [_port(p, e.name) for p, e in zip(api.inputs, graph.inputs, strict=True)],
            "outputs": [_port(p, e.name) for p, e in zip(api.outputs, graph.outputs, strict=True)],
        },
        "arena": {
            "bytes": api.arena_bytes,
            "pointer": api.arena_bytes - plan.arena_bytes,
            "align": api.arena_align,
            "regions": [
                {"name": region.name, "offset": place.offset, "bytes": region.bytes}
                for region, place in zip(api.regions, plan.regions, strict=True)
            ],
            "in_turn": compiled.in_turn,
            "state": plan.state_bytes,
            "peak_live": plan.peak_live,
            "lost": plan.lost,
            "lower_bound": plan.lower_bound,
            "counters": {"offset": plan.counters.offset, "bytes": plan.counters.bytes},
        },
        "macs": macs(plan),
        "model_macs": sum(graph.full_macs.values()) or compiled.graph.macs(),
        "push": vars(push) if push else None,
        "timing": None,
        "weight_bytes_read": weight_bytes_read(
            plan, weight_bytes(compiled.program), pixels_at_once(compiled.target.features)
        ),
        "checked": asdict(compiled.checked),
        "compared": None,
        "verified": [],
        "isolated": None,
        "accuracy": None,
        "front": [],
        "tflm": None,
        "sha256": {},
        "flash": flash_data(compiled, sizes),
        "segments": [list(segment) for segment in plan.segments],
        "layers": [_layer(compiled, node) for node in graph.nodes],
        "buffers": [
            {
                "tensor": name,
                "offset": b.offset,
                "pitch": b.pitch,
                "slots": b.slots,
                "slot_offset": b.slot_offset,
                "layout": b.layout,
            }
            for name, b in plan.buffers.items()
        ],
    }


def layer_count(layers: Sequence[Mapping[str, Any]]) -> str:
    """How many layers there are, and how many of them come in parts of their channels."""
    parts = Counter(base_name(layer["name"]) for layer in layers)
    split = sum(count > 1 for count in parts.values())
    return f"{len(parts)} layer{'s' * (len(parts) != 1)}" + (
        f", {split} of them split into parts of their channels" if split else ""
    )


def checked_text(checked: Mapping[str, int]) -> str:
    """How much of the compilation was checked before anything was written."""
    names = {
        "steps": "steps", "reads": "reads", "thresholds": "rounding thresholds", "pairs": "pairs of codes",
        "channels": "channels", "weights": "packed weights", "removed": "removed channels",
        "numbers": "numbers in the C",
    }  # fmt: skip
    return ", ".join(f"{count:,} {names[name]}" for name, count in checked.items() if count)


def compared_text(compared: Mapping[str, Any]) -> str:
    """How the network was compared with its framework, or why it was not."""
    if not compared["reference"]:
        return str(compared["why"])
    verdict = "equal"
    if compared["differing"]:
        verdict = f"{compared['differing']:,} differ as docs/numerics.md says they may"
    text = f"{compared['elements']:,} elements, {compared['inputs']} inputs"
    why = f"; {compared['why']}" if compared["why"] else ""
    return f"graph = {NAMES[compared['reference']]}, {verdict}: {text}{why}"


def flash_data(compiled: Compiled, sizes: Sizes | None) -> dict[str, int | None]:
    """Bytes in flash: the constants as packed, and code and tables where a compiler was there to ask."""
    return {
        "weights": sizes.weights if sizes else sum(each.values.nbytes for each in compiled.program.constants),
        "code": sizes.code if sizes else None,
        "tables": sizes.constants if sizes else None,
    }


def _port(port: Port, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(port.shape),
        "dtype": port.dtype,
        "bytes": port.bytes,
        "scale": port.scale,
        "zero_point": port.zero_point,
    }


def _layer(compiled: Compiled, node: Node) -> dict[str, Any]:
    graph = compiled.lowered.graph
    site, packed = graph.site(node), compiled.program.packed[node.name]
    return {
        "name": node.name,
        "op": node.op.title,
        "source": node.source,
        "inputs": [list(t.shape) for t in site.inputs],
        "output": list(site.output.shape),
        "model_macs": _model_macs(graph, node),
        "macs": node.op.macs(site),
        "kernel": compiled.lowered.kernels[node.name].template,
        "requantization": packed.form.key if packed.form else None,
        "requantization_channels": dict(packed.recipe_channels),
        "weights": coding.stored if (coding := coding_of(packed)) else None,
        "constant_bytes": sum(a.nbytes for a in packed.arrays.values()),
        "scratch": compiled.lowered.demands[node.name].scratch,
    }


def _model_macs(graph: Graph, node: Node) -> int:
    """What a node multiplied before channels were removed; of a layer in parts, the part's share."""
    own, whole = node.op.macs(graph.site(node)), graph.full_macs.get(base_name(node.name))
    if whole is None or not own:
        return own
    parts = [other for other in graph.nodes if base_name(other.name) == base_name(node.name)]
    return round(whole * own / sum(part.op.macs(graph.site(part)) for part in parts))
