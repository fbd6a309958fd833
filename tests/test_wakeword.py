"""The example that listens: it hears the rising whistle, and nothing else, in NumPy and on the emulated board."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_calls
from ircompile.ir.tensor import Array
from ircompile.passes import normalize

EXAMPLE = Path(__file__).parents[1] / "examples" / "wakeword"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[Graph, Array]:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    for name in ("detector", "listen"):
        sys.modules.pop(name, None)
    from detector import detector, sounds

    return normalize(detector()), sounds()


def probabilities(graph: Graph, rows: Array) -> list[float]:
    name = graph.input_names[0]
    calls = [{name: three.reshape(3, 1, 40)} for three in rows.reshape(-1, 3, 40)]
    return [(int(out[graph.output_names[0]][0, 0, 0]) + 128) / 256 for out in run_calls(graph, calls)]


def test_it_hears_the_rising_whistle_and_nothing_else(parts: tuple[Graph, Array]) -> None:
    graph, rows = parts
    heard = probabilities(graph, rows)
    loud = [number for number, value in enumerate(heard) if value > 0.5]
    assert loud, "nothing was heard"
    assert all(2.2 < 0.03 * (number + 1) < 2.55 for number in loud)
    assert [*graph.history.values()] == [19], "the window is a ring"


@pytest.mark.toolchain
def test_the_board_says_the_same(parts: tuple[Graph, Array]) -> None:
    from listen import draw, listen

    graph, rows = parts
    compiled, codes = listen(graph, rows, "cortex-m4")
    assert np.allclose([(code + 128) / 256 for code in codes], probabilities(graph, rows))
    drawn = draw(compiled, codes)
    assert f"{compiled.interface.state_bytes:,} are kept" in drawn
    assert "a second of audio" in drawn
