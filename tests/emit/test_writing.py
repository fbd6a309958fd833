"""Files that belong together: all of them or none, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nets import Net

from ircompile.emit.writing import STAGING, write_files
from ircompile.errors import CompileError
from ircompile.pipeline import Compiled, build
from ircompile.target import load_target

NAMES = ("net.h", "net.c", "net_weights.c", "src/net.html", "net.json")
KILLS = int(os.environ.get("IRCOMPILE_KILLS", "4"))
"""Of a process that writes; more of them by hand."""
WRITER = """
import sys
from pathlib import Path
from ircompile.emit.writing import write_files
names = sys.argv[2:]
for turn in range(100_000):
    write_files(Path(sys.argv[1]), {name: f"{turn}\\n" * 2000 for name in names})
"""


def versions(folder: Path, names: tuple[str, ...] = NAMES) -> list[str]:
    """The contents of all files of a folder: one version, or none at all."""
    return [(folder / name).read_text() for name in names]


def compiled_net(channels: int) -> Compiled:
    net = Net((9, 7, 3))
    net.conv("x", channels, (3, 3), (2, 2), relu=True)
    return build(net.graph(), load_target("host"), "net")


def test_folders_are_made_and_files_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    for text in ("old", "new"):
        assert write_files(folder, dict.fromkeys(NAMES, text)) == [folder / name for name in NAMES]
        assert versions(folder) == [text] * len(NAMES)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["a", "b", "src", *map(base, NAMES)])


def base(name: str) -> str:
    return name.rpartition("/")[2]


def test_files_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "deep" / "main.c").write_text("mine")
    for text in ("old", "new"):
        write_files(tmp_path / "out", dict.fromkeys(NAMES, text))
        assert versions(tmp_path / "out") == [text] * len(NAMES)
    assert (tmp_path / "out" / "deep" / "main.c").read_text() == "mine"
    assert not list(tmp_path.rglob(f"{STAGING}*"))


def test_a_link_to_a_folder_stays_one(tmp_path: Path) -> None:
    write_files(tmp_path / "real", {"net.c": "old"})
    (tmp_path / "link").symlink_to("real")
    write_files(tmp_path / "link", {"net.c": "new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "net.c").read_text() == "new"


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("way", ["net.c/", "src", "net.json/"])
def test_what_stands_in_the_way_leaves_the_old_files(way: str, foreign: bool, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    old = tuple(name for name in NAMES if not name.startswith(way.rstrip("/")))
    write_files(folder, dict.fromkeys(old, "old"))
    (folder / way).mkdir() if way.endswith("/") else (folder / way).write_text("a file, not a folder")
    if foreign:
        (folder / "main.c").write_text("mine")
    with pytest.raises(CompileError, match="cannot be written"):
        write_files(folder, dict.fromkeys(NAMES, "new"))
    assert versions(folder, old) == ["old"] * len(old)
    assert not list(tmp_path.rglob(f"{STAGING}*"))


def test_a_file_where_the_folder_is_to_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for folder in (tmp_path / "out", tmp_path / "out" / "deep"):
        with pytest.raises(CompileError, match="cannot be written"):
            write_files(folder, dict.fromkeys(NAMES, "new"))
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("fails", range(len(NAMES)))
def test_a_move_that_fails_is_undone(fails: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with files of others, which are moved one by one; one of ours was not there."""
    folder, real, left = tmp_path / "out", Path.replace, [fails]
    old = NAMES[:3]
    write_files(folder, dict.fromkeys((*old, "main.c"), "old"))

    def replace(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == -1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(CompileError, match="No space left"):
        write_files(folder, dict.fromkeys(NAMES, "new"))
    assert versions(folder, old) == ["old"] * 3
    assert sorted(path.name for path in folder.rglob("*")) == sorted((*old, "main.c"))


@pytest.mark.thorough
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("room", [0, 3000, 9000])
def test_a_full_disk_leaves_what_was_there(room: int, there: bool, tmp_path: Path) -> None:
    """A process whose files may have no more than `room` bytes each: the write fails as on a full disk."""
    folder = tmp_path / "out"
    if there:
        write_files(folder, dict.fromkeys(NAMES, "old"))
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from ircompile.emit.writing import write_files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        f"write_files(Path(sys.argv[1]), {{n: 'x' * 10000 for n in {NAMES!r}}})\n"
    )
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=False)
    assert "cannot be written: File too large" in done.stderr
    assert folder.exists() == there
    if there:
        assert versions(folder) == ["old"] * len(NAMES)
    assert not list(tmp_path.rglob(f"{STAGING}*"))


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="folders are exchanged in one step on Linux")
def test_a_process_killed_at_any_moment_leaves_one_version(tmp_path: Path) -> None:
    rng, folder = random.Random(5), tmp_path / "out"
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", WRITER, folder, *NAMES]) as process:
            start = time.monotonic()
            while not folder.exists() and time.monotonic() < start + 60:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
        assert len(set(versions(folder))) == 1


@pytest.mark.toolchain
@pytest.mark.parametrize("odd", ["net.h", "net.c", "net_weights.c"])
def test_the_compiler_refuses_files_of_two_compilations(odd: str, tmp_path: Path) -> None:
    files, others = compiled_net(8).files(), compiled_net(9).files()
    for name, text in ({**files, odd: others[odd]}).items():
        (tmp_path / name).write_text(str(text))
    words = ["gcc", "-std=c99", "-c", "net.c", "net_weights.c"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "are not from one compilation" in done.stderr
    assert done.returncode != 0


def test_the_same_compilation_has_the_same_hash() -> None:
    assert compiled_net(8).files() == compiled_net(8).files()


def run(*words: str | bytes, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "ircompile", *words]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False)


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [("targets",), ("targets", "--json"), ("completion", "bash")])
def test_a_full_output_is_told(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(*words, stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: output: cannot be read or written: No space left on device")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux")
def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.onnx"
    Path(os.fsdecode(name)).write_bytes(b"")
    for words in ((name, "--target", "m4"), (b"check", name)):
        done = run(*words)
        assert done.returncode == 2
        assert b"caf\\xe9.onnx' is not UTF-8" in done.stderr
