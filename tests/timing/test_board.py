"""Boards: every fact has its source, and what is faulty is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ircompile.errors import CompileError
from ircompile.resources import targets_dir
from ircompile.target import list_targets
from ircompile.timing.board import board_text, list_boards, load_board

FILES = sorted((targets_dir() / "boards").glob("*.toml"))
NAMED = [
    *("nucleo-f446re", "nucleo-l4r5zi", "nucleo-h753zi", "nucleo-u575zi-q", "nucleo-n657x0-q", "nrf52840-dk"),
    *("nrf5340-dk", "raspberry-pi-pico", "raspberry-pi-pico-2", "ek-ra6m4", "ek-ra8d1", "frdm-mcxn947"),
    *("arduino-nano-33-ble", "portenta-h7", "apollo4p-evb", "apollo510-evb"),
]


def test_the_boards_are_there() -> None:
    assert set(NAMED) <= {board.name for board in list_boards()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fact_has_its_source(path: Path) -> None:
    for line in path.read_text().splitlines():
        key = line.partition(" = ")[0]
        if key not in ("", "description", "target", "name") and not line.startswith("["):
            assert len(line.partition(" # ")[2]) > 5, line


@pytest.mark.parametrize("board", list_boards(), ids=lambda board: board.name)
def test_boards_are_plausible(board) -> None:  # type: ignore[no-untyped-def]
    assert board.target in list_targets()
    assert 16 <= board.mhz <= 1000
    assert 0 <= board.fetch < 1
    for memory in (*board.memory, *board.flash):
        assert memory.bytes >= 16 * 1024
        assert (memory.stall > 0) or not memory.cache
    assert [region.name for region in board.core.memory] == [memory.name for memory in board.memory]


def test_a_board_of_one_s_own(tmp_path: Path) -> None:
    board = load_board("portenta-h7")
    (tmp_path / "mine.toml").write_text(board_text(board, "by hand"))
    mine = load_board(str(tmp_path / "mine.toml"))
    assert mine.name == "mine"
    assert (mine.memory, mine.flash, mine.fetch, mine.mhz) == (board.memory, board.flash, board.fetch, board.mhz)


def test_a_misspelled_board() -> None:
    with pytest.raises(CompileError) as caught:
        load_board("nucleo-f446")
    assert "did you mean nucleo-f446re?" in caught.value.hint
    with pytest.raises(CompileError, match="that is a core: --target cortex-m4"):
        load_board("cortex-m4")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mhz = 180", "mhz = 'fast'", "'mhz' is 'fast'"),
        ("[[flash]]", "[[flesh]]", "no [[flash]]"),
        ("stall =", "stalls =", "unknown key 'stalls'"),
        ('"cortex-m4"', '"cortex-m44"', "unknown target"),
    ],
)
def test_a_faulty_file(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = (targets_dir() / "boards" / "nucleo-f446re.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    with pytest.raises(CompileError) as caught:
        load_board(str(tmp_path / "mine.toml"))
    assert message in str(caught.value)
