"""Executed instructions, per layer, from a QEMU plugin of ours; and cycles estimated from them."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ircompile.resources import templates_dir
from ircompile.target import CycleCosts
from ircompile.verification.runners import build

BETWEEN_LAYERS = -1
"""The key in Counts.per_layer of code outside every layer: the driver."""

_MARKERS = {"begin": "h_run_begin", "end": "h_run_end", "marks": "h_marks", "marks_end": "h_marks_end"}


@dataclass(frozen=True)
class Counts:
    """Executed instructions of one inference, and an estimate of its cycles where the target has a table.

    ``total`` and ``cycles_estimate`` come from a build without hooks and are exact counts (the cycles an
    estimate at zero wait states). The per-layer figures come from a build with hooks, whose calls are left out
    but which may save a few registers more; layer BETWEEN_LAYERS is code outside every layer.
    """

    total: int
    per_layer: dict[int, int]
    cycles_estimate: int | None = None
    cycles_per_layer: dict[int, int] | None = None


@dataclass(frozen=True)
class _Instruction:
    mnemonic: str
    operands: str
    next_address: int


Regions = dict[int, tuple[int, int]]
"""Instructions and estimated cycles of each region: 0 between layers, n + 1 layer n."""


def plugin_path(folder: Path, where: str) -> Path:
    """Return the compiled counting plugin, from the user's cache or built now (in ``folder`` if need be)."""
    source = templates_dir() / "boards" / "count_plugin.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ircompile"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=cache, suffix=".tmp")
    except OSError:
        cache = folder
        handle, name = tempfile.mkstemp(dir=cache, suffix=".tmp")
    os.close(handle)
    plugin, fresh = cache / f"count_plugin-{digest}.so", Path(name)
    try:
        if not plugin.exists():
            flags = ["-O2", "-shared", "-fPIC", "-fvisibility=hidden"]
            build.call_checked(["gcc", *flags, source, "-o", fresh], where, "building the counting plugin")
            fresh.replace(plugin)  # atomic: other processes may be building it too
    finally:
        fresh.unlink(missing_ok=True)
    return plugin


def plugin_argument(plugin: Path, symbols: dict[str, int], out: Path) -> str:
    """Return QEMU's -plugin argument."""
    addresses = ",".join(f"{key}={symbols[name] & ~1:x}" for key, name in _MARKERS.items())
    return f"{plugin},out={out},{addresses}"


def read_symbols(compiler: str, elf: Path, where: str) -> dict[str, int]:
    """Return the address of every symbol of a program."""
    listing = build.call_checked([build.tool_beside(compiler, "nm"), elf], where, "reading symbols")
    fields = [line.split() for line in listing.splitlines()]
    return {name: int(address, 16) for address, _, name in (f for f in fields if len(f) == 3)}


def sum_regions(
    compiler: str, elf: Path, out: Path, symbols: dict[str, int], costs: CycleCosts | None, where: str
) -> Regions:
    """Join the plugin's output with the disassembly; the harness's own code and marker calls do not count."""
    listing = _disassemble(compiler, elf, where)
    instructions: dict[int, int] = defaultdict(int)
    cycles: dict[int, int] = defaultdict(int)
    own = range(symbols["h_code_start"], symbols["h_code_end"])
    for line in out.read_text(encoding="ascii").splitlines():
        region, start, end = (int(v, b) for v, b in zip(line.split()[:3], (10, 16, 16), strict=True))
        executed, taken = (int(v) for v in line.split()[3:])
        if start in own:
            continue
        address = start
        while address < end:
            instruction = listing[address]
            if not _calls_marker(instruction):
                instructions[region] += executed
                if costs:
                    branched = taken if instruction.next_address >= end else 0
                    cost = _cycles(instruction, listing.get(instruction.next_address), costs)
                    cycles[region] += executed * cost + branched * (costs.taken_branch - costs.other)
            address = instruction.next_address
    return {region: (instructions[region], cycles[region]) for region in sorted(instructions)}


def make_counts(plain: Regions, hooked: Regions, estimated: bool) -> Counts:
    """Combine a build without hooks (the totals) and one with hooks (the layers)."""
    total = sum(instructions for instructions, _ in plain.values())
    per_layer = {region - 1: instructions for region, (instructions, _) in hooked.items()}
    if not estimated:
        return Counts(total, per_layer)
    cycles = {region - 1: estimate for region, (_, estimate) in hooked.items()}
    return Counts(total, per_layer, sum(estimate for _, estimate in plain.values()), cycles)


def _disassemble(compiler: str, elf: Path, where: str) -> dict[int, _Instruction]:
    command: list[str | Path] = [build.tool_beside(compiler, "objdump"), "-d", "-z", "--no-show-raw-insn", elf]
    rows = []
    for line in build.call_checked(command, where, "disassembling").splitlines():
        found = re.match(r" *([0-9a-f]+):\s+(\S+)\s*(.*)", line)  # without a mnemonic where objdump knows none
        if found:
            rows.append((int(found[1], 16), found[2], found[3]))
    ends = [address for address, _, _ in rows[1:]] + [rows[-1][0] + 2]
    return {row[0]: _Instruction(row[1], row[2], end) for row, end in zip(rows, ends, strict=True)}


def _calls_marker(instruction: _Instruction) -> bool:
    return instruction.mnemonic == "bl" and re.search(r"<h_(marks|run)", instruction.operands) is not None


_MULTIPLE = re.compile(r"(v?(ldm|stm|push|pop))")
_SINGLE_LOAD = re.compile(r"v?ldr(?!d)")
_SINGLE_ACCESS = re.compile(r"v?(ldr|str)(?!d)")
_CLASSES = (
    (re.compile(r"(ldrd|strd)"), "load_double"),
    (re.compile(r"(sdiv|udiv)"), "divide"),
    (re.compile(r"(vdiv|vsqrt)"), "float_divide"),
    (re.compile(r"v(n?mla|n?mls|fn?ma|fn?ms)"), "float_multiply_accumulate"),
    (re.compile(r"(smlal|umlal|umaal|smlsl)"), "multiply_accumulate_long"),
    (re.compile(r"(smull|umull)"), "multiply_long"),
    (re.compile(r"(mla|mls|smla|smls|smmla|smmls)"), "multiply_accumulate"),
    (re.compile(r"(mul|smul|smmul|smu)"), "multiply"),
)


def _cycles(instruction: _Instruction, following: _Instruction | None, costs: CycleCosts) -> int:
    name, operands = instruction.mnemonic, instruction.operands
    if _MULTIPLE.match(name):
        return costs.multiple_base + _registers(operands)
    if _SINGLE_LOAD.match(name):
        target = operands.split(",")[0].strip()
        followed = (
            following is not None
            and _SINGLE_ACCESS.match(following.mnemonic)
            and not re.search(rf"\b{target}\b", following.operands)
        )
        return costs.load_followed if followed else costs.load
    for pattern, kind in _CLASSES:
        if pattern.match(name):
            return int(getattr(costs, kind))
    return costs.other


def _registers(operands: str) -> int:
    """Count the registers of a list such as {r4-r7, lr}."""
    inside = operands[operands.find("{") + 1 : operands.find("}")]
    count = 0
    for part in inside.split(","):
        ends = [int(n) for n in re.findall(r"[rsd](\d+)", part)]
        count += ends[1] - ends[0] + 1 if len(ends) == 2 else 1
    return count
