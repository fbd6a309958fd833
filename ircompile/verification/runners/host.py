"""Run emitted C on this machine, under the address and undefined-behaviour sanitizers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.interface import Interface
from ircompile.resources import templates_dir
from ircompile.verification.runners import build, harness
from ircompile.verification.runners.build import Sizes
from ircompile.verification.runners.harness import RunResult, Vector

_SANITIZE = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1")
_ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
_PASSES = 2
SANITIZED = "-O1"
"""How C is optimized that the sanitizers watch."""


@dataclass(frozen=True)
class HostProgram:
    """A model built for this machine, to be run as often as one likes."""

    api: Interface
    program: Path
    where: str
    sizes: Sizes | None
    library_symbols: tuple[str, ...]

    def run(self, vectors: Sequence[Vector], timeout: float = 600.0) -> RunResult:
        """Runs every vector in one process; raises CompileError as `run_host` does."""
        inputs = harness.encode_inputs(self.api, vectors, _PASSES)
        done = build.call([self.program], self.where, timeout=timeout, stdin=inputs, environment=_ENVIRONMENT)
        if done.returncode:
            raise CompileError(self.where, harness.failure_text(done.stderr))
        return harness.decode_outputs(self.api, done.stdout, len(vectors), self.sizes, self.library_symbols)


@contextmanager
def host_program(
    directory: Path, api: Interface, *, compiler: str = "gcc", sanitize: bool = True, restart: int = 0
) -> Iterator[HostProgram]:
    """The model in ``directory``, compiled with ``compiler`` ('gcc' or 'clang'), until the block ends.

    With ``sanitize`` off it is built with -O2, for long runs over many pictures. With ``restart``, a network with
    memory begins again before every so many vectors. Raises CompileError, with the
    tool's own words, for a missing compiler or any warning.
    """
    where = f"{api.name} on the host ({compiler})"
    with harness.build_folder() as folder:
        flags = (SANITIZED, *_SANITIZE) if sanitize else ("-O2",)
        sources = build.model_sources(directory, api.name)
        core: list[str | Path] = [*build.EMITTED_FLAGS, *flags]
        emitted = build.compile_all(compiler, core, sources, folder, where)
        mains = harness.own_sources(api, directory, folder, _PASSES, restart)
        boards, program = templates_dir() / "boards", folder / "program"
        own_flags: list[str | Path] = [*build.HARNESS_FLAGS, *flags, "-I", directory, "-I", boards]
        own = build.compile_all(compiler, own_flags, [*mains, boards / "h_host.c"], folder, where)
        build.call_checked([compiler, *flags, *own, *emitted, "-o", program], where, "linking")
        sizes = None if sanitize else build.object_sizes(compiler, emitted, where)
        symbols = () if sanitize else build.undefined_symbols(compiler, emitted, where)
        yield HostProgram(api, program, where, sizes, symbols)


def run_host(
    directory: Path,
    api: Interface,
    vectors: Sequence[Vector],
    *,
    compiler: str = "gcc",
    sanitize: bool = True,
    timeout: float = 600.0,
    restart: int = 0,
) -> RunResult:
    """Builds the model as `host_program` does, and runs every vector.

    Raises CompileError, besides, for a sanitizer's report, a byte written outside the arena, an output that
    depends on bytes never written, or more than ``timeout`` seconds.
    """
    with host_program(directory, api, compiler=compiler, sanitize=sanitize, restart=restart) as program:
        return program.run(vectors, timeout)
