"""Results in a SQLite file: a sweep that was interrupted goes on where it was, and nothing is computed twice."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError
from ircompile.sweeps.evaluate import Question
from ircompile.sweeps.space import Candidate

_TABLES = """
CREATE TABLE IF NOT EXISTS question (text TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, result TEXT NOT NULL);
"""
PATIENCE = 60.0
"""Seconds that a process waits for another that writes."""


class Store:
    """The results of one question, by candidate. Several processes may write into one file at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise CompileError(
                str(path), f"is no store of a sweep: {error}", "a new file, or one of a sweep"
            ) from error

    def ask(self, question: Question) -> None:
        """Notes the question. Raises CompileError where the file answers another one."""
        text = json.dumps(asdict(question), sort_keys=True)
        self._connection.execute("INSERT OR IGNORE INTO question VALUES (?)", (text,))
        (count,) = self._connection.execute("SELECT count(*) FROM question").fetchone()
        if count > 1:
            self._connection.execute("DELETE FROM question WHERE text = ?", (text,))
            raise CompileError(
                str(self.path), "has results of another target, board, limit or proxy", "another file"
            )

    def done(self) -> set[str]:
        """The keys of the candidates that have results."""
        return {key for (key,) in self._connection.execute("SELECT key FROM results")}

    def add(self, candidate: Candidate, result: dict[str, Any]) -> None:
        """Keeps a result for good. A candidate that has one keeps it."""
        row = candidate.key, json.dumps(result)
        self._connection.execute("INSERT OR IGNORE INTO results VALUES (?, ?)", row)

    def results(self, candidates: Iterable[Candidate]) -> list[dict[str, Any]]:
        """The results of these candidates, in their order; those without one are left out."""
        found = dict(self._connection.execute("SELECT key, result FROM results").fetchall())
        return [json.loads(found[candidate.key]) for candidate in candidates if candidate.key in found]

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
