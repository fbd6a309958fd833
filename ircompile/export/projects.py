"""Ready projects and modules around the emitted C, one folder of templates a format."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ircompile import __version__, emit
from ircompile.emit.templating import comment, environment
from ircompile.errors import CompileError
from ircompile.export.selftest import Codes, selftest_files
from ircompile.pipeline import Compiled
from ircompile.resources import templates_dir
from ircompile.target import Target, load_emulated
from ircompile.verification.runners.firmware import board_files

Files = dict[str, str | bytes]
BOARDS = {
    "cortex-m0plus": ("ststm32", "nucleo_l073rz"),
    "cortex-m3": ("ststm32", "nucleo_f103rb"),
    "cortex-m4": ("ststm32", "nucleo_f446re"),
    "cortex-m7": ("ststm32", "nucleo_f767zi"),
    "cortex-m33": ("ststm32", "nucleo_u575zi_q"),
    "host": ("espressif32", "esp32dev"),
}
"""PlatformIO's platform and board of a core, to begin with."""
ARDUINO = {
    "cortex-m3": "sam,stm32",
    "cortex-m4": "mbed_nano,nrf52,renesas_uno,samd,stm32,teensy",
    "cortex-m7": "mbed_giga,mbed_nicla,mbed_portenta,stm32,teensy",
    "cortex-m33": "renesas_portenta,rp2040,silabs,stm32",
    "cortex-m55": "zephyr",
    "cortex-m85": "zephyr",
}
"""Arduino's architectures with boards of a core; all others take portable C."""
URL = "https://www.example.com/{}"
"""Where a library can be had, until its owner says so; both Arduino's and the pack's format ask for it."""


@dataclass(frozen=True)
class Format:
    """What a format is, for people, and the folder that the model's own files go to."""

    what: str
    model: str


FORMATS = {
    "cmake": Format("a CMake project: library, demo, self-test under ctest", "model"),
    "zephyr": Format("a Zephyr module with a sample", "src"),
    "arduino": Format("an Arduino library with an example sketch", "src"),
    "platformio": Format("a PlatformIO project", "lib/NAME/src"),
    "cmsis-pack": Format("a CMSIS-Pack with a user code template", "src"),
    "esp-idf": Format("an ESP-IDF component with an example", "src"),
}


@dataclass(frozen=True)
class Exported:
    """Files by path (with slashes): `model` is the compiler's, `project` is the user's to edit."""

    model: Files
    project: Files


def export(compiled: Compiled, form: str, golden: Sequence[Codes] = (), url: str = "") -> Exported:
    """The files of a format; `golden` inputs go into the self-test. `url`: where the library can be had.

    Raises CompileError for an unknown format, and where the format cannot take the target or the name.
    """
    if form not in FORMATS:
        raise CompileError("--format", f"unknown format {form!r}", ", ".join(FORMATS))
    _check(compiled, form)
    name, folder = compiled.name, FORMATS[form].model.replace("NAME", compiled.name)
    model: Files = {**compiled.files(), **selftest_files(compiled, golden)}
    context = _context(compiled, sorted(model), folder, url)
    env, root = environment(), templates_dir() / "export" / form
    project: Files = {}
    for path in sorted(root.rglob("*.j2")):
        local = path.relative_to(root).as_posix().removesuffix(".j2").replace("NAME", name)
        text = env.get_template(path.relative_to(templates_dir()).as_posix()).render(context)
        project[local] = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    if form == "cmake" and compiled.target.board:
        project |= {f"board/{file}": text for file, text in board_files(compiled.target.board).items()}
    placed = {f"{folder}/{file}": contents for file, contents in model.items()}
    if form == "cmsis-pack":
        placed[f"ircompile.{name}.1.0.0.pack"] = pack_of({**placed, **project})
    return Exported(placed, project)


def pack_of(files: Files) -> bytes:
    """A .pack: a zip of the files, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def kept(exported: Exported, folder: Path) -> list[str]:
    """The project files that are in the folder already: the user may have edited them."""
    return [name for name in exported.project if (folder / PurePosixPath(name)).exists()]


def left_out(exported: Exported, name: str, kept: str) -> list[str]:
    """The C files of the model that a project file would name and that, as it is `kept`, it does not."""
    text = exported.project[name]
    if isinstance(text, bytes):
        return []
    return [path for path in exported.model if path.endswith(".c") and path in text and path not in kept]


def core_of(compiled: Compiled) -> str | None:
    """The core as CMSIS names it: cortex-m0plus is Cortex-M0+."""
    found = re.fullmatch(r"cortex-m(\d+)(plus)?", compiled.target.name)
    return f"Cortex-M{found[1]}{'+' if found[2] else ''}" if found else None


def zephyr_cores(target: Target) -> str:
    """Zephyr's condition on the core for which the C is, "" where it is portable."""
    if target.features.mve:
        return "ARMV8_1_M_MVEI && FPU"
    if target.features.dsp:
        return "CPU_CORTEX_M4 || CPU_CORTEX_M7 || ARMV8_M_DSP"
    return ""


def _context(compiled: Compiled, files: list[str], folder: str, url: str) -> dict[str, object]:
    """What the templates of all formats name."""
    api, target = compiled.interface, compiled.target
    platform, board = BOARDS.get(target.name, ("", ""))
    return {
        "api": api,
        "p": api.name,
        "N": api.macro,
        "source": comment(" ".join(compiled.source.split())),
        "version": __version__,
        "model_hash": emit.graph_hash(compiled.graph),
        "target": target,
        "optimization": target.optimization,
        "arm": target.compiler.startswith("arm-none-eabi-"),
        "board": load_emulated(target.board) if target.board else None,
        "core": core_of(compiled),
        "camera": emit.pixel_range(api.inputs[0]),
        "sources": [file for file in files if file.endswith(".c")],
        "headers": [file for file in files if file.endswith(".h")],
        "zephyr": zephyr_cores(target),
        "arduino": ARDUINO.get(target.name, "*"),
        "url": url or URL.format(compiled.name),
        "model": folder,
        "pio": {"platform": platform, "board": board},
    }


def _check(compiled: Compiled, form: str) -> None:
    """Raises CompileError where the format cannot take the model."""
    target = compiled.target
    if form == "platformio" and target.name not in BOARDS:
        hint = "--format cmake or cmsis-pack; or --target host, portable C"
        raise CompileError("--format platformio", f"no board with {target.name}", ", ".join(BOARDS), hint)
    if form == "esp-idf" and (target.features.dsp or target.features.mve):
        raise CompileError(
            "--format esp-idf", f"the C for {target.name} uses Arm's instructions", "portable C", "--target host"
        )
    if form == "cmsis-pack" and len(compiled.name) > 32:
        raise CompileError("--name", f"{compiled.name!r} is too long for a CMSIS-Pack", "at most 32 characters")
