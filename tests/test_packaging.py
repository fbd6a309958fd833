"""The sdist and the wheel built of it: complete, and at work away from the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "digits" / "digits.onnx"


def call(*words: object, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, words)), cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    return folder


@pytest.mark.toolchain
def test_the_wheel_works_away_from_the_source_tree(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    place = tmp_path / "place"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", place)
    call(*pip, wheel, folder=tmp_path)
    away = {"PYTHONPATH": str(place)}
    where = call(sys.executable, "-c", "import ircompile; print(ircompile.__file__)", folder=tmp_path, **away)
    assert Path(where.strip()).is_relative_to(place)
    assert "cortex-m55" in call(sys.executable, "-m", "ircompile", "targets", folder=tmp_path, **away)
    command = (sys.executable, "-m", "ircompile", EXAMPLE, "--target", "m4", "--selftest", "-o", tmp_path / "out")
    call(*command, folder=tmp_path, **away)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"digits.c", "digits.h", "digits_weights.c", "digits_selftest.c", "digits.html"} <= names
    export = ("export", EXAMPLE, "--target", "m4", "--format", "zephyr", "-o", tmp_path / "zephyr")
    call(sys.executable, "-m", "ircompile", *export, folder=tmp_path, **away)
    assert (tmp_path / "zephyr" / "zephyr" / "module.yml").is_file()


@pytest.mark.toolchain
def test_every_data_file_is_inside(built: Path) -> None:
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    data = [path.relative_to(ROOT) for name in ("targets", "templates") for path in (ROOT / name).rglob("*.*")]
    wanted = {path.as_posix() for path in data if (ROOT / path).is_file()}
    with zipfile.ZipFile(wheel) as archive:
        assert {f"ircompile/_data/{name}" for name in wanted} <= set(archive.namelist())
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert wanted | {"LICENSE", "README.md", "pyproject.toml"} <= names


def test_the_metadata_names_pythons_and_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = {line.rsplit(" ", 1)[1] for line in project["classifiers"] if ":: Python :: 3." in line}
    assert versions == {"3.11", "3.12", "3.13"}
    assert {"verify", "train", "dev"} <= set(project["optional-dependencies"])
