"""The public measurements, the bands that come of them, and the page that tells of both."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ircompile.timing.band import UNFITTED, UNMEASURED, band_of, blind_estimate, core_band, planned_bands, rows
from ircompile.timing.board import list_boards, load_board

ROOT = Path(__file__).parents[2]
CORES = sorted({row.core for row in rows()})


def test_nine_of_ten_rows_lie_in_a_band_of_at_most_a_quarter() -> None:
    """The bar of this project: of all public rows, and of one runtime's; fitted to them, and each left out."""
    found = rows()
    assert len(found) >= 20
    for runtime in ("", "TFLite Micro"):
        own = [row for row in found if row.measurement.runtime.startswith(runtime)]
        for errors in ([row.error for row in own], [row.blind_error for row in own]):
            inside = [abs(error) <= core_band(row.core) for row, error in zip(own, errors, strict=True)]
            assert sum(inside) >= 0.9 * len(own)
    assert max(map(core_band, CORES)) <= 0.25


def test_without_what_was_fitted_a_board_s_rows_lie_in_the_band_of_boards_without_rows() -> None:
    """Each measured board with the fetch of the others of its core in place of its own."""
    boards = {row.measurement.board: load_board(row.measurement.board) for row in rows()}
    outside = []
    for name, board in boards.items():
        others = [b.fetch for other, b in boards.items() if other != name and b.target == board.target]
        if not others:
            continue
        blind = replace(board, fetch=sum(others) / len(others))
        for row in (row for row in rows() if row.measurement.board == name):
            estimate = row.estimate + (blind.fetch - board.fetch) * row.instructions
            if abs(row.measurement.cycles / estimate - 1) > core_band(row.core) + UNFITTED:
                outside.append((name, row.measurement.model))
    assert len(outside) <= 0.1 * len(rows())


def test_a_blind_estimate_knows_nothing_of_its_row() -> None:
    """Whatever a board took for one network, its blind estimate for that stays what it was."""
    row, *others = sorted(rows(), key=lambda row: row.measurement.board != "nucleo-l4r5zi")
    slower = replace(row, measurement=replace(row.measurement, cycles=2 * row.measurement.cycles))
    assert blind_estimate(slower, others) == blind_estimate(row, others) == row.blind
    changed = [replace(o, measurement=replace(o.measurement, cycles=2 * o.measurement.cycles)) for o in others]
    assert blind_estimate(row, changed) > row.blind


def test_the_band_widens_with_what_is_not_known() -> None:
    fitted, unfitted, unmeasured = (load_board(n) for n in ("nucleo-f446re", "nrf52840-dk", "raspberry-pi-pico"))
    assert band_of(unfitted) == pytest.approx(band_of(fitted) + UNFITTED, abs=0.011)
    assert band_of(unmeasured) == UNMEASURED
    for board in list_boards():
        assert band_of(board, counted=False) > band_of(board)
    assert {board.target.name for board in list_boards()} <= set(planned_bands())


def test_the_page_of_timing_is_up_to_date() -> None:
    script = ROOT / "scripts" / "timing.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_measurement_says_whose_it_is() -> None:
    for row in rows():
        assert row.measurement.source
        assert row.measurement.cycles > 0
