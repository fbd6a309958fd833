"""The C functions of the kernels, out of templates/; the only user of Jinja. Templates decide nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jinja2
import numpy as np

from ircompile.kernels.model import Kernel, Packed
from ircompile.kernels.requantize import Form, PairForm
from ircompile.resources import templates_dir
from ircompile.target import Target
from ircompile.templating import environment

HELPERS = {
    "scale_double": ("multiply_high", "shift_away"),
    "scale_even_float": ("round_even",),
    "multiply_high": (),
    "shift_away": (),
    "round_even": (),
}


class Functions:
    """One C function for each kernel, geometry and requantization form, written after those it calls."""

    def __init__(self, prefix: str, target: Target, shared: Mapping[str, Any]) -> None:
        self.prefix, self.target, self.shared = prefix, target, shared
        self.env = c_environment()
        self.written: dict[tuple[str, str], tuple[str, str]] = {}
        self.names: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        """All functions, callees first."""
        return [text for _, text in self.written.values()]

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        """A template filled in."""
        text = self.env.get_template(template).render(context)
        text = re.sub(r" +$", "", text, flags=re.MULTILINE)
        return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"

    def arithmetic(self) -> str:
        """The helpers for exact rounding that the functions call."""
        body = "\n".join(self.texts)
        used = {helper for helper in HELPERS if f"{self.prefix}_{helper}(" in body}
        for helper in sorted(used):
            used |= set(HELPERS[helper])
        module = self.env.get_template("kernels/arithmetic.j2").module
        return str(module.functions(self.prefix, used))  # type: ignore[attr-defined]

    def intrinsics_headers(self) -> list[str]:
        """The compiler's headers that declare the intrinsics in them."""
        text = "\n".join(self.texts)
        headers = ["<arm_mve.h>"] if re.search(r"\bv\w+q_\w+\(", text) else []
        acle = r"\b__(ssat|usat|sxt|uxt|smla|smul|smus|sadd|ssub|qadd|qsub|pkh|ror|clz)\w*\("
        return headers + (["<arm_acle.h>"] if re.search(acle, text) else [])

    def of(self, kernel: Kernel, packed: Packed) -> str:
        """The name of the function of a kernel with these template parameters."""
        names: dict[str, str] = {}
        for local, (template, key) in packed.shared.items():
            names[local] = self._name(template, "", {**key, **names}, "", packed.form)
        sizes = ", ".join(f"int32_t {name}" for name in packed.sizes)
        return self._name(kernel.template, packed.suffix, {**packed.key, **names}, sizes, packed.form)

    def _name(
        self, template: str, suffix: str, key: Mapping[str, object], sizes: str, form: Form | PairForm | None
    ) -> str:
        """The name of the function of a template, which is rendered unless one of this key and form is there."""
        path = find_template(self.target, template)
        known = form if re.search(r"\bform\b", (templates_dir() / path).read_text()) else None
        identity = (template, repr((sorted(key.items(), key=str), known)))
        if identity not in self.written:
            stem = "_".join(part for part in (self.prefix, template, suffix) if part)
            self.names[stem] = self.names.get(stem, 0) + 1
            number = self.names[stem]
            fn = stem if number == 1 else f"{stem}_v{number}"
            context = {**self.shared, **key, "fn": fn, "sizes": sizes, "form": FormView(form)}
            self.written[identity] = (fn, self.render(path, context))
        return self.written[identity][0]


class FormView:
    """A requantization form as templates see it; absent for kernels without one."""

    def __init__(self, form: Any) -> None:
        self.form = form

    def __getattr__(self, name: str) -> Any:
        return getattr(self.form, name)

    @property
    def fields_count(self) -> int:
        """int32 words of a channel."""
        return 256 if self.form.name == "steps" else 1 + len(self.form.fields)


def c_environment() -> jinja2.Environment:
    """Jinja with what the templates of kernels use."""
    env = environment()
    env.filters["float32"] = lambda value: f"{float(np.float32(value))!r}f"
    env.globals["rq"] = env.get_template("kernels/requant.j2").module
    return env


def find_template(target: Target, template: str) -> str:
    """The variant for the target's instruction set where there is one, else portable C."""
    features = target.features
    for wanted, ending in ((features.mve, ".mve"), (features.dsp, ".dsp"), (True, "")):
        path = f"kernels/{template}{ending}.c.j2"
        if wanted and (templates_dir() / path).exists():
            return path
    raise FileNotFoundError(template)
