"""Run emitted C on an emulated Cortex-M board, and count what it executes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.interface import Interface
from ircompile.resources import templates_dir
from ircompile.target import EmulatedBoard, Target, load_emulated
from ircompile.verification.runners import build, counts, harness
from ircompile.verification.runners.harness import RunResult, Vector

_STACK_BYTES = 128 * 1024
_CODE_RESERVE = 256 * 1024  # room for code beside the weights
_RAM_RESERVE = 1024 * 1024  # room for the stack and the harness's buffers beside the arena


@dataclass(frozen=True)
class _Job:
    """What stays the same over the builds of one call."""

    directory: Path
    api: Interface
    target: Target
    board: EmulatedBoard
    optimization: str
    where: str
    restart: int = 0


def run_qemu(
    directory: Path,
    api: Interface,
    vectors: Sequence[Vector],
    target: Target,
    *,
    count: bool = False,
    optimization: str | None = None,
    timeout: float = 600.0,
    restart: int = 0,
) -> RunResult:
    """Compile the model in ``directory`` for ``target`` and run every vector on its emulated board.

    With ``count``, two more runs over the first vector count its instructions, in all and per layer.
    With ``restart``, a network with memory begins again before every so many vectors.
    ``optimization`` replaces the target's default -O flag. Raises CompileError, with the tool's own words, for
    a missing tool, any warning, a fault, a byte written outside the arena, an output that depends on bytes
    never written, or a run of more than ``timeout`` seconds.
    """
    where = f"{api.name} on {target.name} under QEMU"
    if target.board is None:
        raise harness.no_board(where)
    board = load_emulated(target.board)
    job = _Job(directory.resolve(), api, target, board, optimization or target.optimization, where, restart)
    inputs = harness.encode_inputs(api, vectors, passes=2)
    with harness.build_folder() as folder:
        elf, emitted = _build(job, folder / "run", passes=2, hooks=False)
        data = _execute(job, elf, inputs, timeout)
        sizes = build.object_sizes(target.compiler, emitted, where)
        symbols = build.undefined_symbols(target.compiler, emitted, where)
        result = harness.decode_outputs(api, data, len(vectors), sizes, symbols)
        if not count:
            return result
        one = harness.encode_inputs(api, vectors[:1], passes=1)
        plain = _count(job, folder / "count", one, timeout, hooks=False)
        hooked = _count(job, folder / "count-layers", one, timeout, hooks=True)
    return replace(result, counts=counts.make_counts(plain, hooked, target.cycles is not None))


def _count(job: _Job, folder: Path, inputs: bytes, timeout: float, hooks: bool) -> counts.Regions:
    elf, _ = _build(job, folder, passes=1, hooks=hooks)
    compiler = job.target.compiler
    symbols = counts.read_symbols(compiler, elf, job.where)
    out = folder / "counts.txt"
    plugin = counts.plugin_path(folder, job.where)
    argument = counts.plugin_argument(plugin, symbols, out)
    _execute(job, elf, inputs, timeout, ["-plugin", argument])
    return counts.sum_regions(compiler, elf, out, symbols, job.target, job.where)


def _build(job: _Job, folder: Path, passes: int, hooks: bool) -> tuple[Path, list[Path]]:
    """The program, and the objects of the emitted C in it."""
    folder.mkdir(parents=True, exist_ok=True)
    api, target, boards = job.api, job.target, templates_dir() / "boards"
    core = [*target.cflags, job.optimization]
    hook = _hook_flags(api.macro, boards) if hooks else build.EMITTED_FLAGS
    sources = build.model_sources(job.directory, api.name)
    emitted = build.compile_all(target.compiler, [*core, *hook], sources, folder, job.where)
    mains = harness.own_sources(api, job.directory, folder, passes, job.restart)
    own_flags: list[str | Path] = [*core, *build.HARNESS_FLAGS, "-I", job.directory, "-I", boards]
    if not target.features.unaligned:
        own_flags.append("-DH_TRAP_UNALIGNED")  # the board's core may be more lenient than the target
    own = build.compile_all(target.compiler, own_flags, [*mains, boards / "h_board.c"], folder, job.where)
    script = _linker_script(job, emitted, folder)
    elf = folder / "program.elf"
    command: list[str | Path] = [target.compiler, *core, "-nostartfiles", "-T", script, *own, *emitted, "-o", elf]
    build.call_checked(command, job.where, "linking")
    return elf, emitted


def _hook_flags(macro: str, boards: Path) -> list[str | Path]:
    hook = f"-D{macro}_HOOK(layer,phase)=H_HOOK(layer,phase)"
    return ["-std=c99", hook, "-include", boards / "h_hook.h"]


def _linker_script(job: _Job, emitted: Sequence[Path], folder: Path) -> Path:
    memory = job.board.memory
    sizes = build.object_sizes(job.target.compiler, emitted, job.where)
    fits_code = sizes.weights + _CODE_RESERVE <= memory.code.length
    fits_ram = job.api.arena_bytes + _RAM_RESERVE <= memory.ram.length
    return harness.render(
        "board.ld.j2",
        folder / "board.ld",
        board=job.board,
        regions=vars(memory),
        model_region="code" if fits_code else "model",
        arena_region="ram" if fits_ram else "big",
        stack_bytes=_STACK_BYTES,
    )


def _execute(job: _Job, elf: Path, inputs: bytes, timeout: float, extra: Sequence[str] = ()) -> bytes:
    folder = elf.parent
    (folder / "in.bin").write_bytes(inputs)
    out = folder / "out.bin"
    out.unlink(missing_ok=True)
    machine = harness.emulator(job.board)
    done = build.call([*machine, "-kernel", elf, *extra], job.where, timeout=timeout, cwd=folder)
    if done.returncode or not out.is_file():
        text = harness.failure_text(done.stderr, done.stdout)
        raise CompileError(job.where, text + _function_at(job, elf, text))
    return out.read_bytes()


def _function_at(job: _Job, elf: Path, text: str) -> str:
    """Name the function of a reported fault's program counter."""
    found = re.search(r"^FAULT:.* pc 0x([0-9a-f]+)", text)
    if not found:
        return ""
    tool = build.tool_beside(job.target.compiler, "addr2line")
    lines = build.call_checked([tool, "-f", "-e", elf, found[1]], job.where, "naming the function").splitlines()
    return f" in {lines[0]}" if lines and lines[0] != "??" else ""
