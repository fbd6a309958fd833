"""Where the search could save work, and how the plain planner answers: by computing.

`plan.fast` has the version that saves work. Both give equal plans, which `tests/plan/test_plain.py` checks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ircompile.plan.allocate import Allocator, OrderedPlacement

T = TypeVar("T")


class Shortcuts:
    """The plain planner's: nothing is remembered, and every changed order is placed from its begin."""

    def recall(self, kind: str, facts: tuple[Any, ...], compute: Callable[[], T]) -> T:
        """The result of `compute`, which depends on nothing but the `facts`; `kind` names the question."""
        return compute()

    def recall_each(
        self, kind: str, facts: Sequence[tuple[Any, ...]], compute: Callable[[Sequence[int]], list[T]]
    ) -> list[T]:
        """The same for many questions of one kind; `compute` gets the positions of those to answer."""
        return compute(range(len(facts)))

    def place_changed(
        self,
        allocator: Allocator,
        before: OrderedPlacement,
        order: Sequence[int],
        moved: Set[int],
        start: int,
        limit: int,
    ) -> OrderedPlacement | None:
        """Places in `order`, which differs from that of `before` by the `moved` ones, from place `start` on.

        None as soon as `limit` bytes do not suffice.
        """
        return allocator.place(order, limit)
