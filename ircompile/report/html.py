"""The HTML report: one file, no network."""

from typing import Any

from ircompile.emit.templating import environment, number
from ircompile.plan.bound import MEANING
from ircompile.report.data import checked_text, compared_text, layer_count
from ircompile.report.pictures import COLOURS, LABELS, axis, bands, front_picture, kinds_in, regions

RUNGS = {
    "numpy": "the plan, step by step in NumPy",
    "host": "C on this machine, under sanitizers (portable C for a core with Helium)",
    "qemu": "C on the emulated board",
    "tflm": "TensorFlow Lite Micro",
    "litert-ref": "LiteRT's reference kernels",
    "ort": "ONNX Runtime",
}
FORMS = {
    "high": "takes the high word of one 32 x 32 bit product",
    "split": "makes that word from 32-bit products, for cores without the long multiply",
    "double": "is TFLite's double rounding in full",
    "single": "is TFLite's single rounding in full",
    "float32": "is ONNX Runtime's float32 rounding, to even",
    "steps": "looks the code up among 255 thresholds",
    "pair": "adds both operands' products first",
}

FRONT = "Estimated instructions over memory"


def html_report(data: dict[str, Any], memory: dict[str, Any]) -> str:
    """The page of a report; see `report_data` and `memory_map`."""
    columns, rows = layer_table(data)
    ours = data["arena"]["bytes"] - data["arena"]["pointer"]
    return (
        environment(escaped=True)
        .get_template("report/page.html.j2")
        .render(
            data=data,
            layer_count=layer_count(data["layers"]),
            compared_text=compared_text,
            checked_text=checked_text,
            bound_meaning=MEANING,
            memory=memory,
            cards=cards(data),
            kinds=kinds_in(memory),
            labels=LABELS,
            colours=COLOURS,
            axis=axis(data["arena"]),
            regions=regions(data["arena"]),
            bands=bands(memory, data["segments"]),
            columns=columns,
            rows=rows,
            instructions={
                layer["layer"]: layer["instructions"] for layer in (data.get("bench") or {}).get("layers", ())
            },
            forms=forms(data),
            rungs=RUNGS,
            example=example(data),
            comparison=comparison(data),
            front_picture=front_picture(data["front"], FRONT, ours) if data["front"] else "",
        )
    )


def cards(data: dict[str, Any]) -> list[dict[str, str]]:
    """The figures on top."""
    arena, flash, bench = data["arena"], data["flash"], data.get("bench")
    rows = data["interface"]["input_mode"] == "rows"
    inside = "input rows pushed, not stored" if rows else "input, outputs, scratch inside"
    parts = [f"{region['bytes']:,} in {region['name']}" for region in arena["regions"]]
    above_what = "of a single memory; these are" if len(arena["regions"]) > 1 else "the arena is"
    bound = arena["lower_bound"]
    above = f"{above_what} {100 * (arena['bytes'] / bound - 1):.1f} % above" if bound else ""
    code = None if flash["code"] is None else flash["code"] + flash["tables"]
    whole = data["model_macs"]
    live = "per inference" if data["macs"] == whole else f"per inference; {whole:,} in the model"
    made = [
        ("RAM", f"{arena['bytes']:,} B", ", ".join(parts) if len(parts) > 1 else inside),
        ("lower bound", f"{arena['lower_bound']:,} B", above),
        ("constants in flash", f"{flash['weights']:,} B", "weights, biases, requantization"),
        ("code in flash", "not measured" if code is None else f"{number(code)} B", "code and tables"),
        ("MACs", f"{data['macs']:,}", live),
    ]
    if timing := data["timing"]:
        least, most, off = timing["at_least"], timing["at_most"], 100 * timing["band"]
        note = f"{least:.3g} to {most:.3g} ms on {timing['board']}, +-{off:.0f} %"
        made.append(("time, estimated", f"{timing['milliseconds']:.3g} ms", note))
    if bench:
        cycles = bench["cycles_estimate"]
        about = f"about {cycles:,} cycles (estimated)" if cycles else "executed, per inference"
        made.append(("instructions", f"{bench['instructions']:,}", about))
        made.append(("stack", f"{number(bench['stack'])} B", "measured on the emulated board"))
    return [{"title": title, "value": value, "note": note} for title, value, note in made]


