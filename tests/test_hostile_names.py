"""Names of files, layers and inputs that would break a comment of C, or a file around it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from nets import Net
from tflite_files import Op, T, const, write

from ircompile.cli import main
from ircompile.emit.templating import comment
from ircompile.errors import CompileError
from ircompile.export.projects import FORMATS
from ircompile.importers.ir import parse_ir, print_ir
from ircompile.interface import c_name
from ircompile.verification.runners.build import EMITTED_FLAGS

NAMES = [
    "end */ int x; /*",
    "splice ??/",
    "many ???/ ????/",
    "back\\",
    "star*\\",
    "quotes \"'`$(id)",
    "line\nbreak\r\n#error here",
    "*//**/",
    "bidi \u202e\u2066 \x1b[0m \x00",
]


def network(path: Path, name: str) -> Path:
    """A convolution and a fully connected layer, everything called `name`."""
    rows = [[1, 2, 3]] * 6
    tensors = [
        T((1, 3, 3, 1), "int8", 0.5, 0, name=f"in {name}"),
        const([[[[1], [2]], [[3], [4]]]], "int8", 0.01),
        const([5], "int32", 0.005),
        T((1, 2, 2, 1), "int8", 0.7, 9, name=name),
        T((1, 3), "int8", 0.7, 9, name=f"{name} out"),
        const([list(row) for row in zip(*rows[:4], strict=True)], "int8", 0.02),
        const([1, 2, 3], "int32", 0.014),
    ]
    window = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1, "Padding": 1}
    ops = [Op("CONV_2D", [0, 1, 2], [3], window), Op("FULLY_CONNECTED", [3, 5, 6], [4])]
    return write(path, tensors, ops, [0], [4])


@pytest.mark.toolchain
@pytest.mark.parametrize("name", NAMES)
def test_the_c_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    file = name.replace("/", "_").replace("\x00", "") + ".tflite"
    model = network(tmp_path / file, name)
    out = tmp_path / "out"
    assert main([str(model), "--target", "m4", "--name", "net", "--selftest", "-o", str(out)]) == 0
    for path in out.glob("*.[ch]"):
        text = path.read_text()
        assert not re.search(r"[ \t]$", text, flags=re.MULTILINE), path
        assert all(line.isprintable() for line in text.split("\n")), path
    sources = sorted(out.glob("*.c"))
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", *EMITTED_FLAGS, "-fsyntax-only", *sources]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_comment_stays_one(name: str) -> None:
    text = comment(name)
    assert text.isprintable()
    assert not any(pair in f"{text}." for pair in ("*/", "/*", "??", "\\"))


def test_plain_names_stay_as_they_are() -> None:
    assert comment("MobileNet v2 (0.35), ünïcode 7x7?") == "MobileNet v2 (0.35), ünïcode 7x7?"


@pytest.mark.parametrize("form", FORMATS)
def test_exported_projects_hold_it_on_one_line(form: str, tmp_path: Path) -> None:
    model = network(tmp_path / 'a "b" */ ??_ <x> & c\nd.tflite'.replace("/", "_"), "x")
    target = "host" if form == "esp-idf" else "m4"
    words = [
        "export",
        str(model),
        "--target",
        target,
        "--name",
        "net",
        "--format",
        form,
        "-o",
        str(tmp_path / "out"),
    ]
    assert main(words) == 0
    said = [
        line
        for path in (tmp_path / "out").rglob("*")
        if path.is_file() and path.suffix != ".pack"
        for line in path.read_text().split("\n")
        if "<x>" in line or "&lt;x&gt;" in line
    ]
    assert said
    assert all("c d.tflite" in line for line in said)
    for path in (tmp_path / "out").rglob("*.pdsc"):
        ElementTree.parse(path)


@pytest.mark.parametrize("kind", ["node conv", "tensor conv"])
def test_names_in_ir_files_are_those_of_c(kind: str) -> None:
    net = Net((3, 3, 2))
    net.conv("x", 4)
    graph = net.graph()
    text = print_ir(graph)
    assert parse_ir(text, dict(graph.consts)) is not None
    assert f"\n{kind}" in text
    with pytest.raises(CompileError, match="not a"):
        parse_ir(text.replace(f"\n{kind}", f"\n{kind.split()[0]} a*/b", 1), dict(graph.consts))


@pytest.mark.parametrize("name", ["stdint", "string", "features"])
def test_headers_of_the_c_library_keep_their_names(name: str) -> None:
    assert c_name(None, name) == f"model_{name}"
    with pytest.raises(CompileError, match="is a header of the C library"):
        c_name(name, "")


@pytest.mark.toolchain
@pytest.mark.parametrize("name", ["string", "stdint", "int8_t", "for", "NULL", "net_run", "n" * 300])
def test_names_that_mean_something_in_c(name: str, tmp_path: Path) -> None:
    """Of the file, cut where no folder holds it, and of every tensor."""
    out = tmp_path / "out"
    model = network(tmp_path / f"{name[:200]}.tflite", name)
    assert main([str(model), "--target", "m4", "--selftest", "-o", str(out)]) == 0
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", *EMITTED_FLAGS, "-c", *sorted(out.glob("*.c"))]
    subprocess.run(command, check=True, cwd=tmp_path)
