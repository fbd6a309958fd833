"""Pushes rows of features into a network that remembers, on an emulated board, and draws its probability.

    python examples/wakeword/listen.py                            # the whistle detector of detector.py
    python examples/wakeword/listen.py hey_jarvis.tflite jarvis.npy   # a network of microWakeWord's, and features

Features are an .npy of int8 codes, a row every 10 ms.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from detector import detector, sounds

from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array
from ircompile.passes import normalize
from ircompile.pipeline import Compiled, build, read
from ircompile.target import load_target
from ircompile.verification.bench import count_instructions
from ircompile.verification.runners.firmware import run_firmware

HERE = Path(__file__).parent
ROWS_A_SECOND, COLUMNS = 100, 60


def firmware(compiled: Compiled, rows: Array) -> list[int]:
    """What the board prints: the output's code after every call."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compiled.write(folder)
        codes = ",\n".join("    {" + ", ".join(map(str, row)) + "}" for row in rows.tolist())
        width = rows.shape[1]
        text = f"#define ROWS {len(rows)}\nstatic const int8_t features[ROWS][{width}] = {{\n{codes}\n}};\n"
        (folder / "features.h").write_text(text)
        sources = [HERE / "main.c", folder / "wakeword.c", folder / "wakeword_weights.c"]
        printed = run_firmware(sources, [folder], compiled.target)
    return [int(line) for line in printed.split()]


def listen(graph: Graph, rows: Array, target: str) -> tuple[Compiled, list[int]]:
    """Compiles the network with pushed rows, and runs it on the board of a target."""
    compiled = build(graph, load_target(target), "wakeword", "rows")
    port = compiled.interface.inputs[0]
    return compiled, firmware(compiled, rows[: len(rows) // port.height * port.height])


def draw(compiled: Compiled, codes: list[int]) -> str:
    """The curve, and what it takes."""
    api, port = compiled.interface, compiled.interface.outputs[0]
    rows = api.inputs[0].height
    lines = []
    for number, code in enumerate(codes):
        probability = port.scale * (code - port.zero_point)
        bar = "#" * round(probability * COLUMNS)
        lines.append(f"{(number + 1) * rows / ROWS_A_SECOND:6.2f} s  {probability:4.2f}  {bar}".rstrip())
    work = count_instructions(compiled)["instructions"]
    lines += [
        "",
        f"arena {api.arena_bytes:,} bytes, of which {api.state_bytes:,} are kept between calls",
        f"{work:,} instructions a call, {work * ROWS_A_SECOND / rows:,.0f} a second of audio",
    ]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="a .tflite or .ir file (default: the whistle detector)")
    parser.add_argument("features", type=Path, nargs="?", help="an .npy of rows (default: three seconds of sounds)")
    parser.add_argument("--target", default="cortex-m4")
    arguments = parser.parse_args()
    graph = read(arguments.model) if arguments.model else normalize(detector())
    rows = np.load(arguments.features) if arguments.features else sounds()
    print(draw(*listen(graph, rows.reshape(len(rows), -1), arguments.target)))


if __name__ == "__main__":
    main()
