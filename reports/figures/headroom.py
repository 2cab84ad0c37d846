"""Spurious failure: allocations that fit by their exact need and are refused for the size of their precharge.

A probe that precharged p pages and used u of them, under a limit that leaves h pages, fails only because of the
precharge when u <= h < p. Store: histogram "precharge_used" of charged probes, so what is said is of allocations that
were charged; those that a real limit refused have no pages used to compare with. Against the kernel before the series
(histogram "precharge_base") u is what that one would ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import PAIR, PRECHARGE_BASE, PRECHARGE_USED, Histogram
from percpu_fuzz.reports.figures.families import NODE_CLASSES, Family
from percpu_fuzz.reports.statistics.intervals import LEVEL, clopper_pearson
from percpu_fuzz.reports.statistics.strata import Rate, pooled_ratio
from percpu_fuzz.reports.value_types import Count

HEADROOMS_MOST = 48  # places at which a curve is worked out
CLASS_PLACES = (1, 2, 4, 8, 16)  # headrooms of their table

# A family's share, cases, and probes by nodes, blocking, pages precharged and pages used.
Joint = tuple[float, int, Histogram]
Places = Callable[[Sequence[Histogram]], list[int]]  # headrooms to work out


@dataclass(frozen=True, slots=True)
class Headroom:
    """h pages of headroom: of `probes`, `fitting` need at most h, and `failing` of these precharge more.

    of_fitting: the rate of failing among the fitting, None if none fits; of_all: among all probes.
    """

    pages: Count
    probes: Count
    fitting: Count
    failing: Count
    of_fitting: Rate | None
    of_all: Rate


@dataclass(frozen=True, slots=True)
class NodesCurve:
    """Headrooms of allocations on machines of nodes[0]..nodes[1] nodes that may block, or must not (nowait)."""

    nodes: tuple[Count, Count]
    nowait: bool
    probes: Count
    headroom: tuple[Headroom, ...]


def pairs(histogram: Histogram) -> dict[tuple[int, int], int]:
    """Probes by (precharged, used) pages, whatever their group."""
    found: dict[tuple[int, int], int] = {}
    for key, number in histogram.items():
        pair = key // PAIR % PAIR, key % PAIR
        found[pair] = found.get(pair, 0) + number
    return found


def groups(histogram: Histogram) -> dict[tuple[int, bool], Histogram]:
    """The same histogram by (number of nodes, whether the allocation must not block)."""
    found: dict[tuple[int, bool], Histogram] = {}
    for key, number in histogram.items():
        group = key // PAIR**2
        found.setdefault((group // 2, bool(group % 2)), {})[key % PAIR**2] = number
    return found


def counted(histogram: Histogram, pages: int) -> tuple[int, int]:
    """(failing, passing) probes among those that need at most so many pages."""
    fitting = [(precharge, number) for (precharge, used), number in pairs(histogram).items() if used <= pages]
    failing = sum(number for precharge, number in fitting if precharge > pages)
    return failing, sum(number for _, number in fitting) - failing


def curve_places(histograms: Sequence[Histogram], most: int = HEADROOMS_MOST) -> list[int]:
    """Headrooms at which a curve may change: each page while they are few, then ever wider apart, up to the end."""
    largest = max((precharge for h in histograms for precharge, _ in pairs(h)), default=0)
    places, step = [0], 1.0
    while places[-1] < largest:
        places.append(min(largest, max(places[-1] + 1, int(places[-1] * step))))
        if len(places) == most // 2:
            step = (largest / max(places[-1], 1)) ** (2.0 / most)
    return places


def table_places(histograms: Sequence[Histogram]) -> list[int]:
    """A few headrooms for a table: 0, 1, 2, 4, ... up to the first at which nothing can fail."""
    largest = max((precharge for h in histograms for precharge, _ in pairs(h)), default=0)
    places = [0, 1]
    while places[-1] < largest:
        places.append(2 * places[-1])
    return places


def family_headroom(histogram: Histogram, pages: int, level: float = LEVEL) -> Headroom:
    """One family at one headroom; intervals exact (Clopper and Pearson)."""
    failing, passing = counted(histogram, pages)
    probes, fitting = sum(histogram.values()), failing + passing
    of_fitting = Rate(failing / fitting, clopper_pearson(failing, fitting, level)) if fitting else None
    of_all = Rate(failing / probes if probes else 0.0, clopper_pearson(failing, probes, level))
    return Headroom(pages, probes, fitting, failing, of_fitting, of_all)


def pooled_headroom(strata: Sequence[Joint], pages: int, level: float = LEVEL) -> Headroom:
    """All families of (share, cases, histogram) by weight at one headroom; intervals of reports.statistics.strata."""
    found = [(share, cases, *counted(h, pages), sum(h.values())) for share, cases, h in strata]
    failing, fitting = sum(row[2] for row in found), sum(row[2] + row[3] for row in found)
    of_fitting = pooled_ratio([row[:4] for row in found], level)
    of_all = pooled_ratio([(share, cases, bad, all_ - bad) for share, cases, bad, _, all_ in found], level)
    probes = sum(row[4] for row in found)
    assert of_all is not None, "no probe"
    return Headroom(pages, probes, fitting, failing, of_fitting, of_all)


@dataclass(frozen=True, slots=True)
class AgainstBase:
    """h pages of headroom, and the kernel before the series: probes that it serves and that are refused here.

    stock_empty: it asks for its ceil of the bytes, and serves those with at most h. stock_holds: its byte stock has
    what is asked for, so that it serves all. In both the failing ones are those that precharge more than h.
    """

    pages: Count
    stock_empty: Headroom
    stock_holds: Headroom


def joints(families: Sequence[Family], name: str = PRECHARGE_USED) -> list[Joint]:
    """Each family's charged probes by (precharged, used); empty where nothing was precharged by a probe."""
    rows = [(family.share, family.cases, family.histogram(name)) for family in families]
    return rows if any(h for _, _, h in rows) else []


