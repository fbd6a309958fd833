"""Notices of sums that leave 32 bits."""

from dataclasses import replace

import numpy as np

from ircompile.analyses.intervals import Intervals, analyze
from ircompile.ir.graph import Graph
from ircompile.ir.ops import Convolution
from ircompile.qtype import INT32


def notice_overflow(graph: Graph) -> Graph:
    """The graph with the notices of `check_overflow`; itself where there are none."""
    notices = check_overflow(graph, analyze(graph))
    return replace(graph, notices=(*graph.notices, *notices)) if notices else graph


def check_overflow(graph: Graph, intervals: Intervals) -> tuple[str, ...]:
    """A notice for each node whose sum can leave int32, where it wraps in framework, simulation and C."""
    notices = []
    for node in graph.nodes:
        if not isinstance(node.op, Convolution) or node.op.requant.rounding == "wide":
            continue
        low, high = intervals.sums[node.name]
        outside = np.flatnonzero((high > INT32.high) | (low < INT32.low))
        moving = intervals.magnitude[node.name] > np.abs(low) * (low == high)
        passing = np.flatnonzero((intervals.magnitude[node.name] > INT32.high) & moving)
        where = f"{node.source or node.name}:"
        if outside.size:
            c = outside[0]
            notices.append(
                f"{where} the accumulators of {outside.size} channels can overflow int32 "
                f"(channel {c} lies in [{low[c]:,}, {high[c]:,}]): they wrap, which no framework defines"
            )
        elif passing.size:
            notices.append(f"{where} partial sums of {passing.size} channels can leave int32 and return")
    return tuple(notices)
