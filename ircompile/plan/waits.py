"""The waits of a node as a straight line, for the C's tables."""

from __future__ import annotations


def affine_wait(stops: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """(times, plus, over, most) with stops[s] == min((s * times + plus) // over, most), all s; None if none fits.

    `plus` is not negative, so that C's division truncates as // does.
    """
    most = max(stops)
    if min(stops) == most:
        return 0, most, 1, most
    reached = next(i for i, stop in enumerate(stops) if stop == most)
    for over in range(1, 17):
        for times in {*range(1, 5), *([-(-(most * over) // max(reached, 1))] if reached else [])}:
            plus = _plus(stops[: reached + 1], times, over)
            if plus is not None:
                fits = all(stop == min((s * times + plus) // over, most) for s, stop in enumerate(stops))
                if fits and most < 2**15 and plus < 2**15:
                    return times, plus, over, most
    return None


def _plus(stops: tuple[int, ...], times: int, over: int) -> int | None:
    """The least plus >= 0 with (s * times + plus) // over >= stops[s] on all steps, or None."""
    plus = max(stop * over - s * times for s, stop in enumerate(stops))
    return max(plus, 0)
