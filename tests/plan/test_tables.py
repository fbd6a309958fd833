"""What steps wait for, as the C finds it: by a line where one was found, else from a table."""

from __future__ import annotations

import numpy as np
import pytest

from ircompile.plan.tables import affine_wait


def by_the_c(step: int, line: tuple[int, int, int, int]) -> int:
    """C's division truncates towards 0, and a stage has always done 0 steps."""
    times, plus, over, most = line
    number = step * times + plus
    return max(0, min(abs(number) // over * (1 if number >= 0 else -1), most))


def rising(rng: np.random.Generator) -> list[int]:
    """Steps that a window, a pooling, an upsampling, a reshape or a part of a concatenation waits for."""
    slope, begin = (int(n) for n in rng.integers(1, 400, 2))
    count, most, times = (int(n) for n in rng.integers(1, 900, 3))
    numbers = [
        lambda s: s * (slope % 4 + 1) + begin % 7,
        lambda s: s // (slope % 9 + 1) + 1,
        lambda s: (s * (times % 5 + 1) + begin) // slope,
        lambda s: s // slope + 1,
        lambda s: s + 1 - begin,
        lambda s: (s - begin) // (slope % 30 + 1),
    ]
    line = numbers[int(rng.integers(len(numbers)))]
    return [max(0, min(line(s), most)) for s in range(count)]


@pytest.mark.parametrize("seed", range(300))
def test_lines(seed: int) -> None:
    required = rising(np.random.default_rng(seed))
    line = affine_wait(tuple(required))
    if line:
        assert [by_the_c(step, line) for step in range(len(required))] == required
        assert all(abs(number) < 2**15 for number in line)


@pytest.mark.parametrize(
    ("required", "line"),
    [
        ([1, 1, 1], (0, 1, 1, 1)),
        ([2, 3, 4, 4], (1, 2, 1, 4)),
        ([0, 0, 0, 1, 2, 3, 3], (1, -2, 1, 3)),
        ([n // 384 + 1 for n in range(384 * 64)], (1, 384, 384, 64)),
        ([max(0, n - 20_000) for n in range(32_000)], (1, -20_000, 1, 11_999)),
    ],
)
def test_a_line(required: list[int], line: tuple[int, int, int, int]) -> None:
    assert affine_wait(tuple(required)) == line


def test_what_follows_no_line_is_a_table() -> None:
    assert affine_wait((1, 2, 2, 5, 5, 6, 9)) is None


@pytest.mark.parametrize("seed", range(100))
def test_random_steps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    required = np.sort(rng.integers(0, 6, int(rng.integers(1, 8)))).tolist()
    line = affine_wait(tuple(required))
    assert line is None or [by_the_c(step, line) for step in range(len(required))] == required
