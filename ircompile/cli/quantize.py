"""`ircompile quantize`: a float network and a folder of samples become a quantized file; its accuracy is told."""

import argparse
import shlex
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ircompile.cli.arguments import numbers
from ircompile.cli.command import EXIT, Command
from ircompile.cli.console import OUT, doing, number, print_json, print_table
from ircompile.emit.templating import shorten
from ircompile.emit.writing import write_files
from ircompile.errors import CompileError
from ircompile.pipeline import build, read
from ircompile.quantization.concerns import Concern, concerns_of
from ircompile.quantization.equalize import equalize
from ircompile.quantization.evaluation import Evaluation, LayerNoise, evaluate, layer_noise
from ircompile.quantization.float_model import FloatModel, OnnxNetwork, open_float, open_network
from ircompile.quantization.narrow import Formats, choose, layers_of
from ircompile.quantization.quantizers import METHODS, check_formats, fitting, operators_around, quantize
from ircompile.quantization.samples import Reading, Samples, read_samples
from ircompile.target import load_target

LOOKED_AT = 16  # samples whose activations are looked at layer by layer
SHOWN = 5  # of the layers that lose most


def _fill(to: argparse.ArgumentParser) -> None:
    to.add_argument("model", type=Path, metavar="FLOAT", help="the float network: .tflite or .onnx")
    data = to.add_argument_group("samples")
    data.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER",
        help="pictures or arrays; labelled by a folder for each class or labels.csv, as for verify --accuracy",
    )  # fmt: skip
    data.add_argument("--labels", type=Path, metavar="FILE", help="the list of names and labels, if elsewhere")
    data.add_argument(
        "--calibrate", type=int, default=200, metavar="N", help="samples to calibrate with (default: 200)"
    )
    data.add_argument(
        "--mean", type=numbers, default=(0.0,), metavar="R,G,B",
        help="real input = (pixel - mean) / std, pixels of 0 to 255 (default: 0)",
    )  # fmt: skip
    data.add_argument("--std", type=numbers, default=(255.0,), metavar="R,G,B", help="(default: 255)")
    data.add_argument("--bgr", action="store_true", help="pictures have their channels in reverse order")
    work = to.add_argument_group("quantizer")
    work.add_argument("--method", choices=tuple(METHODS), metavar="M", help=METHOD)
    work.add_argument(
        "--equalize", action="store_true",
        help="bring the channels of depthwise convolutions to like ranges first, exactly in float (.onnx)",
    )  # fmt: skip
    work.add_argument(
        "--keep16", action="append", default=[], metavar="LAYER",
        help="keep a layer's output in 16 bits: it and what reads it compute with them (.tflite; may be repeated)",
    )  # fmt: skip
    work.add_argument(
        "--int4", type=_decibels, nargs="?", const=1.0, metavar="DB",
        help="weights of 4 bits in as many layers as cost no more than DB decibels of the output's signal to noise "
        "(default: 1; not with nncf)",
    )  # fmt: skip
    work.add_argument("--dry-run", action="store_true", help="say what would be done, and what is of concern")
    output = to.add_argument_group("output")
    output.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file to write (default: NAME_int8)")
    output.add_argument("--then", metavar="OPTIONS", help='compile it with these options: "--target m4"')
    output.add_argument("--json", action="store_true", help="print the facts as JSON")


LESS_LOSS = {
    ".tflite": "to lose less: more samples (--calibrate), --keep16 LAYER",
    ".onnx": "to lose less: more samples (--calibrate), another --method, --equalize where a concern says so",
}
METHOD = "nncf (default) or onnxruntime for .onnx, ai-edge for .tflite"


