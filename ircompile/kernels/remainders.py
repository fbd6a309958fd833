"""Leaves out of shared functions what none of their layers needs: code for odd pixels and channels left over."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ircompile.kernels.model import Packed
from ircompile.kernels.weights import WeightCoding

CALLED = ("turn", "one_pixel")
"""What they call for two channels at a time."""
ONE_PIXEL = ("pixel", "one_turn", "one_pixel", "spread_one", "store_one", "pair_one")


def without_remainders(packed: Mapping[str, Packed]) -> dict[str, Packed]:
    """The same kernels, whose functions deal with the rows and channels that there are.

    Layers of equal template parameters and form go on sharing a function: it has what any of them needs.
    """
    odd = {_caller(p) for p in packed.values() if _parts(p) and p.sizes.get("width", 1) % 2}
    found = {name: p if _caller(p) in odd else _in_pairs(p) for name, p in packed.items()}
    rest = {callee for p in found.values() if _again(p) for callee in _callees(p, _parts(p))}
    few = {callee for p in found.values() if _in_twos(p) for callee in _callees(p, p.shared)}
    apart = {_callee(p, "tile") for p in found.values() if "tile" in _parts(p) and not _are_neighbours(p)}
    return {name: _with_rest(p, rest, few, apart) for name, p in found.items()}


def _caller(packed: Packed) -> str:
    """What layers have in common whose kernels are one function."""
    return repr((packed.key, packed.form, packed.shared))


def _callee(packed: Packed, part: str) -> str:
    """What layers have in common that share this part."""
    return repr((packed.shared[part], None if part in CALLED else packed.form))


def _again(packed: Packed) -> bool:
    """Whether channels left over of four are computed with three, two or one of those before, again."""
    channels = packed.sizes.get("channels_out", 0)
    return channels > 4 and channels % 4 > 0 and not packed.key.get("twos")


def _in_twos(packed: Packed) -> bool:
    """Whether channels are left over that are computed two at a time."""
    if packed.key.get("coding") is WeightCoding.WINOGRAD:
        return False
    return not _parts(packed) or (packed.sizes.get("channels_out", 0) % 4 > 0 and not _again(packed))


def _callees(packed: Packed, names: Iterable[str]) -> Iterator[str]:
    """The shared functions of a layer that deal with channels left over: parts, and what these call for them."""
    for name in names:
        if name in _parts(packed) or name in CALLED:
            yield _callee(packed, name)


def _parts(packed: Packed) -> tuple[str, ...]:
    """The functions of a DSP kernel that take four channels at a time, then those left over."""
    if "stream" not in packed.arrays:
        return ()
    return tuple(part for part in ("tile", "pixel") if packed.shared.get(part, ("",))[0] == part)


def _are_neighbours(packed: Packed) -> bool:
    """Whether both pixels of a tile always lie side by side; at the end of an odd row of windows they are one."""
    windows = "passes" in packed.key or "window" in packed.key
    return packed.sizes["pixel_step"] == 1 and not (windows and packed.sizes["width"] % 2)


def _in_pairs(packed: Packed) -> Packed:
    """A kernel of two pixels at a time without the functions of a single one."""
    if "tile" not in _parts(packed):
        return packed
    return replace(packed, shared={name: s for name, s in packed.shared.items() if name not in ONE_PIXEL})


def _with_rest(packed: Packed, rest: set[str], few: set[str], apart: set[str]) -> Packed:
    """`rest` have channels left over that are computed as the last four, `few` those in twos.

    Where pixels of no layer lie `apart`, they are neighbours.
    """
    shared = dict(packed.shared)
    for part in (
        name for name in shared if name in _parts(packed) or (name in CALLED and "stream" in packed.arrays)
    ):
        template, key = shared[part]
        callee = _callee(packed, part)
        adjacent = {"adjacent": callee not in apart} if template == "tile" else {}
        shared[part] = (template, {**key, "rest": callee in rest, "few": callee in few, **adjacent})
    return replace(packed, shared=shared)
