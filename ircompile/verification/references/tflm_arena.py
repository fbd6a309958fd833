"""What TFLite Micro would need, measured in a process of its own: its C++ may abort on what it refuses."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

SECONDS = 60
SCRIPT = """\
import json, pathlib, sys
from ircompile.verification.references.tflm import TflmReference
use = TflmReference(pathlib.Path(sys.argv[1])).arena_use()
print(json.dumps({"activations": use.head, "persistent": use.tail}))
"""


def measured_arena(model: Path) -> dict[str, int] | None:
    """Bytes of "activations" and of "persistent" structures (of 64-bit pointers) that TFLite Micro reports.

    None for models that are not TFLite or that it refuses, and where PyPI's tflite-micro is not installed.
    """
    if model.suffix != ".tflite" or importlib.util.find_spec("tflite_micro") is None:
        return None
    command = [sys.executable, "-c", SCRIPT, str(model)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
    except (subprocess.SubprocessError, OSError):
        return None
    use: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return use
