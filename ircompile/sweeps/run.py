"""Many candidates at once: on processes of this machine, or on a Dask cluster.

A worker of this machine writes each result into the store itself, before it takes the next candidate. So when a
worker dies, what is done is kept, and only what it had in hand is asked again: nothing is lost, and nothing
computed twice. A candidate in whose hands workers died `DEATHS` times is given up, and its result says so. On a
cluster, whose workers may see no common file, each result is fetched and kept here before its worker gets another
candidate, and Dask itself asks again for those of a dead worker.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ircompile.errors import CompileError
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
                store.add(candidate, _given_up(candidate, f"its worker died {DEATHS} times"))
            else:
                future.result()
            tell(1)


def _into_store(path: str, question: Question, candidate: Candidate) -> None:
    """Evaluates a candidate in a worker, which keeps the result itself."""
    _store_of(path).add(candidate, evaluate(question, candidate))


@cache
def _store_of(path: str) -> Store:
    return Store(Path(path))


def run_on_cluster(
    question: Question, candidates: Sequence[Candidate], store: Store, scheduler: str, tell: Progress
) -> None:
    """Evaluates the candidates that have no result yet on a Dask cluster, whose scheduler is at this address.

    Raises CompileError where Dask is not installed or nobody answers.
    """
    try:
        distributed: Any = import_module("dask.distributed")
    except ImportError as error:
        raise CompileError(
            "--scheduler", "needs Dask", hint="pip install 'ircompile[cluster]', here and on the workers"
        ) from error
    try:
        client = distributed.Client(scheduler, timeout="20s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise CompileError(f"--scheduler {scheduler}", f"nobody answers: {error}") from error
    with client, client.as_current():
        waiting = list(reversed(missing(candidates, store)))
        running: dict[str, Candidate] = {}
        futures = distributed.as_completed()

        def fill() -> None:
            """As many as there are threads: a worker gets its next candidate when its last result is kept here."""
            while waiting and len(running) < max(1, sum(client.nthreads().values())):
                candidate = waiting.pop()
                future = client.submit(evaluate, question, candidate, key=f"ircompile {candidate.key}", pure=False)
                running[future.key] = candidate
                futures.add(future)

        fill()
        for future in futures:
            candidate = running.pop(future.key)
            failure = future.exception()  # of Dask's: its workers died in the candidate's hands
            store.add(candidate, _given_up(candidate, str(failure)) if failure else future.result())
            tell(1)
            fill()


def _given_up(candidate: Candidate, error: str) -> dict[str, Any]:
    return {"model": candidate.name, "parameters": dict(candidate.parameters), "error": error}
