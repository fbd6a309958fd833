"""`ircompile certify`: a folder of evidence for one compilation."""

import argparse
from pathlib import Path

from ircompile.cli import layers
from ircompile.cli.arguments import add_model, add_unverified, folder
from ircompile.cli.command import Command, status
from ircompile.cli.console import OUT, doing
from ircompile.cli.models import confirmed_from
from ircompile.cli.verify import rung_data, rungs
from ircompile.emit.writing import write_files
from ircompile.export.evidence import evidence
from ircompile.report import compared_text
from ircompile.verification import ladder


def _fill(to: argparse.ArgumentParser) -> None:
    add_model(to)
    proof = to.add_argument_group("evidence")
    proof.add_argument(
        "--on", type=rungs, default="numpy,host", metavar="RUNGS", help="of numpy, host, qemu (default: numpy,host)"
    )
    proof.add_argument(
        "-o", "--output", type=folder, metavar="DIR", help="folder to write to (default: ./NAME_evidence)"
    )
    add_unverified(proof)


def certify(arguments: argparse.Namespace) -> int:
    """Compiles, compares on all rungs and layer by layer, and writes the folder; 1 where anything differs."""
    compilation = confirmed_from(arguments)
    compiled, report = compilation.compiled, compilation.report()
    vectors = ladder.vectors_for(compiled.graph, 2)
    with doing(f"verifying on {', '.join(arguments.on)}"):
        climbed = [rung_data(rung) for rung in ladder.climb(compiled, arguments.on, vectors)]
    reference = report["compared"]["reference"]
    alone = layers.compare(compilation, reference, vectors) if reference else None
    report |= {"verified": climbed, "isolated": alone}
    with doing("writing the evidence"):
        files = evidence(compiled, arguments.model, report, climbed, alone)
        written = write_files(arguments.output or Path(f"{compiled.name}_evidence"), files)
    OUT.print(compared_text(report["compared"]), markup=False)
    for path in written:
        OUT.print(f"wrote  {path}", markup=False)
    return 1 if any(rung["differing"] for rung in climbed) else 0


CERTIFY = Command(
    "certify",
    "write evidence: operators, tests, hashes, SBOM, stack",
    """\
Write the C with evidence for people who must answer for it: every operator, its
reference, the tests behind it, what was compared, known limits, versions,
hashes, a bill of materials (CycloneDX), loop bounds and stack.""",
    f"""\
examples:
  ircompile certify net.tflite --target m4
      in ./net_evidence; EVIDENCE.md is for people, the rest for programs
  ircompile certify net.onnx --target m55 --on numpy,host,qemu -o evidence

It needs the extra: pip install 'ircompile[certify]'. docs/reliability.md
describes the method.

{status("something differs between the rungs")}""",
    _fill,
    certify,
)
