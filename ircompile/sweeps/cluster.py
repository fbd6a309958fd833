"""Many candidates on a Dask cluster, whose workers may see no common file.

A worker's thread gets its next candidate when its last result is kept here, and nothing waits in a worker's queue.
So a worker that dies takes with it only what it had in hand: that is asked of others, and nothing else is computed
again. That is why candidates are shared out here, each to a worker by its address: Dask's scheduler would hand a
worker its next task while the last result is still in that worker's memory alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from ircompile.errors import CompileError
from ircompile.sweeps.evaluate import Question, evaluate
from ircompile.sweeps.run import DEATHS, Progress, given_up, missing
from ircompile.sweeps.space import Candidate
from ircompile.sweeps.store import Store

PATIENCE = 1.0
"""Seconds after which it is asked again which workers there are."""
FETCHING = 10.0
"""Seconds that a finished result may take to come here; then it is seen whether its worker still lives."""


def run_on_cluster(
    question: Question, candidates: Sequence[Candidate], store: Store, scheduler: str, tell: Progress
) -> None:
    """Evaluates the candidates that have no result yet on a Dask cluster, whose scheduler is at this address.

    Raises CompileError where Dask is not installed, nobody answers, workers cannot evaluate or the cluster is lost.
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
    with client:
        try:
            _Sharing(client, question, store, tell).run(list(reversed(missing(candidates, store))))
        except OSError as error:
            hint = "results are kept with --store: the same command goes on"
            raise CompileError(f"--scheduler {scheduler}", f"was lost: {error}", hint=hint) from error


class _Asked(NamedTuple):
    """A candidate in the hands of the worker at this address."""

    candidate: Candidate
    worker: str


class _Sharing:
    """Shares candidates out to the threads of a cluster's workers, which may come and go."""

    def __init__(self, client: Any, question: Question, store: Store, tell: Progress) -> None:
        self.client, self.question, self.store, self.tell = client, question, store, tell
        self.deaths: Counter[Candidate] = Counter()
        self.running: dict[Any, _Asked] = {}  # by Dask's futures
        self.ended: SimpleQueue[Any] = SimpleQueue()
        self.threads: dict[str, int] = {}

    def run(self, waiting: list[Candidate]) -> None:
        """Evaluates all of them, from the end of the list."""
        looked = -PATIENCE
        while waiting or self.running:
            if time.monotonic() >= looked + PATIENCE:
                self.threads, looked = dict(self.client.nthreads()), time.monotonic()
                waiting += self._from_the_dead()
            self._share_out(waiting)
            try:
                future = self.ended.get(timeout=PATIENCE)
            except Empty:
                continue
            if future in self.running:
                self._keep(future)

    def _share_out(self, waiting: list[Candidate]) -> None:
        """Gives a candidate to every thread that has none."""
        busy = Counter(asked.worker for asked in self.running.values())
        for worker, threads in self.threads.items():
            for _ in range(min(threads - busy[worker], len(waiting))):
                candidate = waiting.pop()
                key = f"ircompile {candidate.key} {self.deaths[candidate]}"
                future = self.client.submit(
                    evaluate, self.question, candidate, key=key, pure=False, workers=[worker]
                )
                self.running[future] = _Asked(candidate, worker)
                future.add_done_callback(self.ended.put)

    def _from_the_dead(self) -> list[Candidate]:
        """What workers had in hand that are gone now; a candidate with too many deaths is given up."""
        found = []
        for future, (candidate, worker) in list(self.running.items()):
            if worker in self.threads:
                continue
            del self.running[future]
            future.cancel()
            self.deaths[candidate] += 1
            if self.deaths[candidate] < DEATHS:
                found.append(candidate)
            else:
                self._add(candidate, given_up(candidate, f"its worker died {DEATHS} times"))
        return found

    def _keep(self, future: Any) -> None:
        """Fetches a result and keeps it."""
        candidate, worker = self.running[future]
        try:
            result = future.result(timeout=FETCHING)
        except TimeoutError:
            self.ended.put(future)  # if its worker is gone, that is found out next
            return
        except Exception as error:  # of Dask's own, since `evaluate` raises none
            if type(error).__name__ != "KilledWorker":
                hint = "install this version of ircompile on the workers too"
                raise CompileError(
                    f"--scheduler: worker {worker}", f"cannot evaluate: {error}", hint=hint
                ) from error
            result = given_up(candidate, str(error))
        del self.running[future]
        self._add(candidate, result)

    def _add(self, candidate: Candidate, result: dict[str, Any]) -> None:
        self.store.add(candidate, result)
        self.tell(1)
