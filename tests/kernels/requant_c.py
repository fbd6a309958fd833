"""Compiles requantization forms and runs them on accumulators."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np

from ircompile.ir.tensor import Array
from ircompile.kernels.model import requant_words
from ircompile.kernels.requantize import Form, PairForm, Recipe
from ircompile.resources import templates_dir

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror"]
PROGRAM = """\
{% import "kernels/requant.j2" as rq with context %}
#include <stdint.h>
#define NET_NOINLINE static
{{ rq.helpers(forms, [], true) }}
{% for form in forms if form.name != "pair" %}
void run_{{ loop.index0 }}(const int32_t *words, const int32_t *acc, int8_t *out, int32_t channels, int32_t count);
void run_{{ loop.index0 }}(const int32_t *words, const int32_t *acc, int8_t *out, int32_t channels, int32_t count)
{
    {{ rq.common(form, "words") | indent(4) }}
    for (int32_t c = 0; c < channels; c++) {
        const int32_t *const channel = words + {{ form.common | length }} + c * {{ form.fields_count }};
        {{ rq.load(form, "channel", "c") | indent(8) }}
        for (int32_t i = 0; i < count; i++) {
            const int32_t sum = *acc++ + {{ rq.start(form, "channel") }};
            *out++ = (int8_t){{ rq.apply(form, "sum", "c") }};
        }
    }
}
{% endfor %}
{% for form in forms if form.name == "pair" %}
void run_{{ form.key }}(const int8_t *a, const int8_t *b, const int32_t *values, int8_t *out, int32_t count);
void run_{{ form.key }}(const int8_t *a, const int8_t *b, const int32_t *values, int8_t *out, int32_t count)
{
{% for name in form.parameters %}
    const int32_t {{ name }} = values[{{ loop.index0 }}];
{% endfor %}
    for (int32_t i = 0; i < count; i++) {
        out[i] = (int8_t){{ rq.apply_pair(form, "a[i]", "b[i]") }};
    }
}
{% endfor %}
"""


def render(forms: Sequence[Form | PairForm]) -> str:
    """A C file with one function a form, run_0, run_1 and so on."""
    loader = jinja2.FileSystemLoader(templates_dir())
    env = jinja2.Environment(
        loader=loader, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False
    )
    return env.from_string(PROGRAM).render(forms=forms, p="net", N="NET")


class Compiled:
    """Forms in C on the host, by gcc with the undefined-behaviour sanitizer."""

    def __init__(
        self, forms: Sequence[Form], folder: Path, compiler: str = "gcc", defined: Sequence[str] = ()
    ) -> None:
        self.index = {form: i for i, form in enumerate(dict.fromkeys(forms))}
        source = render(list(self.index))
        stem = folder / hashlib.sha256(source.encode()).hexdigest()[:16]
        stem.with_suffix(".c").write_text(source)
        library = stem.with_suffix(".so")
        flags = ["-std=c99", "-O1", "-shared", "-fPIC"]
        flags += ["-fsanitize=undefined", "-fno-sanitize-recover=all"] if compiler == "gcc" else []
        command = [compiler, *flags, *defined, *WARNINGS, str(stem.with_suffix(".c")), "-o", str(library)]
        subprocess.run(command, check=True)
        self.library = ctypes.CDLL(str(library))

    def run(self, recipe: Recipe, acc_without_bias: Array) -> Array:
        """Codes (N, C) of accumulators (N, C)."""
        acc = np.ascontiguousarray(acc_without_bias.T.astype(np.int32))
        words = requant_words(recipe)
        out = np.zeros(acc.shape, np.int8)
        pointer = ctypes.POINTER(ctypes.c_int32)
        function = getattr(self.library, f"run_{self.index[recipe.form]}")
        function(
            words.ctypes.data_as(pointer),
            acc.ctypes.data_as(pointer),
            out.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
            acc.shape[0],
            acc.shape[1],
        )
        return out.T
