"""Exports the network of the tests in any format, and runs the tools that build what was exported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ircompile.cli import main
from ircompile.verification.runners.build import EMITTED_FLAGS

BIN = Path(sys.executable).parent
WARNINGS = [flag for flag in EMITTED_FLAGS if not flag.startswith("-std")]


def exported(model: Path, form: str, folder: Path, *words: object, target: str = "host") -> Path:
    command = ["export", model, "--target", target, "--format", form, "-o", folder, *words]
    assert main([str(word) for word in command]) == 0
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".pack", ".bin"):
            assert "{{" not in path.read_text().replace("= {{", "")
            assert "/NAME" not in path.as_posix().removeprefix(str(folder))
    return folder


def call(command: Sequence[object], folder: Path, **environment: str) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cmake(source: Path, build: Path, *words: object, **environment: str) -> None:
    flags = "-DCMAKE_C_FLAGS=" + " ".join(flag for flag in WARNINGS if flag != "-pedantic")
    call(["cmake", "-S", source, "-B", build, "-G", "Unix Makefiles", flags, *words], source, **environment)
    call(["cmake", "--build", build], source, **environment)
