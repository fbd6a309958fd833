"""What damaged files do to importers: whatever reading them makes Python raise becomes one clear error."""

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ircompile.errors import CompileError

DAMAGE = (
    ArithmeticError, AttributeError, BufferError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading nonsense raises. AssertionError is not among them: it says that we are wrong, not the file."""


@contextmanager
def refusing_damage(path: Path, supported: str) -> Iterator[None]:
    """Raises CompileError, with its cause, where reading `path` raises one of `DAMAGE`."""
    try:
        yield
    except DAMAGE as error:
        what = f"{type(error).__name__}: {printable(str(error))[:200]}"
        raise CompileError(
            str(path), f"is damaged, or not what it seems: {what}", supported, "copy or convert the file again"
        ) from error


def printable(text: str) -> str:
    """The text with a question mark for each character that could steer a terminal, or turn its writing round."""
    return "".join(c if c.isprintable() else "?" for c in text)
