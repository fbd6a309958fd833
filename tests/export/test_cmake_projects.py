"""Exported CMake projects are built and installed, and their self-tests run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from exporting import call, cmake, exported
from nets import Net

from ircompile.importers.ir import write_ir
from ircompile.verification.runners.build import EMITTED_FLAGS


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("target", "words"),
    [("host", ()), ("cortex-m3", ("--input", "rows")), ("cortex-m4", ()), ("cortex-m55", ())],
)
def test_cmake_builds_and_its_self_test_passes(
    target: str, words: tuple[str, ...], model: Path, tmp_path: Path
) -> None:
    folder = exported(model, "cmake", tmp_path / "net", *words, target=target)
    cmake(folder, tmp_path / "build")
    assert "100% tests passed" in call(["ctest", "--test-dir", tmp_path / "build"], folder)


@pytest.mark.toolchain
def test_cmake_s_self_test_fails_with_a_wrong_weight(model: Path, tmp_path: Path) -> None:
    folder = exported(model, "cmake", tmp_path / "net", target="cortex-m4")
    weights = folder / "model" / "net_weights.c"
    text = weights.read_text()
    found = re.search(r"net_dw2_weights\[\d+\] = \{\s+(-?\d+),", text)
    assert found
    weights.write_text(f"{text[: found.start(1)]}{int(found[1]) ^ 64}{text[found.end(1) :]}")
    cmake(folder, tmp_path / "build")
    done = subprocess.run(["ctest", "--test-dir", tmp_path / "build"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "net_selftest (Failed)" in done.stdout


@pytest.mark.toolchain
def test_cmake_is_a_library_of_another_project(model: Path, tmp_path: Path) -> None:
    exported(model, "cmake", tmp_path / "net")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(mine C)\nadd_subdirectory(net)\n"
        "add_executable(mine mine.c)\ntarget_link_libraries(mine PRIVATE net)\n"
    )
    (tmp_path / "mine.c").write_text('#include "net.h"\nint main(void) { return NET_ARENA_BYTES == 0; }\n')
    cmake(tmp_path, tmp_path / "build")
    call([tmp_path / "build" / "mine"], tmp_path)
    assert not (tmp_path / "build" / "net" / "net_demo").exists()


@pytest.mark.toolchain
def test_several_inputs_and_outputs_and_no_camera(tmp_path: Path) -> None:
    net = Net((5, 6, 4))
    y = net.conv("x", 4, (3, 3))
    write_ir(net.graph(y, net.conv(y, 6)), tmp_path / "net.ir")
    folder = exported(tmp_path / "net.ir", "cmake", tmp_path / "out")
    cmake(folder, tmp_path / "build")
    printed = call([tmp_path / "build" / "net_demo"], folder)
    assert [line[:8] for line in printed.splitlines()] == ["PASS net", "output 0", "output 1"]


@pytest.mark.toolchain
def test_a_blob_s_address_is_asked_for(model: Path, tmp_path: Path) -> None:
    folder = exported(model, "cmake", tmp_path / "net", "--weights", "blob")
    assert (folder / "model" / "net_weights.bin").is_file()
    sources = [folder / "main.c", *sorted((folder / "model").glob("*.c"))]
    command = ["gcc", *EMITTED_FLAGS, "-I", str(folder / "model"), *map(str, sources), "-o", str(tmp_path / "run")]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert "define NET_BLOB as the address" in refused.stderr
    blob = tmp_path / "blob.S"
    where = folder / "model" / "net_weights.bin"
    blob.write_text(f'.section .rodata\n.balign 4\n.global weights_file\nweights_file: .incbin "{where}"\n')
    (tmp_path / "blob.h").write_text("extern const char weights_file[];\n")
    given = ["-include", tmp_path / "blob.h", "-DNET_BLOB=((const void *)weights_file)", "-Wa,--noexecstack"]
    call([*command, *given, "-x", "assembler", blob], tmp_path)
    assert "PASS net" in call([tmp_path / "run"], tmp_path)


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_several_memories(mode: str, model: Path, tmp_path: Path) -> None:
    words = ("--memory", "fast=300", "--memory", "slow=64K", "--input", mode)
    folder = exported(model, "cmake", tmp_path / "net", *words)
    assert "net_arenas" in (folder / "main.c").read_text()
    cmake(folder, tmp_path / "build")
    assert "100% tests passed" in call(["ctest", "--test-dir", tmp_path / "build"], folder)


@pytest.mark.toolchain
def test_an_installed_library_is_found(model: Path, tmp_path: Path) -> None:
    folder = exported(model, "cmake", tmp_path / "net")
    cmake(folder, tmp_path / "build")
    call(["cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "installed"], folder)
    user = tmp_path / "user"
    user.mkdir()
    (user / "main.c").write_text((folder / "main.c").read_text())
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(user C)\nfind_package(net REQUIRED)\n"
        "add_executable(user main.c)\ntarget_link_libraries(user PRIVATE net::net)\n"
    )
    cmake(user, tmp_path / "built", f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}")
    assert "PASS net" in call([tmp_path / "built" / "user"], user)
