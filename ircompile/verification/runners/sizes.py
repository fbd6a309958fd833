"""What the emitted C occupies in flash, as the target's own compiler says."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ircompile.target import Target
from ircompile.verification.runners.build import EMITTED_FLAGS, Sizes, compile_all, model_sources, object_sizes


def measure_sizes(files: Mapping[str, str | bytes], name: str, target: Target) -> Sizes | None:
    """Sizes of the emitted files at the target's default optimization; None where its compiler is not installed.

    Raises CompileError with the compiler's words if it rejects the code.
    """
    if shutil.which(target.compiler) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for file, contents in files.items():
            if isinstance(contents, str):
                (Path(folder) / file).write_text(contents, encoding="utf-8")
        flags = [*target.cflags, target.optimization, *EMITTED_FLAGS]
        sources = model_sources(Path(folder), name)
        objects = compile_all(target.compiler, flags, sources, Path(folder), name)
        return object_sizes(target.compiler, objects, name)
