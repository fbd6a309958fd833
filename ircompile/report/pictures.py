"""SVG pictures: the arena over time, and the front of memory and work."""

from collections.abc import Mapping, Sequence
from typing import Any

from ircompile.emit.templating import environment, number

KINDS = (
    ("input", "input", "#4a88cf"),
    ("ring", "ring of rows", "#2f9a75"),
    ("stored", "stored whole", "#d4912a"),
    ("state", "kept for the next call", "#c2603d"),
    ("output", "output", "#b1559a"),
    ("lines", "rows kept", "#2b8fa8"),
    ("again", "computed anew", "#c2574b"),
    ("scratch", "scratch", "#8f96a0"),
    ("sums", "sums", "#7768cc"),
    ("schedule", "counters", "#b9bdc4"),
)
APART = 5.0
"""Per cent of the axis that labels are apart at least."""
LABELS = {kind: label for kind, label, _ in KINDS}
COLOURS = {kind: colour for kind, _, colour in KINDS}


def memory_picture(memory: dict[str, Any], data: dict[str, Any]) -> str:
    """An SVG of the arena over time, from `memory_map` and `report_data`: steps to the right, bytes upward."""
    arena = data["arena"]["bytes"]
    return (
        environment(escaped=True)
        .get_template("report/memory.svg.j2")
        .render(
            memory=memory,
            arena=arena,
            axis=axis(data["arena"]),
            regions=regions(data["arena"]),
            kinds=kinds_in(memory),
            colours=COLOURS,
            bands=bands(memory, data["segments"]),
            title=f"{data['model']['source']}: {arena:,} bytes of arena over {memory['steps']:,} steps",
        )
    )


def front_picture(
    front: Sequence[dict[str, int]],
    title: str,
    chosen: int = -1,
    named: Mapping[str, dict[str, int]] | None = None,
) -> str:
    """An SVG of the front: memory to the right, estimated instructions upward; both axes begin at 0.

    The point of `chosen` bytes, if there is one, is marked; the plans of `named` bear their names, hollow where
    they are not on the front.
    """
    named = named or {}
    every = [*front, *named.values()]
    most_ram = max(point["ram"] for point in every)
    most_work = max(point["instructions_estimate"] for point in every)

    def x_of(ram: float) -> float:
        return round(78 + 520 * ram / most_ram, 1)

    def y_of(work: float) -> float:
        return round(330 - 280 * work / most_work, 1)

    def placed(point: dict[str, int]) -> dict[str, float]:
        return {**point, "x": x_of(point["ram"]), "y": y_of(point["instructions_estimate"])}

    picture = environment(escaped=True).get_template("report/front.svg.j2")
    return picture.render(
        points=[placed(point) for point in front],
        named=[{**placed(plan), "name": name, "apart": plan not in front} for name, plan in named.items()],
        title=title,
        chosen=chosen,
        ram_ticks=[{"at": x_of(ram), "text": number(ram)} for ram in ticks(most_ram)],
        work_ticks=[{"at": y_of(work), "text": f"{work / 1e6:.3g} M"} for work in ticks(most_work)],
    )


def kinds_in(memory: dict[str, Any]) -> list[tuple[str, str]]:
    """The kinds of blocks there are, with what they are called."""
    present = {block["kind"] for block in memory["blocks"]}
    return [(kind, label) for kind, label, _ in KINDS if kind in present]


def ticks(most: int, count: int = 5) -> list[int]:
    """Round values from 0, about `count`, and `most` itself; none so near to it that their labels would meet."""
    step = 1
    while most / step > count:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return [*(tick for tick in range(0, most, step) if tick < 0.95 * most), most]


def regions(arena: dict[str, Any]) -> list[dict[str, Any]]:
    """The memories of an arena from below, where there are several: bottom and height in per cent of all bytes."""
    named = [region for region in arena["regions"] if region["bytes"]]
    if len(named) < 2:
        return []
    ends = [*(region["offset"] for region in named[1:]), arena["bytes"]]
    return [
        {
            "name": region["name"],
            "bytes": region["bytes"],
            "bottom": round(100 * region["offset"] / arena["bytes"], 2),
            "height": round(100 * (end - region["offset"]) / arena["bytes"], 2),
        }
        for region, end in zip(named, ends, strict=True)
    ]


def axis(arena: dict[str, Any]) -> list[dict[str, Any]]:
    """Labels of the axis of bytes: where, in per cent of all, and the offset there, in each memory from 0 on."""
    whole = [{"bottom": 0.0, "height": 100.0, "bytes": arena["bytes"]}]
    labels: list[dict[str, Any]] = []
    for region in regions(arena) or whole:
        for offset in ticks(region["bytes"], max(1, round(5 * region["height"] / 100))):
            at = region["bottom"] + region["height"] * offset / region["bytes"]
            if offset == region["bytes"]:
                while labels and at - labels[-1]["at"] < APART:
                    labels.pop()
            if not labels or at - labels[-1]["at"] >= APART:
                labels.append({"at": round(at, 2), "text": number(offset)})
    return labels


def bands(memory: dict[str, Any], segments: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Where the layers that stream together run: left edge and width in per cent of the run, and which they are."""
    steps, starts = memory["steps"] + 1, memory["segments"]
    found = []
    for (first, stop), begin, end in zip(segments, starts, [*starts[1:], memory["steps"]], strict=True):
        label = str(first) if stop - first == 1 else f"{first}-{stop - 1}"
        found.append(
            {"left": round(100 * begin / steps, 2), "width": round(100 * (end - begin) / steps, 2), "label": label}
        )
    return found
