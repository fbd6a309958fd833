"""The few lines that one reads after a compilation."""

from typing import Any

from ircompile.cli import accuracy
from ircompile.cli.console import OUT, number
from ircompile.cli.timing import timing_rows
from ircompile.plan.bound import MEANING
from ircompile.report import checked_text, compared_text, layer_count


def print_summary(data: dict[str, Any]) -> None:
    """The few lines that one wants to read after a compilation."""
    arena, flash = data["arena"], data["flash"]
    kind = "rows pushed" if data["interface"]["input_mode"] == "rows" else "input inside"
    code = f" + {number(flash['code'] + flash['tables'])} code and tables" if flash["code"] is not None else ""
    if not code:
        code = " (code not measured: no compiler for the target here)"
    rows = [
        ("model", f"{data['model']['source']}, {layer_count(data['layers'])}, {number(data['macs'])} MACs"),
        ("target", data["target"]),
        ("arena", f"{number(arena['bytes'])} bytes, everything in it, {kind}"),
        *in_turn_rows(arena),
        *memory_rows(arena["regions"]),
        *state_rows(arena["state"]),
        *timing_rows(data["timing"]),
        *push_rows(data["push"]),
        ("flash", f"{number(flash['weights'])} bytes of constants{code}"),
        ("reads", reads_text(data["weight_bytes_read"], data["timing"])),
        ("bound", bound_text(arena)),
        ("numerics", data["numerics"]),
        ("checked", checked_text(data["checked"])),
        ("compared", compared_text(data["compared"])),
        ("files", ", ".join(data["files"])),
    ]
    for key, value in [*rows, *found_rows(data)]:
        OUT.print(f"{key:<9} {value}", markup=False)
    for notice in data["notices"]:
        OUT.print(f"notice    {notice}", markup=False)


def reads_text(loaded: int, timing: dict[str, Any] | None) -> str:
    """The bytes of weights that one inference loads and, of a board, those that its caches do not hold."""
    if timing is None or timing["weight_bytes_brought"] >= loaded:
        return f"about {number(loaded)} bytes of weights per inference, from flash"
    brought = number(timing["weight_bytes_brought"])
    return f"about {brought} bytes of weights per inference, from flash; {number(loaded)} with those from its cache"


def in_turn_rows(arena: dict[str, Any]) -> list[tuple[str, str]]:
    """The bytes that weights in slow flash make worth while."""
    if not arena["in_turn"]:
        return []
    without = arena["bytes"] - arena["in_turn"]
    more = f"{number(arena['in_turn'])} of them so as to wait less for weights in slow flash"
    return [("", f"{more}; --ram {without} does without")]


def push_rows(push: dict[str, int] | None) -> list[tuple[str, str]]:
    """The work of one push_row, where rows are pushed."""
    if not push:
        return []
    most, usual = number(push["largest"]), number(push["typical"])
    return [("push_row", f"at most {most} instructions (row {push['at_row']}), typically {usual}, estimated")]


def state_rows(state: int) -> list[tuple[str, str]]:
    """What outlives a call, where the network remembers."""
    return [("state", f"{number(state)} bytes at its begin, to be kept from call to call")] if state else []


def memory_rows(regions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What goes to which memory, where there are several."""
    if len(regions) == 1:
        return []
    return [("", f"{number(region['bytes'])} bytes in {region['name']}") for region in regions]


def bound_text(arena: dict[str, Any]) -> str:
    """How far the arena is above the lower bound of plans of its layers."""
    bound = arena["lower_bound"]
    above = f"; {100 * (arena['bytes'] / bound - 1):.1f} % above" if bound else ""
    return f"{number(bound)} bytes: {MEANING}{above}"


def found_rows(data: dict[str, Any]) -> list[tuple[str, str]]:
    """What was measured and compared, where that was asked for."""
    rows = []
    if bench := data.get("bench"):
        cycles = f", about {number(bench['cycles_estimate'])} cycles" if bench["cycles_estimate"] else ""
        rows.append(
            ("bench", f"{number(bench['instructions'])} instructions{cycles}, stack {bench['stack']} bytes")
        )
    for rung in data["verified"]:
        verdict = f"{number(rung['differing'])} DIFFER" if rung["differing"] else "equal"
        compared = f"{number(rung['compared'])} elements, {rung['vectors']} inputs"
        rows.append(("verified", f"{rung['name']} = graph, {verdict}: {compared}"))
    if data["accuracy"]:
        rows += accuracy.rows(data["accuracy"])
    if front := data["front"]:
        least = min(front, key=lambda point: point["ram"])
        work = number(least["instructions_estimate"])
        text = f"{len(front)} plans; the least: {number(least['ram'])} bytes, {work} instructions, estimated"
        rows.append(("explored", text))
    return rows
