"""The C functions of the kernels, out of templates/; the only user of Jinja. Templates decide nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, NamedTuple

import jinja2
import numpy as np

from ircompile.emit.geometry import Geometry, declarations
from ircompile.emit.layout import lay_out
from ircompile.emit.templating import environment
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Kernel, Packed
from ircompile.kernels.requantize import Form, PairForm
from ircompile.kernels.weights import WeightCoding
from ircompile.qtype import ACTIVATIONS
from ircompile.resources import templates_dir
from ircompile.target import Target

HELPERS = {
    "scale_double": ("multiply_high", "shift_away"),
    "scale_even_float": ("round_even",),
    "multiply_high": (),
    "shift_away": (),
    "round_even": (),
}
MACROS = {"assembly": "NO_ASM", "alone": "ALONE", "noinline": "NOINLINE"}
"""How the macros end that only some functions use."""


@dataclass(frozen=True)
class CodeTypes:
    """The types of the codes that a function reads and writes, as the graph names them."""

    source: str = "int8"
    target: str = "int8"

    @classmethod
    def of(cls, site: Site) -> CodeTypes:
        """Those of an op: a uint8 tensor is read and written as bytes, too."""
        return cls(*(t.dtype.replace("uint8", "int8") for t in (site.inputs[0], site.output)))

    @property
    def mark(self) -> str:
        """A part of a C identifier; "" for bytes alone."""
        kinds = dict.fromkeys((self.source, self.target))
        return "" if self == CodeTypes() or self.target == "int32" else "_to_".join(kinds)

    @property
    def context(self) -> dict[str, object]:
        """What templates know: types in C, what a count of codes is multiplied by, how a window's row is cast."""
        source, target = ACTIVATIONS[self.source], ACTIVATIONS[self.target]
        wide = source.bytes > 1

        def row_of(row: str) -> str:
            return f"(const {source.c_type} *)(const void *){row}" if wide else row

        return {
            "code_in": source.c_type,
            "code_out": target.c_type,
            "size_of": f" * sizeof({source.c_type})" if wide else "",
            "row_of": row_of,
            "least": source.low,
        }


class Callee(NamedTuple):
    """A kernel's function: its name, the struct of its layers, whether it reads that itself, types of its codes.

    One that does not read the struct takes the fields one by one.
    """

    name: str
    struct: str
    reads: bool
    types: CodeTypes


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

    @property
    def all_names(self) -> list[str]:
        """The names of all functions, callees first."""
        return [name for name, _ in self.written.values()]

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
        module: Any = self.env.get_template("kernels/arithmetic.j2").module
        return str(module.functions(self.prefix, used))

    def dsp(self) -> str:
        """The instructions of the DSP extension that the functions use, with their meanings in plain C."""
        pattern = rf"\b{self.prefix}_(sxta?b16|s(?:add|sub)16|smla(?:dx?|[bt][bt]))\("
        used = sorted(set(re.findall(pattern, "\n".join(self.texts))))
        module: Any = self.env.get_template("kernels/dsp.j2").module
        return str(module.functions(self.prefix, self.prefix.upper(), used, self.target.name)) if used else ""

    def used(self) -> dict[str, bool]:
        """Whether any function uses Helium's intrinsics, or a macro: they are defined where they are used.

        `assembly` may need the register of the frame pointer; functions that are `alone` must not be in line with
        others, and those that are `noinline` are functions where they are small, too.
        """
        body, macro = "\n".join(self.texts), self.prefix.upper()
        macros = {name: f"{macro}_{ending}" for name, ending in MACROS.items()}
        helium = re.search(r"\bv\w+q_\w+\(", body) is not None
        return {"helium": helium} | {name: whole in body for name, whole in macros.items()}

    def of(self, kernel: Kernel, packed: Packed, types: CodeTypes) -> Callee:
        """The function of a kernel with these template parameters for codes of these types."""
        types = types if self._reads(kernel.template, "code_(in|out)") else CodeTypes()
        names: dict[str, str] = {}
        for local, (template, key) in packed.shared.items():
            called = {name: fn for name, fn in names.items() if self._reads(template, name)}
            named = str(key.get("named", ""))
            names[local] = self._name(template, named, {**key, **called}, "", packed.form, types)
        struct = self.geometry.type_of(kernel.template, tuple(packed.sizes)) if packed.sizes else ""
        key = {**packed.key, **names}
        fields = tuple(packed.sizes)
        name = self._name(kernel.template, packed.suffix, key, struct, packed.form, types, fields)
        return Callee(name, struct, self._reads(kernel.template, "layer"), types)

    def _reads(self, template: str, name: str) -> bool:
        """Whether a template, as it is for the target, has a parameter whose name matches."""
        source = (templates_dir() / find_template(self.target, template)).read_text()
        return re.search(rf"\{{[{{%][^}}]*\b{name}\b", source) is not None

    def _name(
        self,
        template: str,
        suffix: str,
        key: Mapping[str, object],
        struct: str,
        form: Form | PairForm | None,
        types: CodeTypes,
        fields: Sequence[str] = (),
    ) -> str:
        """The name of the function of a template, which is rendered unless one of this key and form is there."""
        known = form if self._reads(template, "form") else None
        types = types if self._reads(template, "code_(in|out)") else CodeTypes()
        identity = (template, repr((sorted(key.items(), key=str), known, struct, types)))
        if identity not in self.written:
            depends = form and (known or not self.formed.isdisjoint(map(str, key.values())))
            parts = [self.prefix, template, types.mark, suffix, form.key if form and depends else ""]
            stem = "_".join(part for part in parts if part)
            fn = self._unique(stem, {**key, "common": len(known.common)} if isinstance(known, Form) else key)
            self.formed |= {fn} if depends else set()
            sizes = ", ".join(f"int32_t {field}" for field in fields)
            geometry = {"layer": f"const {struct} *layer", "geometry": declarations(fields), "sizes": sizes}
            context = {**self.shared, **types.context, **key, **geometry, "fn": fn, "form": form}
            self.written[identity] = (
                fn,
                self.geometry.text(struct) + self.render(find_template(self.target, template), context),
            )
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
    env.filters["continued"] = lambda text: " \\\n    ".join(["\\", *str(text).strip().split("\n")])[2:]
    return env


def find_template(target: Target, template: str) -> str:
    """The variant for the target's instruction set where there is one, else portable C."""
    features = target.features
    for wanted, ending in ((features.mve, ".mve"), (features.dsp, ".dsp"), (True, "")):
        path = f"kernels/{template}{ending}.c.j2"
        if wanted and (templates_dir() / path).exists():
            return path
    raise FileNotFoundError(template)
