"""The HTML report: one file, no network."""

from __future__ import annotations

from typing import Any

import jinja2

from ircompile.resources import templates_dir

KINDS = (
    ("input", "input"),
    ("ring", "ring of rows"),
    ("stored", "stored whole"),
    ("output", "output"),
    ("scratch", "scratch"),
    ("sums", "sums"),
    ("schedule", "schedule"),
)


def html_report(data: dict[str, Any]) -> str:
    """The page of a report (see `report_data`, with its "memory")."""
    env = environment()
    present = {span["kind"] for span in data["memory"]["spans"]}
    columns, rows = layer_table(data)
    return env.get_template("report.html.j2").render(
        data=data,
        memory=data["memory"],
        cards=cards(data),
        kinds=[kind for kind in KINDS if kind[0] in present],
        columns=columns,
        rows=rows,
        names=[layer["name"] for layer in data["layers"]],
        example=example(data),
        comparison=comparison(data),
    )


def environment() -> jinja2.Environment:
    """Jinja over templates/, with everything escaped."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["number"] = number
    return env


def number(value: float | None) -> str:
    """A count with thousands separated."""
    return "-" if value is None else f"{value:,}"


def cards(data: dict[str, Any]) -> list[dict[str, str]]:
    """The figures on top."""
    arena, flash, bench = data["arena"], data["flash"], data.get("bench")
    mode = data["interface"]["input_mode"]
    inside = "input rows pushed, not stored" if mode == "rows" else "input, outputs and scratch inside"
    code = None if flash["code"] is None else flash["code"] + flash["tables"]
    made = [
        ("RAM", f"{arena['bytes']:,} B", inside),
        ("constants in flash", f"{flash['weights']:,} B", "weights, biases, requantization"),
        ("code in flash", f"{number(code)} B" if code is not None else "not measured", "code and tables"),
        ("multiply-accumulates", f"{data['macs']:,}", "per inference"),
    ]
    if bench:
        cycles = bench["cycles_estimate"]
        about = f"about {cycles:,} cycles (estimated)" if cycles else "executed, per inference"
        made.append(("instructions", f"{bench['instructions']:,}", about))
        made.append(("stack", f"{number(bench['stack'])} B", "measured on the emulated board"))
    return [{"title": title, "value": value, "note": note} for title, value, note in made]


def front_picture(front: list[dict[str, int]], title: str) -> str:
    """An SVG of the front: memory to the right, estimated instructions upward; both axes begin at 0."""
    most_ram = max(point["ram"] for point in front)
    most_work = max(point["instructions_estimate"] for point in front)
    points = [
        {
            **point,
            "x": round(70 + 500 * point["ram"] / most_ram, 1),
            "y": round(330 - 290 * point["instructions_estimate"] / most_work, 1),
        }
        for point in front
    ]
    picture = environment().get_template("front.svg.j2")
    return picture.render(points=points, title=title, most_ram=most_ram, most_work=most_work)


def layer_table(data: dict[str, Any]) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Columns and rows of the table of layers; counts of instructions where there are any."""
    titles = [("#", True), ("layer", False), ("op", False), ("output", False), ("kernel", False),
              ("requantization", False),
              ("MACs", True), ("constants B", True)]  # fmt: skip
    counts = {layer["layer"]: layer for layer in data["bench"]["layers"]} if data.get("bench") else {}
    if counts:
        titles += [("instructions", True), ("a MAC", True), ("est. cycles", True)]
    rows = []
    for i, layer in enumerate(data["layers"]):
        cells: list[Any] = [i, layer["name"], layer["op"], " x ".join(map(str, layer["output"])), layer["kernel"],
                            layer["requantization"] or "-", layer["macs"], layer["constant_bytes"]]  # fmt: skip
        if counts:
            found = counts.get(layer["name"], {"instructions": 0, "cycles_estimate": None})
            each = found["instructions"] / layer["macs"] if layer["macs"] else 0.0
            cells += [found["instructions"], each, found["cycles_estimate"] or 0]
        rows.append([_cell(value) for value in cells])
    return [{"title": title, "numeric": numeric} for title, numeric in titles], rows


def _cell(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"value": value, "text": f"{value:.2f}"}
    return {"value": value, "text": f"{value:,}" if isinstance(value, int) else str(value)}


def comparison(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Bars of our arena and of TFLite Micro's, where that was measured."""
    peer = data.get("tflm_arena")
    if not peer:
        return []
    ours = data["arena"]["bytes"]
    most = max(peer, ours)
    return [
        {"name": "ircompile", "bytes": ours, "percent": round(100 * ours / most, 1), "peer": False},
        {"name": "TensorFlow Lite Micro", "bytes": peer, "percent": round(100 * peer / most, 1), "peer": True},
    ]


def example(data: dict[str, Any]) -> str:
    """The few lines of C that use the model."""
    name = data["model"]["name"]
    lines = [f'#include "{name}.h"', "", f"static int32_t memory[({name.upper()}_ARENA_BYTES + 3) / 4];", ""]
    output = f"const {data['interface']['outputs'][0]['dtype']}_t *result = {name}_output(memory);"
    dtype = data["interface"]["inputs"][0]["dtype"]
    if data["interface"]["input_mode"] == "rows":
        lines += [f"{name}_begin(memory);", f"while (!{name}_push_row(memory, next_row()))", "    ;", output]
    else:
        lines += [f"{dtype}_t *input = {name}_input(memory);   /* write the codes here, H x W x C */",
                  f"{name}_run(memory);", output]  # fmt: skip
    return "\n".join(lines)
