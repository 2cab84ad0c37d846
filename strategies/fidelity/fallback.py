"""Fallback: on which node each backing page lay, against the zonelist with the recorded node-full intervals.

A node is full at a populate if more pages passed it over than lay on it. The intervals that follow are few numbers; the
model puts every page of every CPU on the first node of its zonelist that is not full then. In `others` a CPU's pages
are judged by intervals from the other CPUs' pages alone: a prediction, where the plain figure is a fit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.trace.pages.placement import Placement, PopulateRecord
from percpu_fuzz.strategies.trace.pages.placement_check import check_placement
from percpu_fuzz.strategies.trace.payload import PAGES_MOST

TOLERANCE = 0.05
"""Largest accepted difference of shares. A node is seen only when a populate asks for it, so each end of an interval is
known to one populate (8 pages at most); with 12 switches in about 1,900 pages of a CPU, 12 * 8 / 1,900 is 5 points."""

SWITCHES_OFF = 2
"""How far a CPU's switches may lie outside those recorded on its node. A node that was full, or had room, at a single
populate is a switch there and one back; whether it counts is decided by the votes of one populate. Where a node has
one CPU the recorded range is a point, and without this the model would have to be right in every populate."""

Votes = dict[int, dict[int, list[int]]]


@dataclass(slots=True)
class NodeShares:
    """Pages of one CPU node by the distance at which they lay, recorded and by the model; switches of each CPU."""

    recorded: Counter[int] = field(default_factory=Counter)
    model: Counter[int] = field(default_factory=Counter)
    switches_recorded: list[int] = field(default_factory=list)
    switches_model: list[int] = field(default_factory=list)
    fallback_recorded: int = 0
    fallback_model: int = 0

    @property
    def pages(self) -> int:
        return self.recorded.total()

    @property
    def fallback_difference(self) -> float:
        """Of the shares of pages on another node than the CPU's."""
        return abs(self.fallback_recorded - self.fallback_model) / max(self.pages, 1)

    @property
    def distance_difference(self) -> float:
        """The largest difference of shares over all distances."""
        every = set(self.recorded) | set(self.model)
        return max((abs(self.recorded[d] - self.model[d]) / max(self.pages, 1) for d in every), default=0.0)

    @property
    def switches_within(self) -> bool:
        """Does each CPU's number of switches lie in the range of those recorded on this node, SWITCHES_OFF apart?"""
        if not self.switches_recorded:
            return True
        least, most = min(self.switches_recorded) - SWITCHES_OFF, max(self.switches_recorded) + SWITCHES_OFF
        return least <= min(self.switches_model) and max(self.switches_model) <= most


@dataclass(slots=True)
class FallbackReport:
    """nodes: by CPU node. pages_equal: pages that the model puts on the recorded node; others_*: see the module.

    longest_run: pages of one CPU in a row on one other node. split: page indices with CPUs of one node on two nodes.
    """

    nodes: dict[int, NodeShares] = field(default_factory=dict)
    pages: int = 0
    pages_equal: int = 0
    others_judged: int = 0
    others_equal: int = 0
    intervals: int = 0
    longest_run: int = 0
    indices: int = 0
    split: int = 0

    @property
    def fallback_difference(self) -> float:
        """The largest of a node's."""
        return max((shares.fallback_difference for shares in self.nodes.values()), default=0.0)

    @property
    def distance_difference(self) -> float:
        """The largest of a node's."""
        return max((shares.distance_difference for shares in self.nodes.values()), default=0.0)

    @property
    def within(self) -> bool:
        """Every share within the tolerance, every CPU's switches within the recorded range."""
        furthest = max(self.fallback_difference, self.distance_difference)
        return furthest <= TOLERANCE and all(shares.switches_within for shares in self.nodes.values())


class FullIntervals:
    """When each node was full: between two populates it stays as the first of them showed it."""

    def __init__(self, votes: Votes) -> None:
        self.times: dict[int, list[int]] = {}
        self.full: dict[int, list[bool]] = {}
        for node, by_time in votes.items():
            times, full = self.times.setdefault(node, []), self.full.setdefault(node, [])
            for t, (passed, landed) in sorted(by_time.items()):
                if passed + landed and (not full or full[-1] != (passed > landed)):
                    times.append(t)
                    full.append(passed > landed)

    def is_full(self, node: int, t: int) -> bool:
        place = bisect_right(self.times.get(node, []), t) - 1
        return place >= 0 and self.full[node][place]

    def first_with_room(self, zonelist: tuple[int, ...], t: int) -> int:
        """The first node of a zonelist that is not full; if all are, the first."""
        return next((node for node in zonelist if not self.is_full(node, t)), zonelist[0])

    @property
    def count(self) -> int:
        return sum(sum(full) for full in self.full.values())


