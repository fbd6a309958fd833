"""Targets and boards: one flat TOML file each, read into frozen records."""

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from ircompile.errors import CompileError
from ircompile.interface import C_WORDS
from ircompile.resources import targets_dir

_T = TypeVar("_T")


@dataclass(frozen=True)
class Features:
    """What the instruction set offers to kernels."""

    dsp: bool
    mve: bool
    fpu: bool
    mul64: bool
    unaligned: bool


@dataclass(frozen=True)
class CycleCosts:
    """Estimated cycles of one executed instruction of each class, at zero wait states."""

    load: int
    load_followed: int
    load_double: int
    multiple_base: int
    multiply: int
    multiply_accumulate: int
    multiply_long: int
    multiply_accumulate_long: int
    divide: int
    float_multiply_accumulate: int
    float_divide: int
    taken_branch: int
    other: int


@dataclass(frozen=True)
class Pipeline:
    """What a core overlaps, for the scoreboard of `timing/pipeline.py`; times are cycles.

    `issue`: instructions a cycle; `narrow_pairs`: only two of 16 bits. `load_use` and `multiply_use`: how much
    later than the next cycle a result can be read. `registers_a_cycle` of a list that is loaded or stored.
    `vector`: for how long Helium's instruction holds its unit, `gather` one that loads or stores by a vector of
    addresses; `vector_use`: when its result can be read.
    """

    issue: int
    narrow_pairs: bool
    load_use: int
    multiply_use: int
    registers_a_cycle: int
    vector: int
    vector_use: int
    gather: int


@dataclass(frozen=True)
class MemoryRegion:
    """A memory of a device, by the name it has in C, and its bytes. Raises CompileError for another name."""

    name: str
    bytes: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name) or self.name in C_WORDS:
            raise CompileError(f"memory {self.name!r}", "no name for C", "lower case letters, digits, underscores")
        if self.bytes <= 0:
            raise CompileError(f"memory {self.name!r}", f"{self.bytes} bytes", "1 and more")


@dataclass(frozen=True)
class SlowFlash:
    """A memory for constants that is waited for long: `cache` bytes in front of it, and the cycles of each byte."""

    cache: int
    cycles_a_byte: float


@dataclass(frozen=True)
class Target:
    """A core to generate code for.

    ``cflags`` select the instruction set, ``optimization`` is the default ``-O`` flag, ``board`` names the
    emulated board the target is checked on (None: the host itself). ``cycles`` and, of a core that overlaps
    instructions, ``pipeline`` are what cycles are estimated from. ``memory`` are the RAMs to plan for and
    ``flash`` the memories for constants, the fastest first; empty where there is one and its size does not matter.
    ``slow_flash`` is there where a board's constants are read so slowly that plans are made for it.
    """

    name: str
    description: str
    aliases: tuple[str, ...]
    compiler: str
    cflags: tuple[str, ...]
    optimization: str
    features: Features
    board: str | None = None
    cycles: CycleCosts | None = None
    pipeline: Pipeline | None = None
    memory: tuple[MemoryRegion, ...] = ()
    flash: tuple[MemoryRegion, ...] = ()
    slow_flash: SlowFlash | None = None


@dataclass(frozen=True)
class Region:
    """A range of a board's memory, in bytes."""

    origin: int
    length: int


@dataclass(frozen=True)
class Memory:
    """The regions of a board: ``model`` and ``big`` take what does not fit ``code`` and ``ram``."""

    code: Region
    ram: Region
    model: Region
    big: Region


@dataclass(frozen=True)
class EmulatedBoard:
    """A board that QEMU emulates: its machine name and its memory. Real boards are in `timing/board.py`."""

    name: str
    description: str
    machine: str
    memory: Memory


def distinct(regions: Sequence[MemoryRegion]) -> tuple[MemoryRegion, ...]:
    """The memories; raises CompileError where two have one name."""
    if len({region.name for region in regions}) < len(regions):
        raise CompileError("--memory, --flash", "two memories of one name", "a name for each")
    return tuple(regions)


def list_targets() -> list[Target]:
    """Return every target that ships with ircompile, smallest core first, the host last."""
    targets = [_read_target(path) for path in targets_dir().glob("*.toml")]
    return sorted(targets, key=_by_core)


