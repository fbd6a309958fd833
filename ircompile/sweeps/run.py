"""Many candidates at once, on processes of this machine.

A worker writes each result into the store itself, before it takes the next candidate. So when a
worker dies, what is done is kept, and only what it had in hand is asked again: nothing is lost, and nothing
computed twice. A candidate in whose hands workers died `DEATHS` times is given up, and its result says so.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ircompile.sweeps.evaluate import Question, evaluate
from ircompile.sweeps.space import Candidate
from ircompile.sweeps.store import Store

DEATHS = 2
Progress = Callable[[int], None]
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def missing(candidates: Sequence[Candidate], store: Store) -> list[Candidate]:
    """The candidates without a result, each once."""
    done = store.done()
    return [candidate for candidate in dict.fromkeys(candidates) if candidate.key not in done]


def run_here(question: Question, candidates: Sequence[Candidate], store: Store, jobs: int, tell: Progress) -> None:
    """Evaluates the candidates that have no result yet, on `jobs` processes. `tell` hears how many are done."""
    todo = missing(candidates, store)
    if min(jobs, len(todo)) < 2:
        for candidate in todo:
            store.add(candidate, evaluate(question, candidate))
            tell(1)
        return
    for name in ONE_THREAD:  # as many threads as processes, or they stand in each other's way
        os.environ.setdefault(name, "1")
    workers = [_Worker(question, store.path) for _ in range(min(jobs, len(todo)))]
    try:
        _share_out(list(reversed(todo)), workers, store, tell)
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process that evaluates one candidate at a time; another takes its place when it has died."""

    def __init__(self, question: Question, path: Path) -> None:
        self.ask = partial(_into_store, str(path), question)
        self.pool = self._begin()

    def _begin(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def submit(self, candidate: Candidate) -> Future[None]:
        """Gives it a candidate."""
        return self.pool.submit(self.ask, candidate)

    def replace(self) -> None:
        """Begins anew."""
        self.stop()
        self.pool = self._begin()

    def stop(self) -> None:
        """Ends the process, and waits for no candidate."""
        self.pool.shutdown(wait=False, cancel_futures=True)


def _share_out(waiting: list[Candidate], workers: Sequence[_Worker], store: Store, tell: Progress) -> None:
    """Keeps every worker busy until nothing waits, from the end of the list."""
    deaths: Counter[Candidate] = Counter()
    idle, running = list(workers), dict[Future[None], tuple[_Worker, Candidate]]()
    while waiting or running:
        while waiting and idle:
            worker, candidate = idle.pop(), waiting.pop()
            running[worker.submit(candidate)] = worker, candidate
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            worker, candidate = running.pop(future)
            idle.append(worker)
            if isinstance(future.exception(), BrokenProcessPool):
                worker.replace()
                deaths[candidate] += 1
                if deaths[candidate] < DEATHS and missing([candidate], store):
                    waiting.append(candidate)
                    continue
                store.add(candidate, given_up(candidate, f"its worker died {DEATHS} times"))
            else:
                future.result()
            tell(1)


def _into_store(path: str, question: Question, candidate: Candidate) -> None:
    """Evaluates a candidate in a worker, which keeps the result itself."""
    _store_of(path).add(candidate, evaluate(question, candidate))


@cache
def _store_of(path: str) -> Store:
    return Store(Path(path))


def given_up(candidate: Candidate, error: str) -> dict[str, Any]:
    """The result of a candidate that could not be evaluated."""
    return {"model": candidate.name, "parameters": dict(candidate.parameters), "error": error}
