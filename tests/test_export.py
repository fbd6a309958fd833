"""Every export format: built, linted or parsed by its own tools as far as these can be had, and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import kconfiglib
import pytest
import yaml
from nets import Net

from ircompile.cli import main
from ircompile.export.projects import FORMATS, export
from ircompile.importers.ir import write_ir
from ircompile.interface import InputMode
from ircompile.pipeline import build
from ircompile.target import load_target
from ircompile.verification.runners.build import EMITTED_FLAGS

BIN = Path(sys.executable).parent
WARNINGS = [flag for flag in EMITTED_FLAGS if not flag.startswith("-std")]
STUBS = {
    "Arduino.h": """
#pragma once
#include <stdio.h>
struct Terminal { void begin(long) {} void print(const char *text) { printf("%s", text); } };
static Terminal Serial;
static inline void delay(unsigned long) {}
""",
    "zephyr/sys/printk.h": "#pragma once\n#include <stdio.h>\n#define printk printf\n",
    "ZephyrConfig.cmake": """
project(stub C)
function(zephyr_library_named name)
  add_library(${name} STATIC)
  target_link_libraries(app PRIVATE ${name})
  set(stub_library ${name} PARENT_SCOPE)
endfunction()
macro(zephyr_library_sources)
  target_sources(${stub_library} PRIVATE ${ARGV})
endmacro()
macro(zephyr_library_sources_ifdef option)
  if(${option})
    target_sources(${stub_library} PRIVATE ${ARGN})
  endif()
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${stub_library} PRIVATE ${ARGV})
endmacro()
function(zephyr_include_directories)
  list(TRANSFORM ARGV PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  target_include_directories(app PUBLIC ${ARGV})
endfunction()
add_executable(app)
file(STRINGS ${CMAKE_SOURCE_DIR}/prj.conf lines REGEX "=y")
foreach(line ${lines})
  string(REGEX REPLACE "=y" "" option ${line})
  set(${option} ON)
endforeach()
foreach(module ${ZEPHYR_EXTRA_MODULES})
  add_subdirectory(${module} module)
endforeach()
target_include_directories(app PRIVATE ${CMAKE_CURRENT_LIST_DIR})
""",
    "tools/cmake/project.cmake": """
macro(idf_component_register)
  cmake_parse_arguments(C "" "" "SRCS;INCLUDE_DIRS" ${ARGV})
  add_library(${COMPONENT_LIB} STATIC ${C_SRCS})
  if(C_INCLUDE_DIRS)
    target_include_directories(${COMPONENT_LIB} PUBLIC ${C_INCLUDE_DIRS})
  endif()
endmacro()
enable_language(C)
set(COMPONENT_LIB component)
foreach(folder ${EXTRA_COMPONENT_DIRS})
  add_subdirectory(${folder} component)
endforeach()
set(COMPONENT_LIB main_component)
add_subdirectory(main)
target_link_libraries(main_component PUBLIC component)
add_executable(app $ENV{IDF_PATH}/start.c)
target_link_libraries(app PRIVATE main_component)
""",
    "start.c": "void app_main(void);\nint main(void)\n{\n    app_main();\n    return 0;\n}\n",
}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = Net((9, 7, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    net.inverted_residual(x, 2, 8)
    path = tmp_path_factory.mktemp("model") / "net.ir"
    write_ir(net.graph(), path)
    return path


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stubs")
    for name, text in STUBS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def exported(model: Path, form: str, folder: Path, *words: object, target: str = "host") -> Path:
    command = ["export", model, "--target", target, "--format", form, "-o", folder, *words]
    assert main([str(word) for word in command]) == 0
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".pack", ".bin"):
            assert "{{" not in path.read_text().replace("= {{", "")
            assert "/NAME" not in path.as_posix().removeprefix(str(folder))
    return folder


def call(command: Sequence[object], folder: Path, **environment: str) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cmake(source: Path, build: Path, *words: object, **environment: str) -> None:
    flags = "-DCMAKE_C_FLAGS=" + " ".join(flag for flag in WARNINGS if flag != "-pedantic")
    call(["cmake", "-S", source, "-B", build, "-G", "Unix Makefiles", flags, *words], source, **environment)
    call(["cmake", "--build", build], source, **environment)


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
def test_zephyr_module_and_sample(model: Path, stubs: Path, tmp_path: Path) -> None:
    """The sample built with a stand-in for Zephyr's CMake package, which takes the calls that the module makes."""
    folder = exported(model, "zephyr", tmp_path / "net")
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text())
    assert module == {"name": "net", "build": {"cmake": ".", "kconfig": "Kconfig"}}
    sample = yaml.safe_load((folder / "sample" / "sample.yaml").read_text())
    assert sample["tests"]["net.selftest"]["harness_config"]["regex"] == ["PASS net"]
    kconfig = kconfiglib.Kconfig(str(folder / "Kconfig"))
    assert not kconfig.warnings
    kconfig.load_config(str(folder / "sample" / "prj.conf"))
    assert {kconfig.syms[name].str_value for name in ("NET", "NET_SELFTEST")} == {"y"}
    cmake(folder / "sample", tmp_path / "build", f"-DZephyr_DIR={stubs}", ZEPHYR_BASE=str(stubs))
    printed = call([tmp_path / "build" / "app"], folder)
    assert "PASS net: 0 output bytes wrong" in printed
    assert "output 0: element" in printed


