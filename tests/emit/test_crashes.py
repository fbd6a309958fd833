"""A few compilations that are killed, and a few full disks; `tests/crashes.py` runs thousands."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from crashes import kills

SCRIPT = Path(__file__).parents[1] / "crashes.py"


@pytest.mark.thorough
def test_killed_compilations() -> None:
    assert kills(6, random.Random(1)) == 0


@pytest.mark.thorough
def test_full_disks() -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this system gives no mounts of one's own")
    done = subprocess.run([sys.executable, SCRIPT, "full", "8"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 mixed" in done.stdout
