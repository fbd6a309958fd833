"""Count what CMSIS-NN's kernels execute for a network, layer after layer as TFLite Micro calls them.

usage: cmsis_nn.py CMSIS_NN_CHECKOUT MODEL.tflite... [--cores m4,m7] [--json FILE]

Its figures stand in targets/timing/measurements.toml, where the cycle model is held against public measurements.
TFLite Micro's interpreter itself is left out: below 1 % on networks of this kind. Convolutions, fully connected
layers, poolings and additions are called with the model's own geometry, on zeros; other operators are named and
left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from ircompile.importers import load
from ircompile.ir import ops
from ircompile.ir.graph import Graph, Node
from ircompile.resources import templates_dir
from ircompile.target import Target, load_emulated, load_target
from ircompile.verification.runners import build, counts, harness

_HEAD = """\
#include "arm_nnfunctions.h"
#include "h_io.h"
extern const int8_t model_weights[];
static int8_t a[{most}] __attribute__((section(".bss.arena"), aligned(16)));
static int8_t b[{most}] __attribute__((section(".bss.arena"), aligned(16)));
static int8_t c[{most}] __attribute__((section(".bss.arena"), aligned(16)));
static int8_t scratch[{scratch}] __attribute__((section(".bss.arena"), aligned(16)));
static int32_t multipliers[4096], shifts[4096], bias[4096];
static void check(int status, int32_t layer) {{ if (status) h_fail("CMSIS-NN refused a layer", layer, status); }}
static int32_t room(int32_t bytes)
{{
    if (bytes > (int32_t)sizeof scratch)
        h_fail("more scratch is asked for", 0, bytes);
    return bytes;
}}
"""


def main() -> int:
    """Counts and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--cores", default="m4,m7,m33,m55")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    for core in given.cores.split(","):
        target = load_target(core)
        with tempfile.TemporaryDirectory() as folder:
            library = compile_library(given.checkout, target, Path(folder))
            for path in given.models:
                rows.append(count(load(path), path.stem, library, given.checkout, target, Path(folder)))
                print(rows[-1], flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


def compile_library(checkout: Path, target: Target, folder: Path) -> list[Path]:
    """All of CMSIS-NN for a core, as TFLite Micro builds it: -O3 on M3 and M55, else -O2."""
    level = "-O3" if target.name in ("cortex-m3", "cortex-m55", "cortex-m85") else "-O2"
    flags = [*target.cflags, level, "-std=gnu11", "-ffunction-sections", "-I", checkout / "Include"]
    wanted = ("Convolution", "FullyConnected", "Pooling", "BasicMath", "NNSupport", "Transpose")
    sources = [s for f in wanted for s in sorted((checkout / "Source" / f"{f}Functions").glob("*.c"))]
    sources = [source for source in sources if not source.stem.endswith(("f16", "f32"))]
    return build.compile_all(target.compiler, flags, sources, folder, "CMSIS-NN")


def count(
    graph: Graph, name: str, library: list[Path], checkout: Path, target: Target, folder: Path
) -> dict[str, Any]:
    """Instructions, cycles at zero wait states, and weight bytes of one inference."""
    calls = [text for i, node in enumerate(graph.nodes) for text in call(graph, node, i)]
    most = max(t.height * t.width * t.channels for t in graph.tensors.values()) + 64
    largest = max((array.nbytes for array in graph.consts.values()), default=1)
    source, weights = folder / "model.c", folder / "model_weights.c"
    body = "void model_run(void);\nvoid model_run(void)\n{\n" + "\n".join(calls) + "\n}\n"
    source.write_text(_HEAD.format(most=most, scratch=max(most, 131072)) + body)
    weights.write_text(f"#include <stdint.h>\nextern const int8_t model_weights[{largest}];\n"
                       f"const int8_t model_weights[{largest}] = {{1}};\n")  # fmt: skip
    own = folder / "h_harness.c"
    own.write_text('#include "h_io.h"\nvoid model_run(void);\n\n'
                   "int main(void)\n{\n    h_run_begin();\n    model_run();\n"
                   "    h_run_end();\n    return 0;\n}\n")  # fmt: skip
    regions = run([source, weights, own], library, checkout, target, folder)
    found = {
        kind: sum(r.kinds.get(kind, 0) for r in regions.values()) for r in regions.values() for kind in r.kinds
    }
    return {
        "model": name,
        "core": target.name,
        "instructions": sum(found.values()),
        "cycles": sum(r.cycles for r in regions.values()),
        "weights": [own for node in graph.nodes if (own := weight_reads(graph, node, target))],
        "classes": dict(sorted(found.items())),
    }


def run(sources: list[Path], library: list[Path], checkout: Path, target: Target, folder: Path) -> counts.Regions:
    """Builds the program and runs it on the target's emulated board, counting."""
    boards = templates_dir() / "boards"
    board = load_emulated(target.board or "")
    flags = [*target.cflags, "-O2", "-std=gnu11", "-I", checkout / "Include", "-I", boards]
    objects = build.compile_all(target.compiler, flags, [*sources, boards / "h_board.c"], folder, "CMSIS-NN")
    memory = board.memory
    regions = {"code": memory.code, "ram": memory.ram, "model": memory.model, "big": memory.big}
    script = harness.render("board.ld.j2", folder / "board.ld", board=board, regions=regions, model_region="model",
                            arena_region="big", stack_bytes=65536)  # fmt: skip
    elf = folder / "program.elf"
    link = [target.compiler, *target.cflags, "-nostartfiles", "-Wl,--gc-sections", "-T", script, *objects, *library]
    build.call_checked([*link, "-lm", "-o", elf], "CMSIS-NN", "linking")
    symbols = counts.read_symbols(target.compiler, elf, "CMSIS-NN")
    out = folder / "counts.txt"
    plugin = counts.plugin_argument(counts.plugin_path(folder, "CMSIS-NN"), symbols, out)
    (folder / "in.bin").write_bytes(b"")
    quiet = ["-display", "none", "-monitor", "none", "-serial", "none", "-nodefaults", "-nic", "none"]
    machine = ["qemu-system-arm", "-M", board.machine, *quiet, "-semihosting-config", "enable=on,target=native"]
    done = build.call([*machine, "-kernel", elf, "-plugin", plugin], "CMSIS-NN", cwd=folder)
    if done.returncode:
        raise SystemExit(harness.failure_text(done.stderr, done.stdout))
    return counts.sum_regions(target.compiler, elf, out, symbols, target, "CMSIS-NN")


def weight_reads(graph: Graph, node: Node, target: Target) -> tuple[int, int] | None:
    """Bytes of weights of a layer, and those that it loads: two pixels at once, with Helium four."""
    if not isinstance(node.op, ops.Conv | ops.Depthwise):
        return None
    output, size = graph.site(node).output, graph.consts[node.op.weights].nbytes
    pixels = output.height * output.width
    at_once = 4 if target.features.mve else 2
    return size, size * (pixels if isinstance(node.op, ops.Depthwise) else -(-pixels // at_once))


def call(graph: Graph, node: Node, index: int) -> list[str]:
    """The C that calls a layer's kernel."""
    site = graph.site(node)
    x, y, op = site.inputs[0], site.output, node.op
    clamp, offsets = "{-128, 127}", f"{-x.zero_point}, {y.zero_point}"
    kernel = op.window.kernel if isinstance(op, ops.Conv | ops.Depthwise) else (x.height, x.width)
    lines = [
        f"const cmsis_nn_dims in = {{1, {x.height}, {x.width}, {x.channels}}};",
        f"const cmsis_nn_dims out = {{1, {y.height}, {y.width}, {y.channels}}};",
        f"const cmsis_nn_dims biases = {{1, 1, 1, {y.channels}}};",
        "cmsis_nn_context context = {scratch, sizeof scratch};",
        "const cmsis_nn_per_channel_quant_params quant = {multipliers, shifts};",
        "(void)context; (void)quant; (void)biases;",
    ]
    operands = "&in, a, &filter, model_weights, &biases, bias, &out, b"
    match op:
        case ops.Conv() if (x.height, x.width) == (1, 1) == (y.height, y.width):
            lines += [
                f"const cmsis_nn_fc_params params = {{{-x.zero_point}, 0, {y.zero_point}, {clamp}}};",
                f"const cmsis_nn_dims filter = {{{x.channels}, 1, 1, {y.channels}}};",
                "const cmsis_nn_per_tensor_quant_params one = {1 << 30, -7};",
                "if (room(arm_fully_connected_s8_get_buffer_size(&filter)) > 0)",
                f"    check(arm_vector_sum_s8((int32_t *)(void *)scratch, {x.channels}, {y.channels},",
                f"                            model_weights, {-x.zero_point}, 0, bias), {index});",
                f"check(arm_fully_connected_s8(&context, &params, &one, {operands}), {index});",
            ]
        case ops.Conv():
            lines += [
                f"const cmsis_nn_conv_params params = {{{offsets}, {_windowed(op.window)}, {clamp}}};",
                f"const cmsis_nn_dims filter = {{{y.channels}, {kernel[0]}, {kernel[1]}, {x.channels}}};",
                "room(arm_convolve_wrapper_s8_get_buffer_size(&params, &in, &filter, &out));",
                f"check(arm_convolve_wrapper_s8(&context, &params, &quant, {operands}), {index});",
            ]
        case ops.Depthwise():
            times = y.channels // x.channels
            lines += [
                f"const cmsis_nn_dw_conv_params params = {{{offsets}, {times}, {_windowed(op.window)}, {clamp}}};",
                f"const cmsis_nn_dims filter = {{1, {kernel[0]}, {kernel[1]}, {y.channels}}};",
                "room(arm_depthwise_conv_wrapper_s8_get_buffer_size(&params, &in, &filter, &out));",
                f"check(arm_depthwise_conv_wrapper_s8(&context, &params, &quant, {operands}), {index});",
            ]
        case ops.Mean():
            lines += [
                f"const cmsis_nn_pool_params params = {{{{1, 1}}, {{0, 0}}, {clamp}}};",
                f"const cmsis_nn_dims filter = {{1, {kernel[0]}, {kernel[1]}, 1}};",
                f"check(arm_avgpool_s8(&context, &params, &in, a, &filter, &out, b), {index});",
            ]
        case ops.Binary() if len(site.inputs) == 2:
            lines += [
                "check(arm_elementwise_add_s8(a, c, 1, 1 << 30, 0, 1, 1 << 30, 0, 20, b, 0, 1 << 30, -19,",
                f"                             -128, 127, {y.height * y.width * y.channels}), {index});",
            ]
        case _:
            print(f"  left out: {type(op).__name__} {x.shape} -> {y.shape}", file=sys.stderr)
            return []
    return ["    {", *(f"        {line}" for line in lines), "    }"]


def _windowed(window: ops.Window) -> str:
    """Stride, padding and dilation, each as width and height."""
    (sy, sx), (top, _, left, _), (dy, dx) = window.stride, window.padding, window.dilation
    return f"{{{sx}, {sy}}}, {{{left}, {top}}}, {{{dx}, {dy}}}"


if __name__ == "__main__":
    sys.exit(main())