@pytest.mark.toolchain
@pytest.mark.parametrize("form", ["arduino", "platformio"])
def test_arduino_s_languages(form: str, model: Path, stubs: Path, tmp_path: Path) -> None:
    """The sketch as C++ and the network as C, on the host and for a Cortex-M; run on the host."""
    for target, prefix, flags in (
        ("host", "", ["-fsanitize=address,undefined"]),
        ("cortex-m4", "arm-none-eabi-", ["-mcpu=cortex-m4", "-mthumb"]),
    ):
        folder = exported(model, form, tmp_path / target, target=target)
        source = folder / ("src" if form == "arduino" else "lib/net/src")
        sketch = folder / ("examples/net_demo/net_demo.ino" if form == "arduino" else "src/main.cpp")
        build = tmp_path / f"build-{target}"
        build.mkdir()
        call([f"{prefix}gcc", "-std=gnu11", *WARNINGS, *flags, "-c", *sorted(source.glob("*.c"))], build)
        (build / "all.cpp").write_text(
            f'#include "Arduino.h"\n#include "{sketch}"\nint main() {{ setup(); loop(); }}\n'
        )
        plus = [f"{prefix}g++", "-std=gnu++11", *WARNINGS, *flags, "-I", stubs, "-I", source]
        call([*plus, "-c", "all.cpp"], build)
        if target == "host":
            call(["g++", *flags, *sorted(build.glob("*.o")), "-o", "all"], build)
            printed = call([build / "all"], build)
            assert "PASS net: 0 output bytes wrong" in printed
            assert "output 0: element" in printed


