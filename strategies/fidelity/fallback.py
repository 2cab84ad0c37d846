"""Fallback: on which node each backing page lay, against the zonelist with the recorded node-full intervals.

A node is full at a populate if more pages passed it over than lay on it. The intervals that follow are few numbers; the
model puts every page of every CPU on the first node of its zonelist that is not full then. In `others` a CPU's pages
are judged by intervals from the other CPUs' pages alone: a prediction, where the plain figure is a fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.trace.pages.placement import Placement
from percpu_fuzz.strategies.trace.pages.placement_check import check_placement
from percpu_fuzz.strategies.trace.payload import PAGES_MOST

TOLERANCE = 0.05
"""Largest accepted difference of shares. A node is seen only when a populate asks for it, so each end of an interval is
known to one populate (8 pages at most); with 12 switches in about 1,900 pages of a CPU, 12 * 8 / 1,900 is 5 points."""

SWITCHES_OFF = 2
"""How far a CPU's switches may lie outside those recorded on its node. A node that was full, or had room, at a single
populate is a switch there and one back; whether it counts is decided by the votes of one populate. Where a node has
one CPU the recorded range is a point, and without this the model would have to be right in every populate."""


@dataclass(frozen=True, slots=True)
class NodeShares:
    """Pages of the CPUs of one node, and those of them on another node, recorded and by the model.

    distance_difference: the largest difference of shares over all distances; switches_*: of each CPU.
    """

    pages: int
    fallback_recorded: int
    fallback_model: int
    distance_difference: float
    switches_recorded: list[int]
    switches_model: list[int]

    @property
    def fallback_difference(self) -> float:
        """Of the shares of pages on another node than the CPU's."""
        return abs(self.fallback_recorded - self.fallback_model) / max(self.pages, 1)

    @property
    def switches_within(self) -> bool:
        """Does each CPU's number of switches lie in the range of those recorded on this node, SWITCHES_OFF apart?"""
        least, most = min(self.switches_recorded) - SWITCHES_OFF, max(self.switches_recorded) + SWITCHES_OFF
        return least <= min(self.switches_model) and max(self.switches_model) <= most


@dataclass(slots=True)
class FallbackReport:
    """nodes: by CPU node. pages_equal: pages that the model puts on the recorded node; others_*: see the module.

    longest_run: pages of one CPU in a row on one other node. split: page indices with CPUs of one node on two nodes.
    """

    nodes: dict[int, NodeShares]
    pages: int
    pages_equal: int
    intervals: int
    longest_run: int
    indices: int
    split: int
    others_judged: int = 0
    others_equal: int = 0

    @property
    def fallback_difference(self) -> float:
        """The largest of a node's."""
        return max((shares.fallback_difference for shares in self.nodes.values()), default=0.0)

    @property
    def distance_difference(self) -> float:
        """The largest of a node's."""
        return max((shares.distance_difference for shares in self.nodes.values()), default=0.0)

    def detail(self) -> dict[str, Any]:
        """What a page has beside the figures. nodes: (node of CPUs, share of their pages on another one, how far the
        model is off in that and by distance, how often a CPU's pages changed their node, recorded and by the model).
        """
        nodes = [
            (
                node, shares.fallback_recorded / max(shares.pages, 1),
                (shares.fallback_difference, shares.distance_difference),
                (shares.switches_recorded, shares.switches_model),
            )
            for node, shares in sorted(self.nodes.items())
        ]  # fmt: skip
        return {"nodes": nodes, "indices": self.indices, "tolerance": TOLERANCE}

    @property
    def within(self) -> bool:
        """Every share within the tolerance, every CPU's switches within the recorded range."""
        furthest = max(self.fallback_difference, self.distance_difference)
        return furthest <= TOLERANCE and all(shares.switches_within for shares in self.nodes.values())