def load_target(name: str) -> Target:
    """Return the target called ``name`` (or by an alias), or described by the file if ``name`` ends in .toml.

    Raises CompileError for an unknown name, with the nearest known one, and for a faulty file.
    """
    if name.endswith(".toml"):
        return _read_target(Path(name))
    targets = list_targets()
    for target in targets:
        if name.lower() in (target.name, *target.aliases):
            return target
    known = [target.name for target in targets]
    aliases = {alias: target.name for target in targets for alias in (target.name, *target.aliases)}
    board = (targets_dir() / "boards" / f"{name.lower()}.toml").is_file()
    instead = f"that is a board: --board {name.lower()}" if board else ""
    raise unknown_name("target", name, known, aliases, "ircompile targets", instead)


def unknown_name(
    kind: str, name: str, known: Sequence[str], aliases: dict[str, str], command: str, instead: str
) -> CompileError:
    """The error of a target's or board's name: which there are, and which may be meant, by its aliases too.

    `instead` is the hint where the name is one of the other kind.
    """
    near = difflib.get_close_matches(name.lower().removeprefix("cortex-"), aliases, n=1, cutoff=0.5)
    guess = f"did you mean {aliases[near[0]]}?" if near else ""
    hint = f"{said}; " if (said := instead or guess) else ""
    hint += f"{command!r} describes them; a path to a .toml file of your own works too"
    return CompileError(f"{kind} '{name}'", f"unknown {kind}", ", ".join(known), hint)


def load_emulated(name: str) -> EmulatedBoard:
    """Return the emulated board ``name``; raises CompileError when there is none or its file is faulty."""
    path = targets_dir() / "emulated" / f"{name}.toml"
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.toml"))
        raise CompileError(f"emulated board '{name}'", "unknown", ", ".join(known))
    data = read_toml(path)
    memory = data.pop("memory", {})
    if not isinstance(memory, dict):
        raise CompileError(str(path), "'memory' is not a table")
    regions = {key: build_record(Region, dict(value), path) for key, value in memory.items()}
    return build_record(EmulatedBoard, {**data, "name": name, "memory": build_record(Memory, regions, path)}, path)


def _by_core(target: Target) -> tuple[bool, int]:
    digits = "".join(c for c in target.name if c.isdigit())
    return (target.board is None, int(digits or 0))


def _read_target(path: Path) -> Target:
    data = read_toml(path)
    data["features"] = build_record(Features, read_table(data, "features", path), path)
    for key, kind in (("cycles", CycleCosts), ("pipeline", Pipeline)):
        if key in data:
            data[key] = build_record(kind, read_table(data, key, path), path)
    for key in ("aliases", "cflags"):
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise CompileError(str(path), f"'{key}' is not a list of strings")
        data[key] = tuple(value)
    for key in ("memory", "flash"):
        data[key] = tuple(build_record(MemoryRegion, row, path) for row in read_tables(data, key, path))
    return build_record(Target, {**data, "name": path.stem}, path)


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's tables; raises CompileError where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise CompileError(str(path), f"cannot be read: {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise CompileError(str(path), f"not valid TOML: {error}") from error


def read_table(data: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    """Return the table ``key``; raises CompileError where there is none."""
    value = data.get(key)
    if not isinstance(value, dict):
        raise CompileError(str(path), f"table [{key}] is missing")
    return value


def read_tables(data: dict[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    """Return the array of tables ``key``, empty where it is missing; raises CompileError for anything else."""
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise CompileError(str(path), f"'{key}' is not an array of tables", f"[[{key}]] with name and bytes")
    return value


def build_record(kind: type[_T], values: dict[str, Any], path: Path) -> _T:
    """Make the dataclass ``kind`` from ``values``: no key missing, none unknown, plain values of its type."""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    types = get_type_hints(kind)
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise CompileError(str(path), f"unknown key '{unknown[0]}'", ", ".join(fields))
    for name, field in fields.items():
        if name not in values:
            if field.default is dataclasses.MISSING:
                raise CompileError(str(path), f"key '{name}' is missing")
            continue
        expected = {str: (str,), int: (int,), bool: (bool,), float: (int, float)}.get(types[name])
        if expected and type(values[name]) not in expected:
            raise CompileError(
                str(path), f"'{name}' is {values[name]!r}", f"a value of type {types[name].__name__}"
            )
    return kind(**values)
