"""Results that are found once, for all plans: a search makes many, which have most of their segments in common."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

MOST = 2**16
"""Results that are remembered; then all are forgotten."""
T = TypeVar("T")
_FOUND: dict[Hashable, Any] = {}


def known(facts: Hashable, compute: Callable[[], T]) -> T:
    """What `compute` gives, which depends on nothing but the facts: it is called once for each."""
    if facts not in _FOUND:
        if len(_FOUND) >= MOST:
            _FOUND.clear()
        _FOUND[facts] = compute()
    return cast(T, _FOUND[facts])
