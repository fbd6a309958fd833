"""What `make fuzz` runs: it goes on where it stopped, and short slices of it find nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from c_fuzz import block
from long_run import EVERY, LongRun


def test_a_long_run_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "folder" / "state"
    first = LongRun(range(7, 100), state)
    for seed in range(7, 7 + EVERY + 3):  # the last three are lost, and done again
        first.note(seed, "equal")
    again = LongRun(range(7, 100), state)
    assert again.seeds == range(7 + EVERY, 100)
    for seed in again.seeds:
        again.note(seed, "wrong" if seed == 90 else "equal", find=seed == 90)
    assert again.finish() == 1
    assert capsys.readouterr().out.splitlines()[-1].split() == ["93", "seeds,", "1", "finds"]
    assert LongRun(range(7, 100), state).finds == [90]
    assert not LongRun(range(7, 100), state).seeds


@pytest.mark.toolchain
@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_random_networks_side_by_side_as_c(kind: str) -> None:
    pytest.importorskip("onnxruntime")
    ends = list(block(kind, range(6), ["gcc"]))
    assert {end for _, end, _ in ends} <= {"equal", "refused"}
    assert sum(end == "equal" for _, end, _ in ends) > 2
