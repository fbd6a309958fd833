"""Damaged files through check, import and, now and then, a whole compile: an answer or a clear error, in bounds.

    PYTHONPATH=. .venv/bin/python tests/fuzz_files.py KIND FIRST COUNT [--compile EVERY] [--state FILE]

KIND is tflite or ir. Each case runs in a process of its own, within CPU seconds and bytes; what ends otherwise is
printed with its seed. FILE keeps the next seed, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

from mutations import write_damaged

import ircompile
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.passes import normalize, working
from ircompile.report.support import check_model

SECONDS, BYTES = 3, 700 * 2**20
TARGETS = ("cortex-m4", "cortex-m55", "cortex-m0plus", "host")


def attempt(kind: str, seed: int, folder: Path, whole: bool = False) -> str:
    """How a damaged file ends: "compiled", "read", or "refused"; anything but CompileError is raised."""
    path = write_damaged(kind, seed, folder)
    found = check_model(path)
    str([finding.hint for finding in found.findings])
    try:
        working(normalize(load(path)))
    except CompileError as error:
        text = str(error)
        assert not found.supported, f"check promises what import refuses: {text}"
        assert text.replace("\n", " ").isprintable(), repr(text)
        return "refused"
    assert found.supported, f"check refuses what is imported: {found.problems}"
    if not whole:
        return "read"
    try:
        ircompile.compile(str(path), TARGETS[seed % len(TARGETS)])
    except CompileError:
        return "refused"
    return "compiled"


def isolated(kind: str, seed: int, folder: Path, whole: bool) -> str:
    """The same in a process of its own; what is wrong as "FAILED ..."."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        seconds = SECONDS * (20 if whole else 1)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (4 * BYTES, 4 * BYTES))
        try:
            answer = attempt(kind, seed, folder, whole)
        except BaseException:  # whatever it is, it is a find
            answer = "FAILED\n" + traceback.format_exc(limit=-3)
        os.write(writer, answer.encode("utf-8", "replace")[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode()
    _, status, usage = os.wait4(child, 0)
    if not answer:
        return f"FAILED with status {status}: more than {SECONDS} seconds, or out of memory"
    if usage.ru_maxrss * 1024 > BYTES:
        return f"FAILED {usage.ru_maxrss >> 10} MB"
    return answer


def main() -> int:
    """Runs the cases; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("tflite", "ir"))
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--compile", type=int, default=0, metavar="EVERY")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    first = int(given.state.read_text()) if given.state and given.state.exists() else given.first
    verdicts = Counter[str]()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, given.first + given.count):
            whole = bool(given.compile) and seed % given.compile == 0
            answer = isolated(given.kind, seed, Path(folder), whole)
            verdicts[answer.split()[0]] += 1
            if answer.startswith("FAILED"):
                print(f"{given.kind} seed {seed}: {answer}", flush=True)
            if given.state:
                given.state.write_text(str(seed + 1))
    print(", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common()))
    return int("FAILED" in verdicts)


if __name__ == "__main__":
    sys.exit(main())
