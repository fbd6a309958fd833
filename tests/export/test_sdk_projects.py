"""Exported projects for each SDK: parsed or linted by its own tools, or built with a stand-in, and run."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import kconfiglib
import pytest
import yaml
from exporting import BIN, WARNINGS, call, cmake, exported

from ircompile.verification.runners.build import EMITTED_FLAGS


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