def votes_of(lay: Any, zonelist: Any, when: Any, shape: tuple[int, int]) -> Any:
    """(2, nodes, times): how many of a CPU's pages passed each node over, and how many lay on it.

    lay: nodes of the pages; when: numbers of their times; shape: (nodes, times). Nodes are numbered as the machine's.
    """
    nr_nodes, nr_times = shape
    votes, places = np.zeros((2, nr_nodes, nr_times), dtype=np.int64), np.full(nr_nodes, len(zonelist))
    places[zonelist] = np.arange(len(zonelist))
    for place, node in enumerate(zonelist):
        votes[0, node] = np.bincount(when[places[lay] > place], minlength=nr_times)
        votes[1, node] = np.bincount(when[lay == node], minlength=nr_times)
    return votes


def full_by(votes: Any) -> Any:
    """(nodes, times): was the node full? Between two populates that ask for it, it stays as the first showed it."""
    last = np.maximum.accumulate(np.where(votes.any(axis=0), np.arange(votes.shape[2]), -1), axis=1)
    return np.take_along_axis(votes[0] > votes[1], last, axis=1) & (last >= 0)


def first_with_room(full: Any, zonelist: Any) -> Any:
    """At each time the first node of a zonelist that is not full; if all are, the first."""
    return zonelist[np.argmin(full[zonelist], axis=0)]


def shares_of(lay: Any, model: Any, home: int, distances: Any) -> NodeShares:
    """Of the pages of one node's CPUs, (CPUs, pages). distances: of each node from that one."""
    counts = [np.bincount(distances[nodes].ravel(), minlength=distances.max() + 1) for nodes in (lay, model)]
    off = float(np.abs(counts[0] - counts[1]).max() / max(lay.size, 1))
    away, away_model = (int(np.count_nonzero(nodes != home)) for nodes in (lay, model))
    switches, switches_model = (np.count_nonzero(np.diff(nodes), axis=1).tolist() for nodes in (lay, model))
    return NodeShares(lay.size, away, away_model, off, switches, switches_model)


def longest_run(lay: Any, home: int) -> int:
    """Of one CPU's pages in a row on one other node."""
    return max((len(list(run)) for node, run in groupby(lay.tolist()) if node != home), default=0)


def check_fallback(placement: Placement, topology: Topology) -> FallbackReport:
    """Compare every backing page of a recorded run with the zonelist model."""
    check_placement(placement, topology, PAGES_MOST)
    populates, index = placement.populates, topology.node_index
    homes = np.array([index[cpu.node] for cpu in topology.cpus])
    zonelists = [np.array([index[node] for node in topology.zonelists[cpu.node]]) for cpu in topology.cpus]
    pages = [[index[n] for r in populates for n in r.node_by_cpu_by_page[cpu]] for cpu in range(len(homes))]
    lay = np.array(pages, dtype=np.int64)
    times, when = np.unique([r.t for r in populates for _ in r.node_by_cpu_by_page[0]], return_inverse=True)
    shape = (len(topology.nodes), len(times))
    votes = np.array([votes_of(row, zonelist, when, shape) for row, zonelist in zip(lay, zonelists, strict=True)])
    every = votes.sum(axis=0)
    full = full_by(every)
    model = np.array([first_with_room(full, zonelist)[when] for zonelist in zonelists])
    of_node = {cpu.node: homes == index[cpu.node] for cpu in topology.cpus}
    report = FallbackReport(
        nodes={
            node: shares_of(lay[rows], model[rows], index[node], np.array(topology.distances[index[node]]))
            for node, rows in of_node.items()
        },
        pages=lay.size,
        pages_equal=int(np.count_nonzero(lay == model)),
        intervals=int(np.count_nonzero(np.diff(full, axis=1, prepend=False) & full)),
        longest_run=max(longest_run(row, home) for row, home in zip(lay, homes, strict=True)),
        indices=len(of_node) * len(when),
        split=sum(int(np.count_nonzero((lay[rows] != lay[rows][0]).any(axis=0))) for rows in of_node.values()),
    )
    for cpu in np.flatnonzero(np.bincount(homes)[homes] > 1):  # else nobody asks for its node first
        predicted = first_with_room(full_by(every - votes[cpu]), zonelists[cpu])[when]
        report.others_judged += len(when)
        report.others_equal += int(np.count_nonzero(lay[cpu] == predicted))
    return report
