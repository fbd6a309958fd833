"""The lower bound that stands beside a plan: along the heaviest chain, and at the steps where the plan peaks."""

from collections.abc import Iterator

from ircompile.plan.bound import kept_rows_bytes, lower_bound
from ircompile.plan.candidate import CandidatePlan
from ircompile.plan.least_state import LeastStates
from ircompile.plan.scheduled_graph import ScheduledGraph
from ircompile.plan.settings import BOUND_PEAKS


def bound_beside(candidate: CandidatePlan) -> int:
    """Bytes, without counters, that every plan needs which places whole rows and computes each of them once.

    Every step of every node gives such a bound (`LeastStates`). The steps at which the candidate's own peaks are
    give the highest ones; from the best of them, others of the same node are tried, nearer and nearer.
    """
    given, rows_input = candidate.scheduled, candidate.rows_input
    plain = ScheduledGraph(given.graph, given.demands)
    bound = lower_bound(plain, rows_input)
    states, lasting = LeastStates(plain, rows_input), kept_rows_bytes(given.graph)[1]
    found: dict[tuple[int, int], int] = {}
    index = {stage.node.name: i for i, stage in enumerate(plain.stages)}
    for peak, name, row in peaks(candidate):
        at = index[name], int(plain.step_rows[index[name]].writer[row])
        if peak > max(found.values(), default=0):
            found[at] = states.during(*at)
    if not found:
        return bound
    (stage, step), best = max(found.items(), key=lambda item: item[1])
    stride = plain.stages[stage].steps // 2
    while stride:
        for other in (step - stride, step + stride):
            if 0 <= other < plain.stages[stage].steps and (size := states.during(stage, other)) > best:
                best, step = size, other
        stride //= 2
    return max(bound, lasting + best)


def peaks(candidate: CandidatePlan) -> Iterator[tuple[int, str, int]]:
    """Of the segments with the highest peaks, the highest first: bytes, the node that fires, the row it is at."""
    live, times = candidate.live, candidate.times
    spans = sorted(candidate.spans, key=lambda span: -int(live[span].max()))
    for span in spans[:BOUND_PEAKS]:
        time = span.start + int(live[span].argmax())
        index = times.stage_at(time)
        step = min(int(times.times[index].searchsorted(time)), candidate.scheduled.stages[index].steps - 1)
        writer = candidate.scheduled.step_rows[index].writer
        row = min(int(writer.searchsorted(step)), len(writer) - 1)
        yield int(live[span].max()), candidate.scheduled.stages[index].node.name, row
