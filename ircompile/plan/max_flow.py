"""The most that can flow through a network with capacities: Dinic's algorithm.

What is found after any number of rounds is a flow, so it is at most the greatest flow, which equals the least cut.
"""

from collections.abc import Iterable

UNBOUNDED = 2**40
"""A capacity that no flow of bytes exhausts."""


class Network:
    """Nodes 0 .. count - 1. From outside, `supply[v]` may flow into node v, and `demand[v]` out of it.

    Arcs are numbered; arc e ends at `target[e]`, and arc e ^ 1 leads back. `rounds` of the algorithm have been run.
    """

    def __init__(self, count: int, arcs: Iterable[tuple[int, int, int]]) -> None:
        self.supply, self.demand = [0] * count, [0] * count
        self.leaving: list[list[int]] = [[] for _ in range(count)]
        self.target: list[int] = []
        self.room: list[int] = []
        self.rounds = 0
        for a, b, capacity in arcs:
            self.leaving[a].append(len(self.target))
            self.leaving[b].append(len(self.target) + 1)
            self.target += [b, a]
            self.room += [capacity, 0]

    def flow(self, most: int) -> int:
        """The greatest flow, or one that is less if more than `most` rounds would be needed for it."""
        total = 0
        while self.rounds < most:
            self.rounds += 1
            distance = self._distances()
            begins = [v for v, left in enumerate(self.supply) if left and distance[v] >= 0]
            if not begins:
                break
            tried = [0] * len(distance)
            for begin in begins:
                while self.supply[begin] and (path := self._shortest_path(begin, distance, tried)) is not None:
                    total += self._send(begin, path, distance)
        return total

    def _distances(self) -> list[int]:
        """The arcs from every node to the nearest one with demand; -1 where there is no way."""
        target, room, leaving = self.target, self.room, self.leaving
        near = [v for v, left in enumerate(self.demand) if left]
        distance = [-1] * len(leaving)
        for v in near:
            distance[v] = 0
        steps = 0
        while near:
            steps += 1
            further = []
            for v in near:
                for arc in leaving[v]:
                    other = target[arc]
                    if distance[other] < 0 and room[arc ^ 1]:
                        distance[other] = steps
                        further.append(other)
            near = further
        return distance

    def _shortest_path(self, begin: int, distance: list[int], tried: list[int]) -> list[int] | None:
        """Arcs from `begin` to a node with demand. `tried[v]` arcs of node v lead nowhere in this round."""
        path: list[int] = []
        v = begin
        while distance[v] != 0:
            arcs, at, wanted = self.leaving[v], tried[v], distance[v] - 1
            while at < len(arcs) and not (self.room[arcs[at]] and distance[self.target[arcs[at]]] == wanted):
                at += 1
            tried[v] = at
            if distance[v] > 0 and at < len(arcs):
                path.append(arcs[at])
                v = self.target[arcs[at]]
                continue
            distance[v] = -1
            if not path:
                return None
            v = self.target[path.pop() ^ 1]
            tried[v] += 1
        return path

    def _send(self, begin: int, path: list[int], distance: list[int]) -> int:
        """Sends as much as fits along a path; returns how much."""
        end = self.target[path[-1]] if path else begin
        amount = min(self.supply[begin], self.demand[end], *(self.room[arc] for arc in path))
        for arc in path:
            self.room[arc] -= amount
            self.room[arc ^ 1] += amount
        self.supply[begin] -= amount
        self.demand[end] -= amount
        if not self.demand[end]:
            distance[end] = -1
        return amount
