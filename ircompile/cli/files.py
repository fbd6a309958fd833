"""Writing files, all or none, and what they hash to."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from ircompile.errors import CompileError


def sha256(contents: str | bytes) -> str:
    """The hash of a file, in hexadecimal."""
    return hashlib.sha256(contents if isinstance(contents, bytes) else contents.encode()).hexdigest()


def write_files(folder: Path, files: dict[str, str | bytes]) -> list[str]:
    """Writes all files or none: each goes beside its place first, then all are moved there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".ircompile-", dir=folder) as fresh:
            for name, contents in files.items():
                data = contents if isinstance(contents, bytes) else contents.encode()
                (Path(fresh) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(fresh) / name).write_bytes(data)
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(fresh) / name).replace(folder / name)
    except OSError as error:
        raise CompileError(str(folder), f"cannot be written: {error.strerror}") from None
    return [str(folder / name) for name in files]
