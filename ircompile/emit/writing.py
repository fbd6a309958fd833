"""Writing files that belong together: all or none, also where the process is killed or the disk is full.

Everything is first written beside its place. A folder that is not there yet appears by one rename. A folder that
holds nothing but files that are written anew is exchanged for the new one in one step, where the system can. In any
other folder the files are moved in one by one, the last one given last; what fails in between is undone.
"""

import ctypes
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError, cause_of

Files = Mapping[str, str | bytes]
"""Contents by path within the folder, with slashes."""
STAGING = ".ircompile-"
"""How folders begin that hold files on their way; what a killed process left of them is removed by a later one."""
DAY = 24 * 3600
"""Seconds after which files on their way belong to no running process."""
_HERE = -100  # AT_FDCWD of Linux: paths are relative to the working folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS


def sha256(contents: str | bytes) -> str:
    """The hash of a file, in hexadecimal."""
    return hashlib.sha256(contents if isinstance(contents, bytes) else contents.encode()).hexdigest()


def write_files(folder: Path, files: Files) -> list[Path]:
    """Writes all files or none; returns their paths. Folders are made as need be.

    Raises CompileError where the folder cannot be written, with all old files in their places.
    """
    real = Path(os.path.realpath(folder))
    made = _missing(real.parent)
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        _check_places(real, files)
        with tempfile.TemporaryDirectory(
            prefix=STAGING, dir=_staging_place(real), ignore_cleanup_errors=True
        ) as at:
            staged = Path(at) / "files"
            _stage(staged, files)
            if not real.exists():
                staged.rename(real)
            elif not (_only_ours(real, files) and _exchange(staged, real)):
                _move_in(staged, real, Path(at) / "old", files)
    except OSError as error:
        for empty in made:
            _remove_empty(empty)
        raise CompileError(str(folder), f"cannot be written: {reason(error)}", hint=_hint(error)) from None
    _sweep(real)
    return [folder / name for name in files]


def reason(error: OSError) -> str:
    """What the system says is wrong, and of which file."""
    return f"{cause_of(error)}: {error.filename}" if error.filename else cause_of(error)


def _hint(error: OSError) -> str:
    return "all files that were there are as they were" if error.errno else ""


def _missing(folder: Path) -> list[Path]:
    """The folders that are to be made, the innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def _check_places(folder: Path, files: Files) -> None:
    """Raises OSError where something stands in the way of a file, before anything is moved."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(folder))
    for name in files:
        place = folder / name
        if place.is_dir() and not place.is_symlink():
            raise IsADirectoryError(21, "Is a directory", str(place))
        for above in place.relative_to(folder).parents:
            if (folder / above).exists() and not (folder / above).is_dir():
                raise NotADirectoryError(20, "Not a directory", str(folder / above))


def _staging_place(folder: Path) -> Path:
    """Where files are written first: in the same file system, and where new files may be made."""
    beside = folder.parent
    if not folder.exists():
        return beside
    same = folder.stat().st_dev == beside.stat().st_dev
    return beside if same and os.access(beside, os.W_OK) else folder


def _stage(folder: Path, files: Files) -> None:
    """Writes the files into a new folder, and waits until they are on the disk."""
    folder.mkdir()
    for name, contents in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            file.write(contents if isinstance(contents, bytes) else contents.encode())
            file.flush()
            os.fsync(file.fileno())


def _only_ours(folder: Path, files: Files) -> bool:
    """Whether a folder can be exchanged: every file in it is written anew, and nobody works in it."""
    if folder in (Path.cwd(), *Path.cwd().parents):
        return False
    for place in folder.rglob("*"):
        if place.is_symlink() or not (place.is_dir() or place.relative_to(folder).as_posix() in files):
            return False
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders in one step; False where the system cannot."""
    libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    names = os.fsencode(one), os.fsencode(other)
    shutil.copymode(other, one)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        return bool(libc.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(*names, _EXCHANGE) == 0)
    return False


def _move_in(staged: Path, folder: Path, old: Path, files: Files) -> None:
    """Moves files into a folder one by one; where one cannot, puts the old ones back and raises OSError."""
    kept: list[str] = []
    moved: list[str] = []
    made = [each for name in files for each in _missing((folder / name).parent)]
    try:
        for name in files:
            place, back = folder / name, old / name
            if place.exists() or place.is_symlink():
                back.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(place, back, follow_symlinks=False)
                kept.append(name)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            moved.append(name)
            (staged / name).replace(folder / name)
    except BaseException:
        for name in moved:
            if name in kept:
                (old / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
        for empty in made:
            _remove_empty(empty)
        raise


def _remove_empty(folder: Path) -> None:
    """Removes a folder if it is there and empty."""
    try:
        folder.rmdir()
    except OSError:
        return


def _sweep(folder: Path) -> None:
    """Removes what a process that was killed more than a day ago left of files on their way to this folder."""
    for left in (*folder.glob(f"{STAGING}*"), *folder.parent.glob(f"{STAGING}*")):
        try:
            stale = left.is_dir() and not left.is_symlink() and time.time() - left.stat().st_mtime > DAY
        except OSError:  # another process has just removed it
            continue
        if stale:
            shutil.rmtree(left, ignore_errors=True)
