"""Many candidates on a Dask cluster, whose workers may see no common file.

A task evaluates a few candidates, one after another, and a worker's thread has two tasks, so that it never stands
still. It begins a candidate when the scheduler has confirmed the result of the last one, in a queue from which
results come here. So a worker that dies takes with it only the candidates in hand: these and those not begun are
asked of others, and nothing is computed again that has a result. That is why candidates are shared out here, each
to a worker by its address: Dask's scheduler would keep a result in its worker's memory alone.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from queue import SimpleQueue
from typing import Any, NamedTuple
from uuid import uuid4

from ircompile.errors import CompileError
from ircompile.sweeps.evaluate import Question, evaluate
from ircompile.sweeps.run import DEATHS, Progress, given_up, missing
from ircompile.sweeps.space import Candidate
from ircompile.sweeps.store import Store

PATIENCE = 1.0
"""Seconds after which it is asked again which workers there are."""
GLANCE = 0.1
"""Seconds after which it is asked again which results there are."""
TASKS = 2
"""Tasks that a worker's thread has: the one that runs, and the next one."""
MOST = 8
"""Candidates of one task, which spare the scheduler work: where each was a task, it took a tenth of two cores."""


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
            results = distributed.Queue(f"ircompile {uuid4()}", client=client)
            _Sharing(client, results, question, store, tell).run(list(reversed(missing(candidates, store))))
        except OSError as error:
            hint = "results are kept with --store: the same command goes on"
            raise CompileError(f"--scheduler {scheduler}", f"was lost: {error}", hint=hint) from error


def _evaluate(question: Question, candidates: Sequence[Candidate], results: str) -> None:
    """Evaluates candidates on a worker, each when the scheduler has put the last one's result into this queue."""
    for candidate in candidates:
        result = evaluate(question, candidate)
        _queue_of(results).put([candidate.key, result])


@cache
def _queue_of(name: str) -> Any:
    return import_module("dask.distributed").Queue(name)


class _Task(NamedTuple):
    """What a worker, at this address, was given."""

    candidates: tuple[Candidate, ...]
    worker: str


class _Sharing:
    """Shares candidates out to the threads of a cluster's workers, which may come and go."""

    def __init__(self, client: Any, results: Any, question: Question, store: Store, tell: Progress) -> None:
        self.client, self.results, self.question, self.store, self.tell = client, results, question, store, tell
        self.deaths: Counter[Candidate] = Counter()
        self.missing: dict[str, Candidate] = {}  # given to a worker, and without a result yet
        self.tasks: dict[Any, _Task] = {}  # by Dask's futures, in the order in which they were given
        self.ended: SimpleQueue[Any] = SimpleQueue()
        self.threads: dict[str, int] = {}

    def run(self, waiting: list[Candidate]) -> None:
        """Evaluates all of them, from the end of the list."""
        looked = -PATIENCE
        while waiting or self.missing:
            if time.monotonic() >= looked + PATIENCE:
                threads, looked = dict(self.client.nthreads()), time.monotonic()
                waiting += self._from_the_dead(threads)
                self.threads = threads
            self._share_out(waiting)
            time.sleep(GLANCE)
            self._keep_results()
            while not self.ended.empty():
                self._see_how_it_ended(self.ended.get())

    def _share_out(self, waiting: list[Candidate]) -> None:
        """Gives tasks to every thread that has too few, one to each before any has two."""
        given = Counter(task.worker for task in self.tasks.values())
        places = TASKS * sum(self.threads.values())
        for most in range(1, TASKS + 1):
            for worker, threads in self.threads.items():
                while waiting and given[worker] < threads * most:
                    size = max(1, min(MOST, len(waiting) // places))  # short ones at last: all end together
                    self._give(tuple(waiting.pop() for _ in range(size)), worker)
                    given[worker] += 1

    def _give(self, candidates: tuple[Candidate, ...], worker: str) -> None:
        key, words = f"ircompile {uuid4()}", (self.question, candidates, self.results.name)
        future = self.client.submit(_evaluate, *words, key=key, pure=False, workers=[worker])
        self.tasks[future] = _Task(candidates, worker)
        self.missing |= {candidate.key: candidate for candidate in candidates}
        future.add_done_callback(self.ended.put)

    def _from_the_dead(self, alive: Mapping[str, int]) -> list[Candidate]:
        """What workers were given that are gone now; a candidate in whose hands too many died is given up."""
        gone = self.threads.keys() - alive.keys()
        if not gone:
            return []
        self._keep_results()
        found = []
        for worker in gone:
            futures = [future for future, task in self.tasks.items() if task.worker == worker]
            tasks = [self.tasks.pop(future).candidates for future in futures]
            for future in futures:
                future.cancel()
            without = [[each for each in task if each.key in self.missing] for task in tasks]
            in_hand = [task[0] for task in without if task][: self.threads[worker]]
            self.deaths.update(in_hand)
            for candidate in (each for task in without for each in task):
                if self.deaths[candidate] < DEATHS:
                    del self.missing[candidate.key]
                    found.append(candidate)
                else:
                    self._add(candidate.key, given_up(candidate, f"its worker died {DEATHS} times"))
        return found

    def _see_how_it_ended(self, future: Any) -> None:
        """Forgets a task that ended well. Raises CompileError where a worker cannot evaluate at all."""
        task = self.tasks.pop(future, None)
        if task is None or future.status != "error":
            return
        error = future.exception()
        if type(error).__name__ != "KilledWorker":
            hint = "install this version of ircompile on the workers too"
            raise CompileError(
                f"--scheduler: worker {task.worker}", f"cannot evaluate: {error}", hint=hint
            ) from error
        for candidate in task.candidates:
            self._add(candidate.key, given_up(candidate, str(error)))

    def _keep_results(self) -> None:
        for key, result in self.results.get(batch=True):
            self._add(key, result)

    def _add(self, key: str, result: dict[str, Any]) -> None:
        """Keeps a result, unless there is one."""
        if key in self.missing:
            self.store.add(self.missing.pop(key), result)
            self.tell(1)
