"""Executed instructions, per layer, from a QEMU plugin of ours; and cycles estimated from them."""

import hashlib
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from ircompile.resources import templates_dir
from ircompile.target import Target
from ircompile.timing.instructions import Instruction, Kind, parse
from ircompile.timing.pipeline import block_cycles, taken_cycles
from ircompile.verification.runners import build

BETWEEN_LAYERS = -1
"""The key in Counts.per_layer of code outside every layer: the driver."""

_MARKERS = {"begin": "h_run_begin", "end": "h_run_end", "marks": "h_marks", "marks_end": "h_marks_end"}


@dataclass(frozen=True)
class Counts:
    """Executed instructions of one inference, and an estimate of its cycles where the target has a table.

    ``total`` and ``cycles_estimate`` come from a build without hooks and are exact counts (the cycles an
    estimate at zero wait states). The per-layer figures come from a build with hooks, whose calls are left out
    but which may save a few registers more; layer BETWEEN_LAYERS is code outside every layer. ``kinds`` are the
    executed instructions of each class, per layer.
    """

    total: int
    per_layer: dict[int, int]
    cycles_estimate: int | None = None
    cycles_per_layer: dict[int, int] | None = None
    kinds: dict[int, dict[Kind, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Region:
    """Executed instructions of each class, and their estimated cycles at zero wait states."""

    kinds: dict[Kind, int]
    cycles: int

    @property
    def instructions(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


Regions = dict[int, Region]
"""What each region executed: 0 between layers, n + 1 layer n."""


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
    compiler: str, elf: Path, out: Path, symbols: dict[str, int], target: Target, where: str
) -> Regions:
    """Join the plugin's output with the disassembly; the harness's own code and marker calls do not count."""
    listing = parse(disassembly(compiler, elf, target, where))
    executed: dict[int, Counter[Kind]] = defaultdict(Counter)
    cycles: dict[int, float] = defaultdict(float)
    own = range(symbols["h_code_start"], symbols["h_code_end"])
    timed = cache(partial(_block_cycles, target))
    for line in out.read_text(encoding="ascii").splitlines():
        region, start, instructions, times, taken = (
            int(v, base) for v, base in zip(line.split(), (10, 16, 10, 10, 10), strict=True)
        )
        if start in own:
            continue
        *_, last = block = _block(listing, start, instructions)
        counted = tuple(instruction for instruction in block if not _calls_marker(instruction))
        for instruction in counted:
            executed[region][instruction.kind] += times
        once, branched = timed(counted, listing.get(last.next_address)) if counted else (0.0, 0.0)
        # A marker's call at the end of a block does not count, nor does its branch.
        cycles[region] += times * once + (0 if _calls_marker(last) else taken * branched)
    return {region: Region(dict(executed[region]), round(cycles[region])) for region in sorted(executed)}


def disassembly(compiler: str, elf: Path, target: Target, where: str) -> str:
    """The listing of a program; objdump takes Helium for a coprocessor unless it is told the architecture."""
    command: list[str | Path] = [build.tool_beside(compiler, "objdump"), "-d", "-z", "--no-show-raw-insn"]
    command += ["-m", "armv8.1-m.main"] if target.features.mve else []
    return build.call_checked([*command, elf], where, "disassembling")


def _block(listing: Mapping[int, Instruction], start: int, instructions: int) -> list[Instruction]:
    """So many instructions from an address on."""
    block = []
    for _ in range(instructions):
        block.append(listing[start])
        start = block[-1].next_address
    return block


def _block_cycles(
    target: Target, block: Sequence[Instruction], following: Instruction | None
) -> tuple[float, float]:
    """Cycles of a block run once, and those that come on top where its last instruction branches."""
    if target.cycles is None:
        return 0.0, 0.0
    return (block_cycles(block, following, target.cycles, target.pipeline), taken_cycles(block[-1], target.cycles))


def make_counts(plain: Regions, hooked: Regions, estimated: bool) -> Counts:
    """Combine a build without hooks (the totals) and one with hooks (the layers)."""
    total = sum(region.instructions for region in plain.values())
    per_layer = {region - 1: found.instructions for region, found in hooked.items()}
    kinds = {region - 1: found.kinds for region, found in hooked.items()}
    if not estimated:
        return Counts(total, per_layer, kinds=kinds)
    cycles = {region - 1: found.cycles for region, found in hooked.items()}
    return Counts(total, per_layer, sum(found.cycles for found in plain.values()), cycles, kinds)


def _calls_marker(instruction: Instruction) -> bool:
    return instruction.mnemonic == "bl" and re.search(r"<h_(marks|run)", instruction.operands) is not None
