"""`ircompile export`: a ready project or module around a compiled model."""

import argparse
import re
from pathlib import Path

from ircompile.cli.arguments import add_model, add_unverified, folder
from ircompile.cli.command import EXIT, Command
from ircompile.cli.console import OUT, doing
from ircompile.cli.models import confirmed_from
from ircompile.emit.writing import write_files
from ircompile.export.projects import FORMATS, export, kept, left_out
from ircompile.report import compared_text
from ircompile.verification.inputs import read_inputs


def _fill(to: argparse.ArgumentParser) -> None:
    add_model(to)
    project = to.add_argument_group("project")
    project.add_argument("--format", required=True, choices=FORMATS, metavar="F", help=", ".join(FORMATS))
    project.add_argument("-o", "--output", type=folder, metavar="DIR", help="folder to write to (default: ./NAME)")
    project.add_argument(
        "--inputs", type=Path, nargs="+", metavar="FILE", help="golden inputs of the self-test: as for verify"
    )
    project.add_argument("--url", type=_url, help="where the library can be had, for Arduino and packs")
    add_unverified(project)
    project.add_argument("--force", action="store_true", help="write project files anew that are there already")


def _url(text: str) -> str:
    """An address on the web."""
    if not re.fullmatch(r"https?://[\w.~:/?#@!$*+,;=%-]+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as https://www.example.com/net")
    return text


def export_model(arguments: argparse.Namespace) -> int:
    """Compiles a model and writes the project; project files that are there stay as they are."""
    compilation = confirmed_from(arguments)
    compiled = compilation.compiled
    golden = [read_inputs(compiled.graph, path) for path in arguments.inputs or []]
    with doing(f"writing {arguments.format}"):
        exported = export(compiled, arguments.format, golden, arguments.url or "")
    folder = arguments.output or Path(compiled.name)
    stay = [] if arguments.force else kept(exported, folder)
    files = {**exported.project, **exported.model}
    written = write_files(folder, {name: data for name, data in files.items() if name not in stay})
    for path in written:
        OUT.print(f"wrote  {path}", markup=False)
    OUT.print(compared_text(compilation.report()["compared"]), markup=False)
    for name in stay:
        OUT.print(f"kept   {folder / name}  (--force writes it anew)", markup=False)
        if missing := left_out(exported, name, (folder / name).read_text(errors="replace")):
            OUT.print(f"notice {folder / name} does not build {', '.join(missing)}", markup=False)
    return 0


WIDTH = max(map(len, FORMATS))
EXPORT = Command(
    "export",
    "write a ready project or module around the C",
    "Write a ready project or module with a worked main and a self-test.",
    "formats:\n"
    + "".join(f"  {name:<{WIDTH}}  {form.what}\n" for name, form in FORMATS.items())
    + f"""
examples:
  ircompile export net.tflite --target m4 --format cmake -o firmware
  ircompile export net.onnx --target m33 --format zephyr --inputs golden.npz

files:
  The model's C files are written anew; project files that are there already
  stay as they are, unless --force is given.

{EXIT}""",
    _fill,
    export_model,
)