def pooled_headrooms(families: Sequence[Family], places: Places) -> list[Headroom]:
    """All families by weight at some headrooms; empty without a probe."""
    strata = joints(families)
    return [pooled_headroom(strata, pages) for pages in places([h for _, _, h in strata])] if strata else []


def refused_against_base(families: Sequence[Family], places: Places) -> list[AgainstBase]:
    """All families by weight; empty without a probe, and for stores that have not counted it."""
    strata = joints(families, PRECHARGE_BASE)
    if not strata:
        return []
    held = [(share, cases, without_need(h)) for share, cases, h in strata]
    return [
        AgainstBase(pages, pooled_headroom(strata, pages), pooled_headroom(held, pages))
        for pages in places([h for _, _, h in strata])
    ]


def without_need(histogram: Histogram) -> Histogram:
    """The same probes, if they needed no page."""
    found: Histogram = {}
    for (precharge, _), number in pairs(histogram).items():
        found[precharge * PAIR] = found.get(precharge * PAIR, 0) + number
    return found


def nodes_curves(families: Sequence[Family], places: Sequence[int] = ()) -> list[NodesCurve]:
    """A curve for each class of nodes and for blocking or not, where there is a probe; at `places`, or wherever needed.

    A family none of whose machines has so many nodes does not count.
    """
    curves = []
    for nodes in NODE_CLASSES:
        for nowait in (False, True):
            strata = class_joints(families, nodes, nowait)
            probes = sum(sum(h.values()) for _, _, h in strata)
            if probes:
                at = places or curve_places([h for _, _, h in strata])
                curves.append(NodesCurve(nodes, nowait, probes, tuple(pooled_headroom(strata, h) for h in at)))
    return curves


def class_joints(families: Sequence[Family], nodes: tuple[int, int], nowait: bool) -> list[Joint]:
    """Share, cases and joint histogram of each family that can have such a probe."""
    rows = []
    for family in families:
        found: Histogram = {}
        for (count, not_blocking), part in groups(family.histogram(PRECHARGE_USED)).items():
            if nodes[0] <= count <= nodes[1] and not_blocking == nowait:
                for key, number in part.items():
                    found[key] = found.get(key, 0) + number
        possible = family.nodes[0] <= nodes[1] and family.nodes[1] >= nodes[0]
        if found or possible:
            rows.append((family.share, family.cases, found))
    return rows
