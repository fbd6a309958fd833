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
from packaging.requirements import Requirement

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


def other_python(version: str) -> str:
    """An interpreter of a version that runs here, on the path or of pyenv; skips where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for python in (f"python{version}", *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))):
        try:
            subprocess.run([python, "-c", "pass"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"no Python {version} here")


@pytest.mark.toolchain
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_wheel_is_read_without_a_warning_by_newer_pythons(built: Path, tmp_path: Path, version: str) -> None:
    """Syntax only, which needs nothing from the network; `make test-pythons` runs the tests."""
    python = other_python(version)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    call(python, "-W", "error", "-m", "compileall", "-q", tmp_path / "ircompile", folder=tmp_path)
    compiled = list((tmp_path / "ircompile").rglob(f"*.cpython-{version.replace('.', '')}.pyc"))
    assert len(compiled) == len(list((tmp_path / "ircompile").rglob("*.py")))


@pytest.mark.parametrize(
    ("version", "system", "wanted"),
    [
        ("3.11", "linux", {"onnxruntime", "ai-edge-litert", "pillow", "tflite-micro"}),
        ("3.11", "darwin", {"onnxruntime", "ai-edge-litert", "pillow"}),
        ("3.12", "linux", {"onnxruntime", "ai-edge-litert", "pillow"}),
        ("3.13", "linux", {"onnxruntime", "ai-edge-litert", "pillow"}),
    ],
)
def test_the_extra_of_references_has_what_each_python_can_have(version: str, system: str, wanted: set[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    place = {"python_version": version, "sys_platform": system}
    needed = map(Requirement, extras["verify"])
    assert {r.name for r in needed if r.marker is None or r.marker.evaluate(place)} == wanted


def test_the_metadata_names_pythons_and_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = {line.rsplit(" ", 1)[1] for line in project["classifiers"] if ":: Python :: 3." in line}
    assert versions == {"3.11", "3.12", "3.13"}
    assert {"verify", "train", "dev"} <= set(project["optional-dependencies"])
