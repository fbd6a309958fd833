"""Requantization with the right shifts that let most layers of a network share their code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ircompile.kernels.model import Kernel, Packed
from ircompile.kernels.requantize import PREFERRED, Form, PairForm
from ircompile.kernels.requantize.lanes import Lanes

OTHERS = (0, 3, 1)  # right shifts that may fit all layers where the first of `PREFERRED` does not
OTHERS_OF_VECTORS = (3,)  # the same for Helium, where it is one of few that fit nearly all layers


class Repack(Protocol):
    """The constants of these nodes with these right shifts tried first, and perhaps a kink."""

    def __call__(self, shifts: Sequence[int], names: Iterable[str], kinked: bool = False) -> dict[str, Packed]:
        """By node name."""


def with_like_forms(
    packed: Mapping[str, Packed], kernels: Mapping[str, Kernel], repack: Repack, vectors: bool
) -> dict[str, Packed]:
    """The same kernels, each kind with those shifts tried first with which its layers need the fewest functions."""
    found = dict(packed)
    for pack in dict.fromkeys(kernel.pack for kernel in kernels.values()):
        names = [name for name, kernel in kernels.items() if kernel.pack == pack]
        for first in OTHERS_OF_VECTORS if vectors else OTHERS:
            if _functions(found, kernels, names) == _functions(found, kernels, names, alike=True):
                break
            other = found | repack((first, *PREFERRED), names)
            if _functions(other, kernels, names) < _functions(found, kernels, names):
                found = other
    return found


def with_like_kinks(
    packed: Mapping[str, Packed], kernels: Mapping[str, Kernel], names: Sequence[str], repack: Repack
) -> dict[str, Packed]:
    """The same kernels, those of these nodes all with a kink where some have one, if that saves a function.

    Below its zero point a layer with RELU has one code, whatever is subtracted there. It takes a few instructions a
    code more.
    """
    found = dict(packed)
    kinks = {form.kink for name in names if isinstance(form := packed[name].form, Form)}
    other = found | repack((), names, kinked=True) if len(kinks) > 1 else found
    return other if _functions(other, kernels, names) < _functions(found, kernels, names) else found


def _functions(
    packed: Mapping[str, Packed], kernels: Mapping[str, Kernel], names: Iterable[str], alike: bool = False
) -> int:
    """How many functions of C these nodes need; how many it were if all right shifts were alike."""
    functions = set[tuple[str, str, str]]()
    for name in names:
        each = packed[name]
        form = _key(each.form, alike)
        parts = [(kernels[name].template, each.key), *each.shared.values()]
        functions |= {(template, repr(_items(key, alike)), form) for template, key in parts}
    return len(functions)


def _items(key: Mapping[str, object], alike: bool) -> list[tuple[str, object]]:
    values = ((n, replace(v, shift=None) if alike and isinstance(v, Lanes) else v) for n, v in key.items())
    return sorted(values, key=str)


def _key(form: Form | PairForm | None, alike: bool) -> str:
    if form is None:
        return ""
    return replace(form, shift=None).key if alike and isinstance(form, Form) else form.key