def test_arduino_s_library_properties(model: Path, tmp_path: Path) -> None:
    folder = exported(model, "arduino", tmp_path / "net")
    lines = (folder / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    wanted = "name version author maintainer sentence paragraph category url architectures includes"
    assert set(fields) == set(wanted.split())
    assert fields["name"] == "net"
    assert (folder / "src" / fields["includes"]).is_file()
    keywords = (folder / "keywords.txt").read_text().splitlines()
    assert all(re.fullmatch(r"\w+\t(KEYWORD2|LITERAL1)", line) for line in keywords)


@pytest.mark.toolchain
def test_platformio_s_own_checks(model: Path, tmp_path: Path) -> None:
    folder = exported(model, "platformio", tmp_path / "net", target="cortex-m4")
    quiet = {"PLATFORMIO_CORE_DIR": str(tmp_path / "core"), "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no"}
    printed = call([BIN / "pio", "project", "config", "--lint"], folder, **quiet)
    assert "free from linting errors" in printed
    call([BIN / "pio", "pkg", "pack", "lib/net", "-o", tmp_path / "net.tar.gz"], folder, **quiet)
    assert (tmp_path / "net.tar.gz").is_file()


@pytest.mark.toolchain
def test_cmsis_pack_lists_what_is_there(model: Path, tmp_path: Path) -> None:
    folder = exported(model, "cmsis-pack", tmp_path / "net", target="cortex-m0plus")
    root = ElementTree.parse(folder / "ircompile.net.pdsc").getroot()
    assert root.tag == "package"
    assert {child.tag for child in root} == {
        "vendor", "name", "description", "url", "releases", "keywords", "conditions", "components"
    }  # fmt: skip
    require = root.find("conditions/condition[@id='core']/require")
    assert require is not None
    assert require.attrib == {"Dcore": "Cortex-M0+"}
    component = root.find("components/component")
    assert component is not None
    assert component.attrib["condition"] == "core"
    files = {file.attrib["name"]: file.attrib["category"] for file in component.iter("file")}
    assert set(files.values()) == {"header", "source", "doc"}
    assert all((folder / name).is_file() for name in files)
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(files) == written - {"ircompile.net.pdsc", "ircompile.net.1.0.0.pack"}
    with zipfile.ZipFile(folder / "ircompile.net.1.0.0.pack") as pack:
        assert set(pack.namelist()) == {*files, "ircompile.net.pdsc"}
        assert all(pack.read(name) == (folder / name).read_bytes() for name in pack.namelist())


@pytest.mark.toolchain
def test_cmsis_pack_s_template_runs(model: Path, tmp_path: Path) -> None:
    folder = exported(model, "cmsis-pack", tmp_path / "net")
    sources = [folder / "template" / "main.c", *sorted((folder / "src").glob("*.c"))]
    call(["gcc", *EMITTED_FLAGS, "-I", folder / "src", *sources, "-o", "run"], tmp_path)
    assert "PASS net" in call([tmp_path / "run"], tmp_path)


@pytest.mark.toolchain
def test_esp_idf_component_and_example(model: Path, stubs: Path, tmp_path: Path) -> None:
    """Espressif's own manifest tools; the example built with a stand-in for ESP-IDF's CMake."""
    folder = exported(model, "esp-idf", tmp_path / "net")
    tool, home = [BIN / "compote", "--warnings-as-errors"], {"IDF_TOOLS_PATH": str(tmp_path / "tools")}
    call([*tool, "manifest", "lint"], folder, **home)
    call([*tool, "component", "pack", "--name", "net", "--dest-dir", tmp_path / "packed"], folder, **home)
    assert (tmp_path / "packed" / "net_1.0.0.tgz").is_file()
    cmake(folder / "examples" / "demo", tmp_path / "build", IDF_PATH=str(stubs))
    printed = call([tmp_path / "build" / "app"], folder)
    assert "PASS net" in printed
    assert "output 0: element" in printed


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


@pytest.mark.toolchain
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_several_memories(mode: str, model: Path, tmp_path: Path) -> None:
    words = ("--memory", "fast=300", "--memory", "slow=64K", "--input", mode)
    folder = exported(model, "cmake", tmp_path / "net", *words)
    assert "net_arenas" in (folder / "main.c").read_text()
    cmake(folder, tmp_path / "build")
    assert "100% tests passed" in call(["ctest", "--test-dir", tmp_path / "build"], folder)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_every_readme_names_the_functions_that_take_pushed_rows(mode: InputMode) -> None:
    net = Net((9, 7, 3))
    net.conv("x", 2)
    compiled = build(net.graph(), load_target("cortex-m0plus"), "net", mode)
    for form in FORMATS:
        text = str(export(compiled, form).project["README.md"])
        assert ("`net_begin`, then `net_push_row` with each of the 9 rows" in text) == (mode == "rows")


@pytest.mark.parametrize(
    ("target", "core", "others"),
    [
        ("cortex-m55", ("ARMV8_1_M_MVEI", "FPU"), ("CPU_CORTEX_M4", "FPU")),
        ("cortex-m55", ("ARMV8_1_M_MVEI", "FPU"), ("ARMV8_1_M_MVEI",)),
        ("cortex-m4", ("CPU_CORTEX_M4",), ("CPU_CORTEX_M3",)),
        ("cortex-m33", ("ARMV8_M_DSP",), ("CPU_CORTEX_M33",)),
    ],
)
def test_zephyr_offers_the_c_on_cores_that_run_it(
    target: str, core: tuple[str, ...], others: tuple[str, ...], model: Path, tmp_path: Path
) -> None:
    folder = exported(model, "zephyr", tmp_path / "net", target=target)
    config = (folder / "sample" / "prj.conf").read_text()
    assert ("CONFIG_FPU=y" in config) == (target == "cortex-m55")
    cores = ("CPU_CORTEX_M3", "CPU_CORTEX_M4", "CPU_CORTEX_M7", "CPU_CORTEX_M33")
    names = ("ARMV8_1_M_MVEI", "ARMV8_M_DSP", "FPU", *cores)
    for on, value in ((core, "y"), (others, "n")):
        symbols = "".join(f"config {name}\n\tbool\n\tdefault {'y' if name in on else 'n'}\n" for name in names)
        (tmp_path / "Kconfig").write_text(symbols + f'source "{folder}/Kconfig"\n')
        kconfig = kconfiglib.Kconfig(str(tmp_path / "Kconfig"))
        (tmp_path / "prj.conf").write_text("CONFIG_NET=y\n")
        kconfig.load_config(str(tmp_path / "prj.conf"))
        assert kconfig.syms["NET"].str_value == value


@pytest.mark.parametrize(("target", "cores"), [("host", "*"), ("cortex-m0plus", "*"), ("cortex-m55", "zephyr")])
def test_arduino_says_where_it_is_and_for_which_cores(target: str, cores: str, model: Path, tmp_path: Path) -> None:
    folder = exported(model, "arduino", tmp_path / "net", target=target)
    lines = (folder / "library.properties").read_text().splitlines()
    assert f"architectures={cores}" in lines
    assert "url=https://www.example.com/net" in lines


@pytest.mark.parametrize("form", ["arduino", "cmsis-pack"])
def test_the_owner_says_where_a_library_is(form: str, model: Path, tmp_path: Path) -> None:
    folder = exported(model, form, tmp_path / "net", "--url", "https://my.site/net?a=1")
    text = "".join(path.read_text() for path in folder.glob("*.p[dr]*"))
    assert "https://my.site/net?a=1" in text
    words = ["export", str(model), "--target", "host", "--format", form, "-o", str(tmp_path / "x")]
    assert main([*words, "--url", "no <b>"]) == 2


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
