"""Run emitted C on this machine, under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.interface import Interface
from ircompile.resources import templates_dir
from ircompile.runners import build, harness
from ircompile.runners.harness import RunResult, Vector

_SANITIZE = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1")
_ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
_PASSES = 2


def run_host(
    directory: Path,
    api: Interface,
    vectors: Sequence[Vector],
    *,
    compiler: str = "gcc",
    sanitize: bool = True,
    build_dir: Path | None = None,
    timeout: float = 600.0,
) -> RunResult:
    """Compile the model in ``directory`` with ``compiler`` ('gcc' or 'clang') and run every vector.

    With ``sanitize`` off it is built with -O2, for long runs over many pictures. Raises CompileError, with the
    tool's own words, for a missing compiler, any warning, a sanitizer's report, a byte written outside the
    arena, an output that depends on bytes never written, or more than ``timeout`` seconds.
    """
    where = f"{api.name} on the host ({compiler})"
    inputs = harness.encode_inputs(api, vectors, _PASSES)
    with harness.build_directory(build_dir) as folder:
        flags = ("-O1", *_SANITIZE) if sanitize else ("-O2",)
        sources = build.model_sources(directory, api.name)
        intrinsics = templates_dir() / "boards" / "host"  # a Cortex-M's DSP instructions, in plain C
        core: list[str | Path] = [*build.EMITTED_FLAGS, *flags, "-isystem", intrinsics]
        emitted = build.compile_all(compiler, core, sources, folder, where)
        program = _link(directory, api, len(vectors), compiler, flags, emitted, folder, where)
        done = build.call([program], where, timeout=timeout, stdin=inputs, environment=_ENVIRONMENT)
        if done.returncode:
            raise CompileError(where, harness.failure_text(done.stderr))
        sizes = None if sanitize else build.object_sizes(compiler, emitted, where)
        symbols = () if sanitize else build.undefined_symbols(compiler, emitted, where)
    return harness.decode_outputs(api, done.stdout, len(vectors), sizes, symbols)


def _link(
    directory: Path,
    api: Interface,
    vectors: int,
    compiler: str,
    flags: Sequence[str],
    emitted: Sequence[Path],
    folder: Path,
    where: str,
) -> Path:
    boards = templates_dir() / "boards"
    mains = harness.own_sources(api, directory, folder, vectors, _PASSES)
    own_flags: list[str | Path] = [*build.HARNESS_FLAGS, *flags, "-I", directory, "-I", boards]
    own = build.compile_all(compiler, own_flags, [*mains, boards / "h_host.c"], folder, where)
    program = folder / "program"
    build.call_checked([compiler, *flags, *own, *emitted, "-o", program], where, "linking")
    return program