def _votes(topology: Topology, populates: tuple[PopulateRecord, ...], cpus: Iterable[int]) -> Votes:
    """By node and time: pages that passed it over and pages that lay on it, of some CPUs by their index."""
    votes: Votes = {}
    for record in populates:
        for cpu in cpus:
            zonelist = topology.zonelists[topology.cpus[cpu].node]
            for node in record.node_by_cpu_by_page[cpu]:
                for candidate in zonelist:
                    votes.setdefault(candidate, {}).setdefault(record.t, [0, 0])[candidate == node] += 1
                    if candidate == node:
                        break
    return votes


def _without(votes: Votes, own: Votes) -> Votes:
    """All votes but those of one CPU."""
    return {
        node: {
            t: [seen[0] - mine[0], seen[1] - mine[1]]
            for t, seen in by_time.items()
            for mine in (own.get(node, {}).get(t, (0, 0)),)
        }
        for node, by_time in votes.items()
    }


def _switches(nodes: list[int]) -> int:
    return sum(a != b for a, b in pairwise(nodes))


def _longest_run(nodes: list[int], home: int) -> int:
    longest = run = 0
    for before, node in pairwise([-1, *nodes]):
        run = 0 if node == home else run + 1 if node == before else 1
        longest = max(longest, run)
    return longest


def check_fallback(placement: Placement, topology: Topology) -> FallbackReport:
    """Compare every backing page of a recorded run with the zonelist model."""
    populates, report, index = placement.populates, FallbackReport(), topology.node_index
    check_placement(placement, topology, PAGES_MOST)
    votes = _votes(topology, populates, range(len(topology.cpus)))
    every = FullIntervals(votes)
    report.intervals = every.count
    for cpu, home in enumerate(cpu.node for cpu in topology.cpus):
        zonelist, distances = topology.zonelists[home], topology.distances[index[home]]
        pages = [(r.t, node) for r in populates for node in r.node_by_cpu_by_page[cpu]]
        recorded, model = [node for _, node in pages], [every.first_with_room(zonelist, t) for t, _ in pages]
        shares = report.nodes.setdefault(home, NodeShares())
        shares.recorded.update(distances[index[node]] for node in recorded)
        shares.model.update(distances[index[node]] for node in model)
        shares.fallback_recorded += sum(node != home for node in recorded)
        shares.fallback_model += sum(node != home for node in model)
        shares.switches_recorded.append(_switches(recorded))
        shares.switches_model.append(_switches(model))
        report.pages += len(pages)
        report.pages_equal += sum(a == b for a, b in zip(recorded, model, strict=True))
        report.longest_run = max(report.longest_run, _longest_run(recorded, home))
        _judge_by_others(report, topology, populates, cpu, votes)
    _count_splits(report, topology, populates)
    return report


def _judge_by_others(
    report: FallbackReport, topology: Topology, populates: tuple[PopulateRecord, ...], cpu: int, votes: Votes
) -> None:
    """A CPU without another one on its node cannot be judged: nobody else asks for that node first."""
    home = topology.cpus[cpu].node
    if sum(other.node == home for other in topology.cpus) < 2:
        return
    intervals = FullIntervals(_without(votes, _votes(topology, populates, [cpu])))
    for record in populates:
        predicted = intervals.first_with_room(topology.zonelists[home], record.t)
        for node in record.node_by_cpu_by_page[cpu]:
            report.others_judged += 1
            report.others_equal += node == predicted


def _count_splits(report: FallbackReport, topology: Topology, populates: tuple[PopulateRecord, ...]) -> None:
    for record in populates:
        for page in range(record.page_end - record.page_start):
            by_home: dict[int, set[int]] = {}
            for cpu, row in zip(topology.cpus, record.node_by_cpu_by_page, strict=True):
                by_home.setdefault(cpu.node, set()).add(row[page])
            report.indices += len(by_home)
            report.split += sum(len(nodes) > 1 for nodes in by_home.values())
