"""The C of every form: on the host with sanitizers, on emulated cores, and how many instructions it is."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from requant_c import WARNINGS, Compiled, render
from test_requantize import CORES, ROUNDINGS, Layer, make, random_layer, telling_accumulators

from ircompile.ir.numerics import Requant, requantize
from ircompile.ir.tensor import Array
from ircompile.kernels.model import requant_words
from ircompile.kernels.requantize import (
    Form,
    PairForm,
    Recipe,
    beside_start,
    evaluate,
    evaluate_pairs,
    in_halves,
)
from ircompile.kernels.requantize.form import PairRecipe
from ircompile.kernels.requantize.quick import quick_words
from ircompile.target import load_target
from ircompile.verification.runners.firmware import run_firmware

pytestmark = pytest.mark.toolchain

TARGETS = {
    "cortex-m0plus": "mul32",
    "cortex-m3": "mul64",
    "cortex-m4": "fpu",
    "cortex-m33": "dsp",
    "cortex-m55": "fpu",
}
PAIRS = (
    PairRecipe(PairForm(22), (3242909, -4210688, 2097151)),
    PairRecipe(PairForm(20, "away"), (1 << 19, 1 << 19, 77 << 19, (5 << 20) + (1 << 19))),
    PairRecipe(PairForm(20, "even", -100, 90), (1 << 19, -(1 << 18), 3 << 18, (5 << 20) + (1 << 19) - 1)),
)
CHECK = """\
#include <stdio.h>
static int8_t out[60000];
static int equal(const int8_t *codes, int count, int which)
{
    for (int i = 0; i < count; i++) {
        if (out[i] != codes[i]) {
            printf("case %d differs at %d\\n", which, i);
            return 0;
        }
    }
    return 1;
}
"""
CONSTANT_FORMS = (Form("steps"), Form("steps", -90, 3), Form("double", -100), Form("single", high=100))


def layers_of(core: str, count: int) -> list[tuple[Layer, Recipe, Array]]:
    """Layers of every rounding, their recipes, and accumulators without bias (N, C)."""
    found = []
    rng = np.random.default_rng(len(core) + count)
    for i in range(count):
        layer = random_layer(rng, ROUNDINGS[i % len(ROUNDINGS)])
        acc = telling_accumulators(layer, rng)
        recipe = make(layer, CORES[core])
        stored = {some.form: some for some in (recipe, beside_start(recipe), in_halves(recipe))}
        found += [(layer, some, acc - layer[2]) for some in stored.values()]
    return found


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("core", CORES)
def test_host(core: str, compiler: str, tmp_path: Path) -> None:
    cases = layers_of(core, 60)
    compiled = Compiled([recipe.form for _, recipe, _ in cases], tmp_path, compiler)
    for _, recipe, acc in cases:
        np.testing.assert_array_equal(compiled.run(recipe, acc), evaluate(recipe, acc), str(recipe.form))


def test_negative_float32_scales(tmp_path: Path) -> None:
    scale = np.array([-0.0123, 0.0123, -0.75])
    bits = scale.astype(np.float32).view(np.int32)
    recipe = Recipe(Form("float32"), np.stack([np.arange(3), bits], axis=1), np.array([7], np.int32))
    acc = np.arange(-20000, 20000)[:, np.newaxis] * np.ones(3, np.int64)
    codes = evaluate(recipe, acc)
    reference = requantize(acc + np.arange(3), Requant("float32_even", "s", 7), {"s": scale})
    np.testing.assert_array_equal(codes, reference)
    np.testing.assert_array_equal(Compiled([recipe.form], tmp_path).run(recipe, acc), codes)


QUICK = (
    Form("float32", quick=True, shift=9, pre=4, rounded=True), Form("float32", quick=True, shift=9, pre=10),
    Form("float32", quick=True, shift=16, parts=2, limb=12),
    Form("float32", quick=True, shift=16, parts=3, limb=10),
    Form("float32", quick=True, shift=12, parts=3, limb=9),
)  # fmt: skip


@pytest.mark.parametrize("quick", QUICK, ids=lambda form: form.key)
def test_quick_float32_near_ties(quick: Form, tmp_path: Path) -> None:
    """Float32 arithmetic by a product in integers, on those of 4 million accumulators that are nearest to a tie."""
    most = 31 - quick.exponent
    scale = 2.0 ** np.random.default_rng(5).uniform(most - 7, most, 12)
    scale = np.append(scale, [2.0 ** (most - 1), 2.0**most - 2.0 ** (most - 24)]).astype(np.float32)
    assert (np.ldexp(scale, quick.exponent) % 1 == 0).all()
    if not quick.parts:
        scale = np.append(scale, -scale[0])
    acc = np.arange(-(2**17), 2**17)[:, np.newaxis] * np.ones(len(scale), np.int64)
    real = np.abs(acc * scale.astype(np.float64))
    order = np.argsort(np.abs(real - np.floor(real) - 0.5) + 1000 * (real > 256), axis=0)[:20000]
    acc = np.take_along_axis(acc, order, axis=0)
    base, multiplier = quick_words(quick, np.abs(scale).astype(np.float64), -3)
    words = np.stack([np.zeros(len(scale), np.int64), np.where(scale < 0, -multiplier, multiplier)], axis=1)
    recipe = Recipe(quick, words.astype(np.int32), np.array([base], np.int32))
    reference = np.clip(np.rint(acc.astype(np.float32) * scale) - 3, -128, 127)
    np.testing.assert_array_equal(evaluate(recipe, acc), reference)
    np.testing.assert_array_equal(Compiled([quick], tmp_path).run(recipe, acc), reference)


@pytest.mark.parametrize("target", TARGETS)
def test_emulated_core(target: str, tmp_path: Path) -> None:
    """A program that checks itself: every form of some layers, on the accumulators that tell most."""
    cases = layers_of(TARGETS[target], 24)
    source = tmp_path / "check.c"
    source.write_text(self_checking(cases))
    said = run_firmware([source], [], load_target(target)).splitlines()
    assert said[0] == f"checked {len(cases) + len(PAIRS)}"


def self_checking(cases: Sequence[tuple[Layer, Recipe, Array]]) -> str:
    """C that compares codes with what the NumPy model says."""
    forms = list(dict.fromkeys(recipe.form for _, recipe, _ in cases))
    text = [render([*forms, *(pair.form for pair in PAIRS)]), CHECK]
    body = []
    for i, (_, recipe, acc) in enumerate(cases):
        few = acc[:: max(1, len(acc) * acc.shape[1] // 2000)]
        text += [array(f"words{i}", "int32_t", requant_words(recipe)), array(f"acc{i}", "int32_t", few.T)]
        text += [array(f"codes{i}", "int8_t", evaluate(recipe, few).T)]
        run = f"run_{forms.index(recipe.form)}(words{i}, acc{i}, out, {few.shape[1]}, {few.shape[0]})"
        body += [f"{run}; good += equal(codes{i}, {few.size}, {i});"]
    a, b = (codes.reshape(-1) for codes in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128, 5)))
    text += [array("a", "int8_t", a), array("b", "int8_t", b)]
    for i, pair in enumerate(PAIRS):
        text += [array(f"pair{i}", "int8_t", evaluate_pairs(pair, a, b))]
        text += [array(f"values{i}", "int32_t", np.array(pair.values))]
        body += [
            f"run_{pair.form.key}(a, b, values{i}, out, {a.size}); good += equal(pair{i}, {a.size}, {1000 + i});"
        ]
    text += ["int main(void)", "{", "int good = 0;", *body, 'printf("checked %d\\n", good);', "return 0;", "}"]
    return "\n".join(text)


def array(name: str, kind: str, values: Array) -> str:
    """A C array."""
    return f"static const {kind} {name}[] = {{{', '.join(str(int(v)) for v in values.reshape(-1))}}};"


@pytest.mark.parametrize("command", [
    "gcc", "clang", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m0plus", "arm-none-eabi-gcc -mthumb -mcpu=cortex-m3",
    "arm-none-eabi-gcc -mthumb -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16",
    "clang --target=arm-none-eabi -mcpu=cortex-m4 -mfloat-abi=hard -ffreestanding",
    "clang --target=arm-none-eabi -mcpu=cortex-m0plus -ffreestanding",
])  # fmt: skip
def test_no_warnings(command: str, tmp_path: Path) -> None:
    """Each form alone too: helpers that a file does not use are not written."""
    forms = [
        Form("high", shift=2),
        Form("high", shift=2, rounded=True),
        Form("high", -90, 90, shift=2, rounded=True),
    ]
    forms += [Form("high", shift=2, storage="beside start"), Form("split", parts=2, limb=12, storage="tied")]
    forms += [Form("split", parts=2, limb=12, storage="halves"), Form("split", parts=3, limb=12, storage="tied")]
    forms += [Form("split", parts=2, limb=12), Form("split", parts=3, limb=10, kink=True, exceptions=1)]
    forms += [Form("float32"), Form("float32", -90, 90), Form("double"), *CONSTANT_FORMS, *QUICK]
    for few in ([*forms, *(pair.form for pair in PAIRS)], *([form] for form in forms)):
        source = tmp_path / "forms.c"
        source.write_text(render(few))
        flags = ["-std=c99", "-O2", *WARNINGS, "-c", str(source), "-o", str(tmp_path / "forms.o")]
        subprocess.run([*command.split(), *flags], check=True)


@pytest.mark.parametrize(("form", "expected"), [
    (Form("high", shift=2, rounded=True), 2), (Form("high", rounded=True), 3),
    (Form("high", pre=1, rounded=True, kink=True), 5), (Form("high", shift=2, rounded=True, exceptions=1), 5),
    (Form("high", -90, 127, shift=2, rounded=True), 5), (Form("high", shift=2), 3),
    (Form("split", parts=2, limb=12), 6), (Form("split", parts=3, limb=10), 8), (Form("float32"), 7),
], ids=lambda value: getattr(value, "key", None))  # fmt: skip
def test_instructions_on_m4(form: Form, expected: int, tmp_path: Path) -> None:
    """What gcc makes of the inner loop, beside a load, an addition of the bias, store and loop."""
    source, target = tmp_path / "loop.c", load_target("cortex-m4")
    source.write_text(render([form]))
    flags = ["-std=c99", "-O2", *target.cflags, "-c", str(source), "-o", str(tmp_path / "loop.o")]
    subprocess.run(["arm-none-eabi-gcc", *flags], check=True)
    dump = ["arm-none-eabi-objdump", "-d", "--no-show-raw-insn", str(tmp_path / "loop.o")]
    listing = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    overhead = 6
    assert abs(inner_loop(listing) - overhead - expected) <= (form.name == "split")


def inner_loop(listing: str) -> int:
    """Instructions of the shortest loop that stores a code."""
    lines = [(int(m[1], 16), m[2]) for m in re.finditer(r"^\s*([0-9a-f]+):\t(.+)$", listing, re.MULTILINE)]
    sizes = []
    for address, text in lines:
        branch = re.match(r"b\w*(?:\.[nw])?\s+([0-9a-f]+) <", text)
        if branch and int(branch[1], 16) <= address:
            loop = [t for a, t in lines if int(branch[1], 16) <= a <= address]
            sizes += [len(loop)] if any("strb" in t for t in loop) else []
    return min(sizes)