def _decibels(text: str) -> float:
    """A number of decibels above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of decibels above 0")
    return value


@dataclass(frozen=True)
class _Job:
    """A float network, how its samples are read, and which they are."""

    model: FloatModel
    reading: Reading
    samples: Samples
    method: str


def quantize_model(arguments: argparse.Namespace) -> int:
    """Quantizes, evaluates and writes."""
    job = _job_of(arguments)
    equalized = _equalized(job.model) if arguments.equalize else []
    inputs = [job.reading.read(path) for path in job.samples.calibration]
    with doing("looking at activations"):
        concerns = concerns_of(job.model, inputs[:LOOKED_AT])
    if arguments.dry_run:
        _tell(_plan_data(arguments, job, concerns, equalized), arguments.json)
        return 0
    target = _target_file(arguments)
    with doing(f"quantizing with {METHODS[job.method][0]}"):
        formats = Formats(_named(arguments.keep16, job.model, inputs[0]))
        contents = quantize(job.model, inputs, job.method, formats)
    if arguments.int4:
        with doing("looking for layers of 4 bits"):
            formats = _narrowed(job, formats, contents, inputs[:LOOKED_AT], arguments.int4)
            contents = quantize(job.model, inputs, job.method, formats)
    write_files(target.parent, {target.name: contents})
    with doing(f"evaluating on {len(job.samples.held_out)} samples"):
        compiled = build(read(target), load_target("host"), "quantized")
        result = evaluate(job.model, compiled, target, job.reading, job.samples.held_out)
        noise = layer_noise(job.model, target, inputs[:LOOKED_AT])
    data = _plan_data(arguments, job, concerns, equalized) | _result_data(arguments, target, result, noise)
    data |= {"keep16": list(formats.keep16), "int4": [layer.name for layer in formats.int4]}
    _tell(data, arguments.json)
    if arguments.then:
        from ircompile.cli import main

        return main([str(target), *shlex.split(arguments.then)])
    return 0


def _named(words: list[str], model: FloatModel, x: Any) -> tuple[str, ...]:
    """The layers that the words name, each a layer's whole name or a part that no other has."""
    names, found = list(model.trace(x)) if words else [], []
    for word in words:
        meant = [name for name in names if name == word] or [name for name in names if word in name]
        if len(meant) != 1:
            problem = f"names {len(meant)} layers" if meant else "names no layer"
            raise CompileError(
                f"--keep16 {word}", problem, ", ".join(map(shorten, (meant or names)[:SHOWN])) + " ..."
            )
        found += meant
    return tuple(found)


def _narrowed(job: _Job, formats: Formats, contents: bytes, inputs: list[Any], decibels: float) -> Formats:
    """The formats with layers whose weights get 4 bits: none that computes with 16, which TFLite Micro does not do.

    `contents` is the file with 8 bits for the weights of all layers.
    """
    wide = operators_around(job.model, formats.keep16)
    layers = [layer for layer in layers_of(job.model) if layer.name not in wide]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"eight{job.model.path.suffix}"
        path.write_bytes(contents)
        return replace(formats, int4=tuple(choose(layers, job.model, open_network(path), inputs, decibels)))


def _equalized(model: FloatModel) -> list[str]:
    """The layers that were equalized. Raises CompileError for a file in which that is not done."""
    if not isinstance(model, OnnxNetwork):
        raise CompileError("--equalize", f"is not done in {model.path.suffix} files", ".onnx")
    return equalize(model)


def _job_of(arguments: argparse.Namespace) -> _Job:
    methods = fitting(arguments.model)
    if not methods:
        raise CompileError(str(arguments.model), "is of no kind that can be quantized", ".onnx, .tflite")
    check_formats(arguments.method or methods[0], bool(arguments.keep16), arguments.int4 is not None)
    with doing(f"reading {arguments.model.name}"):
        model = open_float(arguments.model)
    reading = Reading(model.shape, arguments.mean, arguments.std, arguments.bgr)
    folder_files = read_samples(arguments.data, _classes(model), arguments.calibrate, arguments.labels)
    return _Job(model, reading, folder_files, arguments.method or methods[0])


def _classes(model: FloatModel) -> int:
    """The classes that the network scores; of a single score, two."""
    import numpy as np

    return max(int(model.run(np.zeros(model.shape, np.float32)).size), 2)


def _target_file(arguments: argparse.Namespace) -> Path:
    target: Path = arguments.output or Path(f"{arguments.model.stem}_int8{arguments.model.suffix}")
    if target.suffix.lower() != arguments.model.suffix.lower() or target.is_dir():
        raise CompileError("-o", f"{str(target)!r} is no name of a {arguments.model.suffix} file")
    if target.resolve() == arguments.model.resolve():
        raise CompileError("-o", "is the float network itself", "another file")
    return target


