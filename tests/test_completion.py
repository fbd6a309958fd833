"""Shell completion: bash runs the script, as it would at the Tab key."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ircompile.cli import main
from ircompile.cli.completion import SHELLS, script
from ircompile.cli.tree import NAMES

SOURCE = """
source {script}
COMP_WORDS=({words})
COMP_CWORD={at}
_ircompile 2>errors
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    (folder / "script").write_text(script("bash"))
    for name in ("net.tflite", "my net.onnx", "notes.md", "mine.toml", "labels.csv"):
        (folder / name).touch()
    (folder / "models").mkdir()
    return folder


def completed(place: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    quoted = " ".join(f"'{word}'" for word in words)
    text = SOURCE.format(script=place / "script", words=quoted, at=len(words) - 1)
    done = subprocess.run([bash, "--norc", "-c", text], cwd=place, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.splitlines()) - {""}


def test_commands_and_models_come_first(place: Path) -> None:
    assert completed(place, "ircompile", "") == {*NAMES, "net.tflite", "my net.onnx", "models"}
    assert completed(place, "ircompile", "e") == {"explore", "export"}
    assert completed(place, "ircompile", "net") == {"net.tflite"}
    assert completed(place, "ircompile", "--v") == {"--version"}


@pytest.mark.parametrize("before", [("net.tflite",), ("compile", "net.tflite"), ("verify", "my net.onnx")])
def test_options_and_their_values(place: Path, before: tuple[str, ...]) -> None:
    start = ("ircompile", *before)
    assert {"--target", "--ram", "--accuracy", "--isolated"} <= completed(place, *start, "--")
    assert completed(place, *start, "--acc") == {"--accuracy"}
    assert completed(place, *start, "--target", "cortex-m5") == {"cortex-m55"}
    assert {"m4", "mine.toml"} <= completed(place, *start, "--target", "m")
    assert completed(place, *start, "--input", "") == {"resident", "rows"}
    assert completed(place, *start, "--target", "m4", "--numerics", "l") == {"litert-ref"}
    assert completed(place, *start, "--accuracy", "") == {"models"}
    assert completed(place, *start, "--labels", "l") == {"labels.csv"}


def test_what_only_some_commands_have(place: Path) -> None:
    assert completed(place, "ircompile", "verify", "net.tflite", "--ag") == {"--against"}
    assert completed(place, "ircompile", "net.tflite", "--ag") == set()
    assert completed(place, "ircompile", "verify", "net.tflite", "--on", "numpy,host,") == {"numpy,host,qemu"}
    assert completed(place, "ircompile", "check", "") == {"net.tflite", "my net.onnx", "models"}
    assert completed(place, "ircompile", "sweep", "mobilenet_v2") == {"mobilenet_v2"}
    assert completed(place, "ircompile", "completion", "") == set(SHELLS)
    assert completed(place, "ircompile", "export", "net.tflite", "--format", "c") == {"cmake", "cmsis-pack"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_s_script_is_printed_and_parsed(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*NAMES, "--accuracy", "cortex-m55", "*.tflite"))
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell}: the text was looked at, not parsed")
    (tmp_path / "script").write_text(text)
    subprocess.run([program, "-n", tmp_path / "script"], check=True)
