"""Call compilers and the tools beside them; what they say becomes a CompileError."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.target import Target

# What the emitted C must compile under without a word.
EMITTED_FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror")
HARNESS_FLAGS = ("-std=gnu11",)
_HINT = "'make setup' in a source checkout installs the tools; on Debian: apt-get install {}"
_PACKAGES = {
    "gcc": "gcc",
    "clang": "clang libclang-rt-dev",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
}


@dataclass(frozen=True)
class Sizes:
    """Bytes of the emitted objects, as the compiler made them.

    ``code`` and ``constants`` are those of NAME.c, ``weights`` is all of NAME_weights.c, ``static_ram`` is what
    any of them keeps in RAM besides the arena (0: the emitted C has no globals that change).
    """

    code: int
    constants: int
    weights: int
    static_ram: int

    @property
    def flash(self) -> int:
        """Everything that occupies flash."""
        return self.code + self.constants + self.weights


def call(
    command: Sequence[str | Path],
    where: str,
    *,
    timeout: float = 600.0,
    stdin: bytes = b"",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a tool, at most ``timeout`` seconds; CompileError when it is missing or takes longer."""
    tool = Path(command[0]).name
    try:
        return subprocess.run(
            [str(part) for part in command],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except FileNotFoundError as error:
        hint = _HINT.format(_PACKAGES[tool]) if tool in _PACKAGES else ""
        raise CompileError(where, f"'{tool}' is not installed", hint=hint) from error
    except subprocess.TimeoutExpired as error:
        raise CompileError(where, f"'{tool}' did not finish in {timeout:g} seconds") from error


def call_checked(command: Sequence[str | Path], where: str, what: str) -> str:
    """Run a tool and return what it prints; CompileError with its messages when it fails at ``what``."""
    done = call(command, where)
    if done.returncode:
        raise CompileError(where, f"{what} failed:\n{text_of(done.stderr) or text_of(done.stdout)}")
    return text_of(done.stdout)


def text_of(data: bytes) -> str:
    """Decode what a tool printed."""
    return data.decode("utf-8", "replace").strip()


def model_sources(directory: Path, name: str) -> list[Path]:
    """Return the model's C files: NAME.c, then every NAME_*.c (NAME_weights.c among them)."""
    main = directory / f"{name}.c"
    if not main.is_file():
        raise CompileError(str(directory), f"no {name}.c here to run")
    return [main, *sorted(directory.glob(f"{name}_*.c"))]


def compile_all(
    compiler: str, flags: Sequence[str | Path], sources: Sequence[Path], build: Path, where: str
) -> list[Path]:
    """Compile each source to an object of the same name in ``build``; return the objects."""
    objects = []
    for source in sources:
        target = build / f"{source.stem}.o"
        command = [compiler, *flags, "-c", source, "-o", target]
        call_checked(command, where, f"compiling {source.name} with {compiler}")
        objects.append(target)
    return objects


@contextmanager
def compiled(files: Mapping[str, str | bytes], name: str, target: Target, *more: str) -> Iterator[list[Path]]:
    """The objects of emitted files at the target's default optimization, and with ``more`` flags."""
    with tempfile.TemporaryDirectory() as folder:
        for file, contents in files.items():
            if isinstance(contents, str):
                (Path(folder) / file).write_text(contents, encoding="utf-8")
        flags = [*target.cflags, target.optimization, *EMITTED_FLAGS, *more]
        yield compile_all(target.compiler, flags, model_sources(Path(folder), name), Path(folder), name)


def measure_sizes(files: Mapping[str, str | bytes], name: str, target: Target) -> Sizes | None:
    """Sizes of emitted files, as the target's own compiler says; None where it is not installed.

    Raises CompileError with the compiler's words if it rejects the code.
    """
    if shutil.which(target.compiler) is None:
        return None
    with compiled(files, name, target) as objects:
        return object_sizes(target.compiler, objects, name)


def tool_beside(compiler: str, tool: str) -> str:
    """Return the name of a binary tool of the same toolchain: arm-none-eabi-gcc, size: arm-none-eabi-size."""
    return compiler.removesuffix("gcc") + tool if compiler.endswith("-gcc") else tool


def object_sizes(compiler: str, objects: Sequence[Path], where: str) -> Sizes:
    """Add up the sections of the emitted objects."""
    code = constants = weights = static_ram = 0
    for path in objects:
        listing = call_checked([tool_beside(compiler, "size"), "-A", path], where, "reading sizes")
        for line in listing.splitlines():
            if not line.startswith((".text", ".rodata", ".data", ".bss")):
                continue
            section, size = line.split()[:2]
            if section.startswith((".data", ".bss")) and not section.startswith(".data.rel.ro"):
                static_ram += int(size)
            elif path.stem.endswith("_weights"):
                weights += int(size)
            elif section.startswith(".text"):
                code += int(size)
            else:
                constants += int(size)
    return Sizes(code, constants, weights, static_ram)


def undefined_symbols(compiler: str, objects: Sequence[Path], where: str) -> tuple[str, ...]:
    """Return what the emitted objects take from libraries (memcpy, memset, __aeabi_...), sorted."""
    wanted: set[str] = set()
    defined: set[str] = set()
    listing = call_checked([tool_beside(compiler, "nm"), *objects], where, "reading symbols")
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) == 2 and fields[0] == "U":
            wanted.add(fields[1])
        elif len(fields) == 3:
            defined.add(fields[2])
    return tuple(sorted(wanted - defined))