def _plan_data(
    arguments: argparse.Namespace, job: _Job, concerns: list[Concern], equalized: list[str]
) -> dict[str, Any]:
    return {
        "model": arguments.model.name,
        "method": job.method,
        "calibration_samples": len(job.samples.calibration),
        "held_out_samples": len(job.samples.held_out),
        "labelled": job.samples.labelled,
        "concerns": [asdict(concern) for concern in concerns],
        "equalized": equalized,
    }


def _result_data(
    arguments: argparse.Namespace, target: Path, result: Evaluation, noise: list[LayerNoise]
) -> dict[str, Any]:
    kinds = ("float", "framework", "c")
    return {
        "file": str(target),
        "bytes": {"float": arguments.model.stat().st_size, "quantized": target.stat().st_size},
        "accuracy": result.right and {k: n / result.samples for k, n in zip(kinds, result.right, strict=True)},
        "mean_squared_error": dict(zip(kinds, result.error, strict=True)),
        "differing": result.differing,
        "compared": result.compared,
        "layers": [asdict(layer) for layer in noise],
    }


def _tell(data: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(data)
        return
    held = number(data["held_out_samples"])
    lines = [
        ("model", data["model"]),
        (
            "quantizer",
            f"{METHODS[data['method']][0]}, calibrated with {number(data['calibration_samples'])} samples",
        ),
    ]
    if data["equalized"]:
        lines.append(("equalized", f"{', '.join(data['equalized'])}; the float network computes the same"))
    lines += [("concern", f"{c['where']} {c['problem']}; {c['advice']}") for c in data["concerns"]]
    if "file" in data:
        sizes = data["bytes"]
        lines.append(
            ("wrote", f"{data['file']}, {number(sizes['quantized'])} bytes ({number(sizes['float'])} float)")
        )
    if data.get("keep16"):
        lines.append(("16 bits", ", ".join(map(shorten, data["keep16"]))))
    if data.get("int4"):
        lines.append(("4 bits", f"weights of {len(data['int4'])}: " + ", ".join(map(shorten, data["int4"]))))
    for key, value in lines:
        OUT.print(f"{key:<9} {value}", markup=False)
    if "file" not in data:
        OUT.print(f"{'next':<9} without --dry-run it is quantized and evaluated on {held} samples", markup=False)
        return
    compared, differing = number(data["compared"]), number(data["differing"])
    equal = f"all {compared} outputs equal"
    differ = f"{differing} of {compared} outputs differ: docs/numerics.md" if data["differing"] else equal
    rows = []
    for kind, what in (
        ("float", "float"),
        ("framework", "quantized, framework"),
        ("c", f"quantized, our C ({differ})"),
    ):
        share = f"{data['accuracy'][kind]:.2%}" if data["accuracy"] else "-"
        error = data["mean_squared_error"][kind]
        rows.append((what, share, "-" if error is None else f"{error:.4g}"))
    print_table((f"on {held} samples held out", "accuracy", "mean squared error"), rows, numeric=(1, 2))
    layers = [(layer["name"], f"{layer['decibels']:.1f} dB") for layer in data["layers"][:SHOWN]]
    if layers:
        print_table(("layers that lose most", "signal to noise"), layers, numeric=(1,))
        OUT.print(LESS_LOSS[Path(data["model"]).suffix.lower()], markup=False)


QUANTIZE = Command(
    "quantize",
    "quantize a float network to 8 bits, and tell what that costs",
    "Quantize a float network with samples, and evaluate the result.",
    f"""\
examples:
  ircompile quantize float.onnx --data photos --std 127.5 --mean 127.5
  ircompile quantize float.tflite --data photos -o net.tflite --dry-run
  ircompile quantize float.onnx --data photos --then "--target m4"

The work is done by NNCF, ONNX Runtime or ai-edge-quantizer:
pip install 'ircompile[quantize]'. A part of the samples calibrates; on the
rest the accuracies of the float network, of the framework's 8 bits and of
the C are measured.

{EXIT}""",
    _fill,
    quantize_model,
)
