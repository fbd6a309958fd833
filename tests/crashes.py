"""Compilations that are killed, and disks that are full: the files of one version are there, or none.

    PYTHONPATH=. .venv/bin/python tests/crashes.py kills COUNT
    PYTHONPATH=. .venv/bin/python tests/crashes.py full COUNT

A kill is SIGKILL at a random moment of a whole compilation, in a process of its own. A full disk is a tmpfs of this
process alone (`unshare`, without root where the system allows it), with room for a random part of the files.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nets import Net

import ircompile
from ircompile.emit.writing import STAGING, write_files
from ircompile.errors import CompileError
from ircompile.ir.graph import Graph

Files = dict[str, bytes]
INSIDE = "IRCOMPILE_CRASHES_INSIDE"
"""Set in the process that may mount."""


def network(channels: int) -> Graph:
    """A small network; another number of channels gives other files."""
    net = Net((9, 7, 3))
    net.conv("x", channels, (3, 3), (2, 2), relu=True)
    return net.graph()


def files_of(folder: Path) -> Files:
    """All files of a folder but those on their way."""
    found = [path for path in folder.rglob("*") if path.is_file() and STAGING not in str(path)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def compile_into(folder: Path, channels: int) -> None:
    """A whole compilation, written."""
    ircompile.compile(network(channels), "cortex-m4").write(folder)


def whole(folder: Path) -> tuple[list[Files], float]:
    """The files of both versions, and the CPU seconds that a compilation takes in a process that is forked."""
    versions = []
    for channels in (5, 6):
        compile_into(folder / str(channels), channels)
        versions.append(files_of(folder / str(channels)))
    assert versions[0] != versions[1]
    child = os.fork()
    if not child:
        compile_into(folder / "6", 6)
        os._exit(0)
    usage = os.wait4(child, 0)[2]
    return versions, usage.ru_utime + usage.ru_stime


def wait(process: int, seconds: float) -> None:
    """Until a process has had so many CPU seconds, or has ended."""
    clock = (~process << 3) | 2  # Linux: the CPU time of another process
    while time.clock_gettime(clock) < seconds and not os.waitid(
        os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT
    ):
        time.sleep(2e-4)


def kills(count: int, rng: random.Random) -> int:
    """Kills compilations; returns how many left anything but one version."""
    mixed, seen = 0, [0, 0, 0]
    with tempfile.TemporaryDirectory() as place:
        versions, seconds = whole(Path(place))
        folder = Path(place) / "out"
        for number in range(count):
            child = os.fork()
            if not child:
                compile_into(folder, 5 + number % 2)
                os._exit(0)
            # the end, where files are written, is what matters most
            wait(child, seconds * (rng.uniform(0, 1.2) if rng.random() < 0.3 else rng.triangular(0.8, 1.3)))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            found = files_of(folder) if folder.exists() else {}
            if found and found not in versions:
                mixed += 1
                print(f"kill {number}: {sorted(found)}", flush=True)
            seen[versions.index(found) if found in versions else 2] += 1
            for left in Path(place).glob(f"{STAGING}*"):
                shutil.rmtree(left, ignore_errors=True)
            if found and rng.random() < 0.2:
                shutil.rmtree(folder)
    print(f"{count} kills, {mixed} mixed; afterwards there were version 1, 2, none: {seen}")
    return mixed


def full(count: int, rng: random.Random) -> int:
    """Writes onto full disks; returns how many left anything but what was there, or all that is new."""
    mixed, written = 0, 0
    with tempfile.TemporaryDirectory() as place:
        versions, _ = whole(Path(place))
        needed = sum(len(contents) // 4096 + 1 for contents in versions[1].values())
        disk = Path(place) / "disk"
        disk.mkdir()
        for number in range(count):
            mount("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk))
            folder, old = disk / "out", rng.random() < 0.7
            if old:
                write_files(folder, versions[0])
            if rng.random() < 0.3:
                (disk / "out").mkdir(exist_ok=True)
                (disk / "out" / "mine.c").write_text("mine")
            before = files_of(folder) if folder.exists() else {}
            pages = shutil.disk_usage(disk).used // 4096 + rng.randint(0, needed + 2)
            mount("mount", "-o", f"remount,size={pages * 4096}", str(disk))
            try:
                write_files(folder, versions[1])
                expected = {**before, **versions[1]}
                written += 1
            except CompileError:
                expected = before
            found = files_of(folder) if folder.exists() else {}
            if found != expected or list(disk.rglob(f"{STAGING}*")):
                mixed += 1
                print(f"disk {number}: {sorted(found)}", flush=True)
            mount("umount", str(disk))
    print(f"{count} disks, {written} with room enough, {mixed} mixed")
    return mixed


def mount(*command: str) -> None:
    """Runs mount or umount."""
    subprocess.run(command, check=True)


def main(kind: str, count: int) -> int:
    """Runs the cases; 1 where one failed."""
    rng = random.Random(int(os.environ.get("IRCOMPILE_SEED", "0")))
    if kind == "kills":
        return int(kills(count, rng) > 0)
    if INSIDE not in os.environ:
        command = ["unshare", "--map-root-user", "--mount", sys.executable, *sys.argv]
        return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode
    return int(full(count, rng) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