Column = tuple[str, bool, str]
COLUMNS: tuple[Column, ...] = (
    ("#", True, "place in the order of the graph"),
    ("layer", False, "name in the C code's comments"),
    ("op", False, "operator of the graph"),
    ("output", False, "height x width x channels"),
    ("kernel", False, "template of the C function"),
    ("requantization", False, "form of the arithmetic that rounds sums to codes"),
    ("stored as", False, "what a weight takes in flash, which may be more bits than it has: int16 is quicker"),
    ("model's MACs", True, "multiply-accumulates before dead and constant channels were removed"),
    ("live MACs", True, "multiply-accumulates that are left"),
    ("flash B", True, "bytes of constants"),
)
COUNTED: tuple[Column, ...] = (
    ("instructions", True, "executed on the emulated board"),
    ("a MAC", True, "instructions for one live multiply-accumulate"),
    ("est. cycles", True, "estimated at zero wait states"),
)


def layer_table(data: dict[str, Any]) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Columns and rows of the table of layers; counts of instructions where there are any."""
    counts = {layer["layer"]: layer for layer in data["bench"]["layers"]} if data.get("bench") else {}
    timed = any(layer["cycles_estimate"] for layer in counts.values())
    extra = COUNTED if timed else COUNTED[:2] if counts else ()
    rows = []
    for i, layer in enumerate(data["layers"]):
        cells: list[Any] = [i, layer["name"], layer["op"], " x ".join(map(str, layer["output"])), layer["kernel"],
                            rounding_of(layer) or "-", layer["weights"] or "-", layer["model_macs"],
                            layer["macs"], layer["constant_bytes"]]  # fmt: skip
        if counts:
            found = counts.get(layer["name"], {"instructions": 0, "cycles_estimate": None})
            each = found["instructions"] / layer["macs"] if layer["macs"] else 0.0
            cells += [found["instructions"], each, found["cycles_estimate"] or 0][: len(extra)]
        rows.append([_cell(value) for value in cells])
    columns = [*COLUMNS, *extra]
    for index, (title, _, _) in enumerate(columns):
        if title in ("live MACs", "flash B", "instructions", "est. cycles"):
            _add_shares([row[index] for row in rows])
    return [{"title": title, "numeric": numeric, "help": words} for title, numeric, words in columns], rows


def _cell(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"value": value, "text": f"{value:.2f}", "share": None}
    return {"value": value, "text": f"{value:,}" if isinstance(value, int) else str(value), "share": None}


def _add_shares(cells: list[dict[str, Any]]) -> None:
    """How much each is of the greatest: drawn as a bar."""
    most = max((cell["value"] for cell in cells), default=0)
    for cell in cells:
        cell["share"] = round(cell["value"] / most, 3) if most else None


def rounding_of(layer: dict[str, Any]) -> str:
    """The form of a layer's requantization, or those of its channels where a kernel takes several."""
    return layer["requantization"] or ", ".join(layer["requantization_channels"])


def forms(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The forms of requantization in use, each explained."""
    used = {word.split("_")[0] for layer in data["layers"] for word in rounding_of(layer).split(", ")}
    return [(name, words) for name, words in FORMS.items() if name in used]


def comparison(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Bars of our arena and of TFLite Micro's, where that was measured."""
    peer = data["tflm"]
    if not peer:
        return []
    ours, theirs = data["arena"]["bytes"], peer["activations"] + peer["persistent"]
    most = max(theirs, ours)
    return [
        {"name": "ircompile", "bytes": ours, "percent": round(100 * ours / most, 1), "peer": False},
        {"name": "TFLite Micro", "bytes": theirs, "percent": round(100 * theirs / most, 1), "peer": True},
    ]


def example(data: dict[str, Any]) -> str:
    """The few lines of C that use the model."""
    name = data["model"]["name"]
    arena = data["arena"]
    several = len(arena["regions"]) > 1
    api = {"name": name, "several": several, "regions": arena["regions"], "arena_align": arena["align"]}
    module: Any = environment().get_template("memory.j2").module
    lines = [f'#include "{name}.h"', "", str(module.declare(api, name.upper(), "memory")).strip(), ""]
    if data["interface"]["weights"] == "blob":
        bind = f"{name}_bind_weights(memory, blob, {name.upper()}_BLOB_BYTES)"
        lines.append(
            f"if ({bind} != {name.upper()}_BLOB_OK)\n    refuse(); /* blob: where {name}_weights.bin lies */"
        )
    output = f"const {data['interface']['outputs'][0]['dtype']}_t *result = {name}_output(memory);"
    dtype = data["interface"]["inputs"][0]["dtype"]
    if data["interface"]["input_mode"] == "rows":
        lines += [f"{name}_begin(memory);", f"while (!{name}_push_row(memory, next_row()))", "    ;", output]
    else:
        lines += [f"{name}_begin(memory);   /* once */"] if arena["state"] else []
        lines += [f"{dtype}_t *input = {name}_input(memory);   /* write the codes here, H x W x C */",
                  f"{name}_run(memory);", output]  # fmt: skip
    return "\n".join(lines)
