"""The C functions of the kernels, out of templates/; the only user of Jinja. Templates decide nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any

import jinja2
import numpy as np

from ircompile.emit.geometry import Geometry, declarations
from ircompile.emit.layout import lay_out
from ircompile.emit.templating import environment
from ircompile.kernels.model import Kernel, Packed
from ircompile.kernels.requantize import Form, PairForm
from ircompile.kernels.weights import WeightCoding
from ircompile.resources import templates_dir
from ircompile.target import Target

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
        self.env = c_environment(prefix)
        self.geometry = Geometry(prefix)
        self.written: dict[tuple[str, str], tuple[str, str]] = {}
        self.names: dict[str, list[Mapping[str, object]]] = {}
        self.formed: set[object] = set()

    @property
    def texts(self) -> list[str]:
        """All functions, callees first."""
        return [text for _, text in self.written.values()]

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        """A template filled in."""
        text = re.sub(r" +$", "", self.env.get_template(template).render(context), flags=re.MULTILINE)
        return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"

    def render_code(self, template: str, context: Mapping[str, Any]) -> str:
        """The same, laid out as C."""
        return lay_out(self.render(template, context))

    def arithmetic(self) -> str:
        """The helpers for exact rounding that the functions call."""
        body = "\n".join(self.texts)
        used = {helper for helper in HELPERS if f"{self.prefix}_{helper}(" in body}
        for helper in sorted(used):
            used |= set(HELPERS[helper])
        module = self.env.get_template("kernels/arithmetic.j2").module
        return str(module.functions(self.prefix, used))  # type: ignore[attr-defined]

    def dsp(self) -> str:
        """The instructions of the DSP extension that the functions use, with their meanings in plain C."""
        pattern = rf"\b{self.prefix}_(sxtb16|smla(?:dx?|[bt][bt]))\("
        used = sorted(set(re.findall(pattern, "\n".join(self.texts))))
        module: Any = self.env.get_template("kernels/dsp.j2").module
        return str(module.functions(self.prefix, self.prefix.upper(), used, self.target.name)) if used else ""

    def is_helium(self) -> bool:
        """Whether any function uses Helium's intrinsics."""
        return re.search(r"\bv\w+q_\w+\(", "\n".join(self.texts)) is not None

    def of(self, kernel: Kernel, packed: Packed) -> tuple[str, str, bool]:
        """The function of a kernel with these template parameters, and the struct of its layers, if it has any.

        The last says whether it reads the struct itself; else it takes the fields one by one.
        """
        names: dict[str, str] = {}
        for local, (template, key) in packed.shared.items():
            names[local] = self._name(template, "", {**key, **names}, "", packed.form)
        struct = self.geometry.type_of(kernel.template, tuple(packed.sizes)) if packed.sizes else ""
        source = (templates_dir() / find_template(self.target, kernel.template)).read_text()
        reads = "{{ layer }}" in source
        key = {**packed.key, **names}
        fields = tuple(packed.sizes)
        return self._name(kernel.template, packed.suffix, key, struct, packed.form, fields), struct, reads

    def _name(
        self,
        template: str,
        suffix: str,
        key: Mapping[str, object],
        struct: str,
        form: Form | PairForm | None,
        fields: Sequence[str] = (),
    ) -> str:
        """The name of the function of a template, which is rendered unless one of this key and form is there."""
        path = find_template(self.target, template)
        known = form if re.search(r"\bform\b", (templates_dir() / path).read_text()) else None
        identity = (template, repr((sorted(key.items(), key=str), known, struct)))
        if identity not in self.written:
            depends = form and (known or not self.formed.isdisjoint(map(str, key.values())))
            parts = [self.prefix, template, suffix, form.key if form and depends else ""]
            stem = "_".join(part for part in parts if part)
            fn = self._unique(stem, key)
            self.formed |= {fn} if depends else set()
            sizes = ", ".join(f"int32_t {field}" for field in fields)
            geometry = {"layer": f"const {struct} *layer", "geometry": declarations(fields), "sizes": sizes}
            context = {**self.shared, **key, **geometry, "fn": fn, "form": form}
            self.written[identity] = (fn, self.geometry.text(struct) + self.render(path, context))
        return self.written[identity][0]

    def _unique(self, stem: str, key: Mapping[str, object]) -> str:
        """A name that no other function has: the stem, and what the first one so called has not."""
        others = self.names.setdefault(stem, [])
        others.append(key)
        taken = {fn for fn, _ in self.written.values()}
        marks = differences(others[0], key)
        names = [stem] * (len(others) == 1) + ["_".join([stem, *marks])] * bool(marks)
        numbered = (f"{stem}_v{number}" for number in count(len(others)))
        return next(name for name in chain(names, numbered) if name not in taken)


def differences(first: Mapping[str, object], key: Mapping[str, object]) -> list[str]:
    """What of a key is not as in another one, in words of a C identifier; nothing where words cannot say it."""
    changed = {
        name: value for name, value in key.items() if first.get(name) != value and not isinstance(value, str)
    }
    codings = [value.value for value in changed.values() if isinstance(value, WeightCoding)]
    changed = {name: value for name, value in changed.items() if not isinstance(value, WeightCoding)}
    if not all(isinstance(value, int) and 0 <= value < 1000 for value in changed.values()):
        return []
    plain = {name: value for name, value in changed.items() if isinstance(value, bool)}
    words = [name if value else f"not_{name}" for name, value in plain.items()]
    return codings + words + [f"{name}{value}" for name, value in changed.items() if name not in plain]


def c_environment(prefix: str) -> jinja2.Environment:
    """Jinja with what the templates of kernels use; all names of the C begin with `prefix`."""
    env = environment()
    env.filters["float32"] = lambda value: f"{float(np.float32(value))!r}f"
    env.globals["rq"] = env.get_template("kernels/requant.j2").make_module({"p": prefix, "N": prefix.upper()})
    return env


def find_template(target: Target, template: str) -> str:
    """The variant for the target's instruction set where there is one, else portable C."""
    features = target.features
    for wanted, ending in ((features.mve, ".mve"), (features.dsp, ".dsp"), (True, "")):
        path = f"kernels/{template}{ending}.c.j2"
        if wanted and (templates_dir() / path).exists():
            return path
    raise FileNotFoundError(template)
