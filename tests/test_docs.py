"""What the pages say is so: generated pages are up to date, links lead somewhere, commands are commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ircompile.cli import main, parse

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = {".py", ".j2", ".c", ".h", ".sh", ".js", ".css"}
LONG = {"templates/kernels/depthwise_strips.mve.c.j2"}
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@cache
def commands_of(page: Path) -> list[list[str]]:
    """The commands of a page's shell blocks, without prompts and comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_the_page_of_supported_operators_is_up_to_date() -> None:
    script = ROOT / "scripts" / "supported.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page has help as Python 3.11 lays it out")
def test_the_page_of_commands_is_up_to_date() -> None:
    script = ROOT / "scripts" / "commands.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_commands_to_check() -> None:
    assert sum(words[0] == "ircompile" for page in PAGES for words in commands_of(page)) > 10


@pytest.mark.parametrize("name", NAMES)
def test_every_command_on_a_page_is_one(name: str) -> None:
    for words in commands_of(ROOT / name):
        if words[0] == "ircompile":
            parse(words[1:])  # exits where it is none
        elif words[0] == "make":
            makefile = (ROOT / "Makefile").read_text()
            assert re.search(rf"^{re.escape(words[1])}:", makefile, flags=re.MULTILINE), words
        for word in words:
            if word.startswith(("examples/", "scripts/", "docs/", "tests/")):
                assert (ROOT / word).exists(), words


@pytest.mark.parametrize("name", NAMES)
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\(([^()\s]+)\)", page.read_text()):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file) if file else page
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", place.read_text(), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, target


def test_no_file_is_longer_than_contributing_says() -> None:
    rule = re.search(r"No file of code has more than (\d+) lines", (ROOT / "CONTRIBUTING.md").read_text())
    assert rule
    longest = int(rule[1])
    folders = ("ircompile", "templates", "tests", "scripts", "examples")
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in CODE]
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in files}
    assert len(lengths) > 500
    emitted = {name for name in lengths if name.startswith("tests/golden/")}
    assert {name: n for name, n in lengths.items() if n > longest and name not in emitted | LONG} == {}


@pytest.mark.thorough
def test_the_tutorial_from_pytorch_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    ran = []
    for words in commands_of(ROOT / "docs" / "tutorial-pytorch.md"):
        if words[0] == "ircompile" and words[1] not in ("bench", "quantize") and "numpy,host" not in words:
            assert main(words[1:]) == 0
            ran.append(words[1])
    assert ran == ["examples/digits/digits.onnx", "export"]
    assert (tmp_path / "out" / "digits" / "digits.html").exists()
    assert any((tmp_path / "out" / "project").iterdir())


@pytest.mark.toolchain
def test_the_tutorial_s_proof_and_counts_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(ROOT)
    for words in commands_of(ROOT / "docs" / "tutorial-pytorch.md"):
        if words[0] == "ircompile" and (words[1] == "bench" or "numpy,host" in words):
            assert main(words[1:]) == 0


@pytest.mark.thorough
def test_the_pictures_are_drawn_from_plans(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "pictures.py", tmp_path], check=True)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == sorted(path.name for path in (ROOT / "docs" / "pictures").iterdir())
    page = (ROOT / "docs" / "streaming.md").read_text()
    for name in drawn:
        ElementTree.parse(tmp_path / name)
        assert f"(pictures/{name})" in page


@pytest.mark.thorough
def test_the_site_builds_without_a_dead_link_and_loads_nothing(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("index.html"))
    assert len(pages) >= 15
    for page in pages:
        text = page.read_text()
        assert not re.search(r"""<(script|img|iframe)[^>]* src=["']?(https?:)?//""", text), page
        assert not re.search(
            r"""<link[^>]* rel=["']?(stylesheet|preconnect)["']?[^>]* href=["']?(https?:)?//""", text
        ), page
        assert "--8<--" not in text
