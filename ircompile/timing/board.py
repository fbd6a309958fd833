"""Real boards: a core, its clock, its memories and how long each is waited for.

Each is a TOML file in targets/boards/. The emulated boards on which a target is checked are another kind:
`EmulatedBoard` in `target.py`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.resources import targets_dir
from ircompile.target import (
    MemoryRegion,
    SlowFlash,
    Target,
    build_record,
    list_targets,
    load_target,
    read_tables,
    read_toml,
    unknown_name,
)

SLOW = 1.0
"""Cycles a byte from which on a memory for constants is slow: internal flash takes up to 0.65, serial 2.5 to 17."""
FETCH = "fetch"
"""The name of that waiting time beside those of memories."""


@dataclass(frozen=True)
class BoardMemory:
    """A memory: its bytes, and `stall` cycles waited for each `line` bytes.

    What `cache` bytes in front of it hold is not waited for.
    """

    name: str
    bytes: int
    line: int = 4
    stall: float = 0
    cache: int = 0


@dataclass(frozen=True)
class Board:
    """A real board. `memory` are its RAMs and `flash` its memories for constants, the fastest first.

    `fetch` are the cycles that one instruction waits for code, on average; `milliwatts` what it draws while it
    computes, where that is published. `fitted` names the waiting times that were fitted to public measurements:
    "fetch", and the stalls of memories.
    """

    name: str
    description: str
    target: Target
    mhz: float
    fetch: float
    memory: tuple[BoardMemory, ...]
    flash: tuple[BoardMemory, ...]
    milliwatts: float | None = None
    fitted: tuple[str, ...] = ()

    @property
    def core(self) -> Target:
        """Its core, with its memories to plan for; of several flash memories, those that hold constants.

        Of slow ones, the first counts.
        """
        several, first = self.flash if len(self.flash) > 1 else (), self.flash[0]
        slow = first.cache and first.stall >= SLOW * first.line
        return replace(
            self.target,
            memory=tuple(MemoryRegion(memory.name, memory.bytes) for memory in self.memory),
            flash=tuple(MemoryRegion(memory.name, memory.bytes) for memory in several),
            slow_flash=SlowFlash(first.cache, first.stall / first.line) if slow else None,
        )


def list_boards() -> list[Board]:
    """Every board that ships with ircompile, by name."""
    return [_read(path) for path in sorted(_folder().glob("*.toml"))]


def load_board(name: str) -> Board:
    """The board called `name`, or described by the file if `name` ends in .toml.

    Raises CompileError for an unknown name, with the nearest known one, and for a faulty file.
    """
    if name.endswith(".toml"):
        return _read(Path(name))
    known = [path.stem for path in sorted(_folder().glob("*.toml"))]
    if name.lower() in known:
        return _read(_folder() / f"{name.lower()}.toml")
    core = any(name.lower() in (target.name, *target.aliases) for target in list_targets())
    instead = f"that is a core: --target {name.lower()}" if core else ""
    names = dict(zip(known, known, strict=True))
    raise unknown_name("board", name, known, names, "ircompile targets --boards", instead)


def core_of(target: str | Target | None, board: str | Board | None) -> tuple[Target, Board | None]:
    """The core to compile for, and the board if one is given: its core plans for the board's memories.

    Raises CompileError unless just one of the two is given, and for an unknown name.
    """
    if (target is None) == (board is None):
        given = "none is given" if board is None else "both are given"
        raise CompileError("target, board", given, 'one of them, such as "cortex-m4" or board="nucleo-f446re"')
    if board is not None:
        found = board if isinstance(board, Board) else load_board(board)
        return found.core, found
    return target if isinstance(target, Target) else load_target(str(target)), None


def board_text(board: Board, fitted: str) -> str:
    """A board as a file of one's own; `fitted` says in a comment where its waiting times come from."""
    lines = [f"# {fitted}", f'description = "{board.description}"', f'target = "{board.target.name}"']
    lines += [f"mhz = {board.mhz:g}", f"fetch = {board.fetch:.4g}"]
    if board.milliwatts is not None:
        lines.append(f"milliwatts = {board.milliwatts:g}")
    for kind, memories in (("memory", board.memory), ("flash", board.flash)):
        for memory in memories:
            lines += ["", f"[[{kind}]]", f'name = "{memory.name}"', f"bytes = {memory.bytes}"]
            lines += [f"line = {memory.line}", f"stall = {memory.stall:.4g}", f"cache = {memory.cache}"]
    return "\n".join(lines) + "\n"


def _folder() -> Path:
    return targets_dir() / "boards"


def _read(path: Path) -> Board:
    data = read_toml(path)
    for key in ("memory", "flash"):
        data[key] = tuple(build_record(BoardMemory, row, path) for row in read_tables(data, key, path))
        if not data[key]:
            raise CompileError(str(path), f"no [[{key}]]", "at least one, with name and bytes")
    data["fitted"] = tuple(data.get("fitted", ()))
    if "target" in data:
        data["target"] = load_target(str(data["target"]))
    return build_record(Board, {**data, "name": path.stem}, path)
