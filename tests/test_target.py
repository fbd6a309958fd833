from __future__ import annotations

from pathlib import Path

import pytest

from ircompile.errors import CompileError
from ircompile.resources import targets_dir
from ircompile.target import list_targets, load_emulated, load_target

NAMES = [f"cortex-{core}" for core in ("m0plus", "m3", "m4", "m7", "m33", "m55", "m85")] + ["host"]


def test_all_targets_load_in_order() -> None:
    assert [target.name for target in list_targets()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_aliases_name_the_same_target(name: str) -> None:
    target = load_target(name)
    assert all(load_target(alias) == target for alias in target.aliases)
    assert name == "host" or load_target(name.removeprefix("cortex-")) == target


@pytest.mark.parametrize("name", NAMES[:-1])
def test_every_core_has_a_board(name: str) -> None:
    board = load_emulated(load_target(name).board or "")
    assert board.memory.code.length >= 512 * 1024


def test_aliases_are_unique() -> None:
    names = [alias for target in list_targets() for alias in (target.name, *target.aliases)]
    assert len(names) == len(set(names))


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(CompileError) as caught:
        load_target("cortex-m44")
    assert "did you mean cortex-m4?" in caught.value.hint
    assert "cortex-m0plus, cortex-m3" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cortex-m55f", "did you mean cortex-m55?"),
        ("cortex-a53", "'ircompile targets' describes them"),
        ("NUCLEO-F446RE", "that is a board: --board nucleo-f446re; 'ircompile"),
    ],
)
def test_what_an_unknown_name_may_be(name: str, hint: str) -> None:
    with pytest.raises(CompileError) as caught:
        load_target(name)
    assert caught.value.hint.startswith(hint)


def test_unknown_board() -> None:
    with pytest.raises(CompileError, match="mps2-an385"):
        load_emulated("arduino")


def test_own_file(tmp_path: Path) -> None:
    own = tmp_path / "my-chip.toml"
    text = (targets_dir() / "cortex-m4.toml").read_text()
    own.write_text(text.replace("-O2", "-Os"))
    target = load_target(str(own))
    assert (target.name, target.optimization) == ("my-chip", "-Os")
    assert target.features == load_target("m4").features


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dsp = true", "dps = true", "unknown key 'dps' (supported: dsp, mve, fpu, mul64, unaligned)"),
        ("dsp = true", "dsp = 1", "'dsp' is 1 (supported: a value of type bool)"),
        ("[features]", "[feature]", "table [features] is missing"),
        ("compiler =", "#", "key 'compiler' is missing"),
        ("compiler =", "compiler", "not valid TOML"),
        ('"-mthumb"', "7", "'cflags' is not a list of strings"),
    ],
)
def test_faulty_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    own = tmp_path / "mine.toml"
    own.write_text((targets_dir() / "cortex-m4.toml").read_text().replace(old, new))
    with pytest.raises(CompileError) as caught:
        load_target(str(own))
    assert f"{own}: " in str(caught.value)
    assert message in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="cannot be read"):
        load_target(str(tmp_path / "none.toml"))
