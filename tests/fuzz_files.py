"""Damaged files through check, import and, now and then, a whole compile: an answer or a clear error, in bounds.

    PYTHONPATH=. .venv/bin/python tests/fuzz_files.py KIND FIRST COUNT [--compile EVERY] [--state FILE]

KIND is tflite, onnx or ir. A process judges many cases, each within CPU seconds and bytes; one that is late, large
or dead is judged again alone, and printed with its seed. FILE keeps the next seed and what was found, so that an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnx_mutation
from long_run import LongRun, begun, parser
from mutations import write_damaged

import ircompile
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.importers.onnx import folding
from ircompile.passes import normalize
from ircompile.report.support import check_model

SECONDS, COMPILE_SECONDS, BYTES = 3, 60, 700 * 2**20
BATCH = 500
TARGETS = ("cortex-m4", "cortex-m55", "cortex-m0plus", "host")
OURS = (AssertionError, MemoryError, RecursionError)
"""Causes of a refusal that say that the compiler is wrong, or its bounds are."""


class Late(BaseException):
    """A case took too long; nothing on its way catches this."""


def attempt(kind: str, seed: int, folder: Path, whole: bool = False) -> str:
    """How a damaged file ends: "compiled", "read", or "refused"; anything but CompileError is raised."""
    path = write_damaged(kind, seed, folder)
    found = check_model(path)
    str([finding.hint for finding in found.findings])
    try:
        normalize(load(path))
    except CompileError as error:
        text = str(error)
        assert not found.supported, f"check promises what import refuses: {text}"
        assert text.replace("\n", " ").isprintable(), repr(text)
        cause = error.__cause__
        assert not isinstance(cause, OURS), f"{cause!r} behind: {text}"
        return "refused"
    assert found.supported, f"check refuses what is imported: {found.problems}"
    if not whole:
        return "read"
    try:
        ircompile.compile(str(path), TARGETS[seed % len(TARGETS)], unverified=True).files()
    except CompileError:
        return "refused_by_compile"
    return "compiled"


def inference(command: list[str], **given: Any) -> subprocess.CompletedProcess[bytes]:
    """What ONNX's shape inference answers in a process of its own, which is forked: that is soon done."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            model = onnx.ModelProto.FromString(given["input"])
            inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).SerializeToString()
            with os.fdopen(writer, "wb") as answer:
                answer.write(inferred)
            os._exit(0)
        os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        output = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise subprocess.CalledProcessError(code, command)
    return subprocess.CompletedProcess(command, code, output)


def bounded(kind: str, seed: int, folder: Path, whole: bool) -> str:
    """How a case ends in this process; what is wrong as "FAILED ..."."""
    seconds, began = COMPILE_SECONDS if whole else SECONDS, time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(began) + seconds + 5, resource.RLIM_INFINITY))
    try:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = attempt(kind, seed, folder, whole)
    except BaseException:  # whatever it is, it is a find
        answer = "FAILED " + " ".join(traceback.format_exc(limit=-3).split())[-1500:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    took, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if took > seconds:
        return f"FAILED {took:.1f} s; {answer}"
    return f"FAILED {peak >> 10} MB; {answer}" if peak * 1024 > BYTES else answer


def late(*_: object) -> None:
    """What the timer of a case does."""
    raise Late


def judged(kind: str, seeds: range, every: int) -> Iterator[tuple[int, str]]:
    """Seeds and how they end, in processes of many cases; one that dies is told with status, and followed."""
    place = mmap.mmap(-1, 8)
    while seeds:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, 4 * BYTES))
            signal.signal(signal.SIGPROF, late)
            with os.fdopen(writer, "w", errors="replace") as answers, tempfile.TemporaryDirectory() as folder:
                for seed in seeds:
                    place[:] = struct.pack("q", seed)
                    answer = bounded(kind, seed, Path(folder), bool(every) and seed % every == 0)
                    print(seed, answer, file=answers, flush=True)
                    if answer.startswith("FAILED"):  # its memory, its timer: begin anew
                        break
            os._exit(0)
        os.close(writer)
        last = seeds[0] - 1
        with os.fdopen(reader, errors="replace") as pipe:
            for line in pipe:
                number, answer = line.rstrip("\n").split(" ", 1)
                last = int(number)
                yield last, answer
        status = os.waitpid(child, 0)[1]
        if status:
            last = struct.unpack("q", place[:])[0]
            yield last, f"FAILED with status {status}: more CPU seconds than allowed, or dead"
        seeds = range(last + 1, seeds.stop)


def run(kind: str, long: LongRun, every: int = 0) -> None:
    """Judges cases; failures are confirmed alone."""
    seeds = long.seeds
    for start in range(seeds.start, seeds.stop, BATCH):
        if kind == "onnx":  # drawn once, and handed to the processes
            onnx_mutation.origins(start)
        for seed, answer in judged(kind, range(start, min(start + BATCH, seeds.stop)), every):
            if answer.startswith("FAILED"):
                ((_, answer),) = judged(kind, range(seed, seed + 1), every)
            long.note(seed, answer, find=answer.startswith("FAILED"))


def main() -> int:
    """Runs the cases; 1 where one failed."""
    options = parser(__doc__, ("tflite", "onnx", "ir"))
    options.add_argument("--compile", type=int, default=0, metavar="EVERY", help="every so many are compiled")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    folding.subprocess.run = inference
    long = begun(given)
    run(given.kind, long, given.compile)
    return long.finish()


if __name__ == "__main__":
    sys.exit(main())
