"""Build a firmware of one's own around the emitted C, and run it on an emulated board."""

from collections.abc import Sequence
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.resources import templates_dir
from ircompile.target import EmulatedBoard, Target, load_emulated
from ircompile.verification.runners import build, harness

_STACK_BYTES = 16 * 1024
SECONDS = 120.0


def run_firmware(
    sources: Sequence[Path], includes: Sequence[Path], target: Target, defines: Sequence[str] = ()
) -> str:
    """Compiles C sources with a `main`, links the board's start-up and newlib, runs them; what they print.

    `defines` are macros: NAME or NAME=VALUE. Raises CompileError for a target without a board, missing tools, any
    warning, or an exit code that is not 0.
    """
    where = f"firmware on {target.name} under QEMU"
    if target.board is None:
        raise harness.no_board(where)
    board = load_emulated(target.board)
    core = [*target.cflags, target.optimization]
    with harness.build_folder() as folder:
        include = [*(f"-I{path.resolve()}" for path in includes), *(f"-D{macro}" for macro in defines)]
        flags = [*core, *build.EMITTED_FLAGS, *include]
        objects = build.compile_all(target.compiler, flags, [path.resolve() for path in sources], folder, where)
        start_up = templates_dir() / "boards" / "f_start.c"
        start = build.compile_all(target.compiler, [*core, "-std=gnu11"], [start_up], folder, where)
        script = _linker_script(board, folder / "board.ld")
        elf = folder / "firmware.elf"
        link = [target.compiler, *core, "--specs=rdimon.specs", "-nostartfiles", "-T", str(script)]
        build.call_checked([*link, *start, *objects, "-o", elf], where, "linking")
        done = build.call([*harness.emulator(board), "-kernel", elf], where, timeout=SECONDS)
    # QEMU warns that the board's network chip is not connected, whatever it is told.
    complaints = [line for line in done.stderr.splitlines(keepends=True) if b"has no peer" not in line]
    printed = (done.stdout + b"".join(complaints)).decode("utf-8", "replace")
    if done.returncode:
        raise CompileError(where, f"ended with exit code {done.returncode}:\n{printed.strip()}")
    return printed


def board_files(name: str) -> dict[str, str]:
    """The start-up code and the linker script of an emulated board, for a project of one's own."""
    with harness.build_folder() as folder:
        script = _linker_script(load_emulated(name), folder / "board.ld").read_text()
    return {"start.c": (templates_dir() / "boards" / "f_start.c").read_text(), "board.ld": script}


def _linker_script(board: EmulatedBoard, to: Path) -> Path:
    return harness.render(
        "board.ld.j2", to, board=board, regions=vars(board.memory), model_region="code", arena_region="ram",
        stack_bytes=_STACK_BYTES,
    )  # fmt: skip
