"""Long runs over seeds, which go on where they stopped."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

EVERY = 50
"""Seeds after which the state is written."""


class LongRun:
    """Seeds, how those that are done ended, and which of them are finds; kept in a file where one is given."""

    def __init__(self, seeds: range, state: Path | None = None) -> None:
        known = json.loads(state.read_text()) if state and state.exists() else {}
        self._state, self._stop, self._unwritten = state, seeds.stop, 0
        self.next: int = known.get("next", seeds.start)
        self.ends = Counter[str](known.get("ends", {}))
        self.finds: list[int] = known.get("finds", [])

    @property
    def seeds(self) -> range:
        """Those that are not done."""
        return range(self.next, self._stop)

    def note(self, seed: int, end: str, *, find: bool = False) -> None:
        """Counts how a seed ended; a find is printed."""
        self.next = seed + 1
        self.ends["FIND" if find else end] += 1
        if find:
            self.finds.append(seed)
            print(f"seed {seed}: {end}", flush=True)
        self._unwritten += 1
        if self._unwritten >= EVERY or find:
            self._write()

    def finish(self) -> int:
        """Tells the counts; 1 where there are finds."""
        self._write()
        for end, number in self.ends.most_common():
            print(f"{number:7,} {end}")
        print(f"{self.ends.total():7,} seeds, {len(self.finds)} finds")
        return int(bool(self.finds))

    def _write(self) -> None:
        self._unwritten = 0
        if self._state:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            new = self._state.with_name(self._state.name + ".new")
            new.write_text(json.dumps({"next": self.next, "ends": self.ends, "finds": self.finds}))
            new.replace(self._state)


def parser(text: str | None, kinds: tuple[str, ...]) -> argparse.ArgumentParser:
    """What every long run takes: KIND FIRST COUNT [--state FILE]."""
    found = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("kind", choices=kinds)
    found.add_argument("first", type=int, help="the first seed")
    found.add_argument("count", type=int, help="how many seeds")
    found.add_argument("--state", type=Path, metavar="FILE", help="goes on where this file says")
    return found


def begun(given: argparse.Namespace) -> LongRun:
    """The run that a command line asks for."""
    return LongRun(range(given.first, given.first + given.count), given.state)
