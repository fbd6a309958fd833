"""Exports in any format: what is written again, kept, refused and said."""

from __future__ import annotations

from pathlib import Path

import pytest
from exporting import exported
from nets import Net

from ircompile.cli import main
from ircompile.export.projects import FORMATS, export
from ircompile.interface import InputMode
from ircompile.pipeline import build
from ircompile.target import load_target


def test_what_the_user_edited_stays(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = exported(model, "cmake", tmp_path / "net")
    (folder / "main.c").write_text("/* mine */")
    (folder / "model" / "net.c").write_text("/* old */")
    exported(model, "cmake", folder)
    assert (folder / "main.c").read_text() == "/* mine */"
    assert (folder / "model" / "net.c").read_text() != "/* old */"
    assert f"kept   {folder / 'main.c'}" in capsys.readouterr().out
    exported(model, "cmake", folder, "--force")
    assert (folder / "main.c").read_text() != "/* mine */"


def test_a_second_network_in_a_folder_is_said_not_to_be_built(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exported(model, "cmake", tmp_path / "net")
    exported(model, "cmake", folder)
    assert "notice" not in capsys.readouterr().out
    exported(model, "cmake", folder, "--name", "other")
    printed = capsys.readouterr().out
    assert (
        f"notice {folder / 'CMakeLists.txt'} does not build model/other.c, model/other_weights.c, model/" in printed
    )
    assert printed.count("notice") == 1
    exported(model, "cmake", folder, "--name", "other", "--force")
    assert "notice" not in capsys.readouterr().out


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMATS)
def test_the_same_bytes_every_time(form: str, model: Path, tmp_path: Path) -> None:
    once, again = (exported(model, form, tmp_path / name) for name in ("once", "again"))
    files = sorted(path.relative_to(once) for path in once.rglob("*") if path.is_file())
    assert all((once / name).read_bytes() == (again / name).read_bytes() for name in files)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "esp-idf", "--target", "m4"], "portable C"),
        (["--format", "platformio", "--target", "m85"], "no board with cortex-m85"),
        (["--format", "cmsis-pack", "--target", "m4", "--name", "a" * 33], "at most 32 characters"),
        (["--format", "cmake", "--target", "m4", "--inputs", "nothing.npz"], "cannot be read"),
    ],
)
def test_refusals_write_nothing(
    words: list[str], says: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(model), "-o", str(tmp_path / "out"), *words]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_every_readme_names_the_functions_that_take_pushed_rows(mode: InputMode) -> None:
    net = Net((9, 7, 3))
    net.conv("x", 2)
    compiled = build(net.graph(), load_target("cortex-m0plus"), "net", mode)
    for form in FORMATS:
        text = str(export(compiled, form).project["README.md"])
        assert ("`net_begin`, then `net_push_row` with each of the 9 rows" in text) == (mode == "rows")


@pytest.mark.parametrize("form", ["arduino", "cmsis-pack"])
def test_the_owner_says_where_a_library_is(form: str, model: Path, tmp_path: Path) -> None:
    folder = exported(model, form, tmp_path / "net", "--url", "https://my.site/net?a=1")
    text = "".join(path.read_text() for path in folder.glob("*.p[dr]*"))
    assert "https://my.site/net?a=1" in text
    words = ["export", str(model), "--target", "host", "--format", form, "-o", str(tmp_path / "x")]
    assert main([*words, "--url", "no <b>"]) == 2
