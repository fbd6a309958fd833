"""The tables of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ircompile.verification.references.tflm import ArenaUse

Results = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What was measured, by core and model."""
INTRO = """\
# Benchmarks

`make bench` writes this page: executed instructions of one whole inference under QEMU (exact and repeatable), the
default plan of each model (`--ram auto`, input resident), arm-none-eabi-gcc with each target's default flags. Peer:
TFLite Micro (2026-08) with CMSIS-NN (2026-07), best flags, the same models, measured the same way. `change` is that
of our instructions since the figures in `benchmarks/previous.toml`. Cycles are an estimate at zero wait states from
the core's technical reference manual. `code` is .text and tables of NAME.c; `weights` is NAME_weights.c.
A Cortex-M0+ has no measured peer; the best published boards take 7.8 cycles a multiply-accumulate for ic, and
11.4 for kws.
"""


def core_table(
    core: str, rows: Mapping[str, Mapping[str, Any]], peers: Mapping[str, Any], previous: Mapping[str, int]
) -> str:
    """One core's table: instructions, cycles, flash and stack of every model."""
    lines = []
    for name, row in rows.items():
        known = peers["models"][name]
        peer = known.get(core, {})
        instructions, cycles = row["instructions"], row["cycles_estimate"]
        lines.append([
            name, million(instructions), f"{instructions / (known['macs'] * 1e6):.2f}",
            given(peer.get("instructions")), ratio(peer.get("instructions"), instructions),
            change(instructions, previous.get(name)), million(cycles), given(peer.get("cycles")),
            ratio(peer.get("cycles"), cycles), f"{row['code']:,}", f"{row['weights']:,}", f"{row['stack']:,}",
        ])  # fmt: skip
    head = ["model", "instructions", "a MAC", "peer", "peer / ours", "change", "est. cycles", "peer", "peer / ours",
            "code", "weights", "stack"]  # fmt: skip
    begin, end = (f"<!-- --8<-- [{word}:{core}] -->\n" for word in ("start", "end"))  # comparison.md shows it
    return f"\n## {core}\n\n{begin}\n{markdown(head, lines)}\n{end}"


def memory_table(
    rows: Mapping[str, Mapping[str, Any]], peers: Mapping[str, Any], measured: Mapping[str, ArenaUse | None]
) -> str:
    """Arenas of every model beside TFLite Micro's: stored, and measured now."""
    lines = []
    for name, row in rows.items():
        peer, now = peers["models"][name]["arena"], measured[name]
        lines.append([
            name, f"{row['arena']:,}", f"{row['lower_bound']:,}",
            f"{row['arena_rows']:,}" if row["arena_rows"] else "-", f"{peer:,}", f"{peer / row['arena']:.2f}",
            f"{now.head:,}" if now else "-", f"{now.tail:,}" if now else "-",
        ])  # fmt: skip
    text = """
## RAM

Bytes of the arena: ours with the input resident, a proved lower bound, and ours with the input
pushed row by row. Peer: TFLite Micro with CMSIS-NN on M4. The last columns are of this run: PyPI's tflite-micro on
the host, activations, and what else it keeps (its structs hold pointers of 64 bits).

"""
    head = ["model", "arena", "bound", "rows", "peer", "peer / ours", "TFLM activations", "TFLM other"]
    return text + markdown(head, lines)


def kernel_table(
    figures: Mapping[str, Mapping[str, float]], sizes: Mapping[str, str], peers: Mapping[str, Any]
) -> str:
    """Single kernels, instructions a multiply-accumulate."""
    lines = []
    for name, ours in figures.items():
        cells = [name, sizes[name]]
        for core, value in ours.items():
            peer = peers[name].get(core)
            cells += [f"{value:.2f}", *([f"{peer:g}", f"{peer / value:.2f}"] if peer else ["-", "-"])]
        lines.append([*cells, peers[name]["tinyengine"]])
    head = [
        "kernel",
        "input",
        *(text for core in next(iter(figures.values())) for text in (core, "peer", "peer / ours")),
    ]
    text = """
## Kernels

Executed instructions a multiply-accumulate (of the ADD: an element) of one layer of random weights, all in;
depthwise layers have 48 channels. Peer: CMSIS-NN. TinyEngine: its float requantization on M4, not exact.

"""
    return text + markdown([*head, "TinyEngine"], lines)


def block_table(figures: Mapping[str, int], peers: Mapping[str, float]) -> str:
    """The inverted residual."""
    lines = [
        [core, million(value), given(peers[core]), ratio(peers[core], value)] for core, value in figures.items()
    ]
    text = """
## A block of MobileNetV2

1x1 24->144, depthwise 3x3, 1x1 144->24 and the sum with its input, on 28 x 28 pixels.

"""
    return text + markdown(["core", "instructions", "peer", "peer / ours"], lines)


def remembering(told: str) -> str:
    """The section of networks that remember: the table that docs/streaming.md, `told`, has of them."""
    head = "| network | rows kept"
    table = head + told.split(head, 1)[1].split("\n\n", 1)[0]
    intro = "Bytes of RAM and instructions of one call: [streaming in time](streaming.md#streaming-in-time)."
    return f"\n## Networks that remember\n\n{intro}\n\n{table}\n"


def release(results: Results) -> str:
    """The text of previous.toml."""
    lines = [
        "# Executed instructions of one inference at the last release, by core and model;"
        " `run.py --release` writes this file."
    ]
    for core, rows in results.items():
        lines += ["", f"[{core}]", *(f"{name} = {row['instructions']}" for name, row in rows.items())]
    return "\n".join(lines) + "\n"


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table, all columns but the first to the right."""
    rule = "|---" + "|---:" * (len(head) - 1) + "|"
    return (
        "\n".join(["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(line) + " |" for line in lines)])
        + "\n"
    )


def million(value: int | None) -> str:
    """A count in millions."""
    return "-" if not value else f"{value / 1e6:.3f} M" if value < 1e7 else f"{value / 1e6:.1f} M"


def given(millions: float | None) -> str:
    """A peer's figure as it is stored."""
    return f"{millions:g} M" if millions else "-"


def ratio(peer: float | None, ours: int | None) -> str:
    """How many times fewer ours are."""
    return f"{peer * 1e6 / ours:.2f}" if peer and ours else "-"


def change(value: int, before: int | None) -> str:
    """By how many percent there are more or fewer than before."""
    return f"{round(100 * (value / before - 1)):+d} %" if before else "-"
