"""What `make bench` runs can be run."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_benchmarks_begin() -> None:
    """All that they import is there."""
    words = [sys.executable, ROOT / "benchmarks" / "run.py", "--help"]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert "--cores" in done.stdout
