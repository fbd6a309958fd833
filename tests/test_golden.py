"""The C of five small networks is what tests/golden has; `make golden` renews it, and git shows what has changed.

It is there to be read, and to show what a change of templates does; that the C is right is the ladder's to say.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from golden_nets import GOLDEN

import ircompile

FOLDER = Path(__file__).parent / "golden"


def golden_path(name: str) -> Path:
    """Where a network's C is."""
    return FOLDER / f"{name}_{GOLDEN[name].target.removeprefix('cortex-')}.c"


def emitted(name: str) -> str:
    """What the compiler emits of a network today, its weights left out."""
    golden = GOLDEN[name]
    text = ircompile.compile(golden.make(), golden.target, input=golden.mode, name=name).files()[f"{name}.c"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    assert emitted(name) == golden_path(name).read_text(), (
        "the emitted C has changed: `make golden` renews tests/golden"
    )


def test_no_other_file_is_there() -> None:
    assert sorted(FOLDER.iterdir()) == sorted(map(golden_path, GOLDEN))


def main() -> None:
    """Writes the C of all networks."""
    FOLDER.mkdir(exist_ok=True)
    for name in GOLDEN:
        golden_path(name).write_text(emitted(name))


if __name__ == "__main__":
    sys.exit(main())
