"""Wasted precharge by what a case was like: nodes, CPUs, size, page size, where pages fall, whether it may block.

Each value of a kind is a part of the measured distribution. Families weigh by their weights within it, as everywhere
(reports.strata); a family without such a probe adds nothing to the estimate and its share to the interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.outcome import Histogram
from reports.campaign import Campaign
from reports.cells import NODE_GROUPS, group_text, size_text
from reports.estimates import measured, precharges, shares
from reports.headroom import JOINT, PAIR
from reports.statistics import Interval, Quantile
from reports.strata import Stratum, pooled_mean, pooled_quantile

PLACES = ("local", "under pressure", "page by page", "spread", "in runs")  # strategies.choices.PLACE_*
QUANTILES = (0.5, 0.99)


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a kind: probes, mean and quantiles of wasted pages with their intervals."""

    kind: str
    value: str
    probes: int
    mean: float
    mean_interval: Interval
    quantiles: tuple[Quantile, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """name: for a person; split: a family's histograms as waste by class; text: a class in words."""

    name: str
    histogram: str
    split: Callable[[Histogram], dict[int, Histogram]]
    text: Callable[[int], str]


def by_class(histogram: Histogram) -> dict[int, Histogram]:
    """Waste by class from keys of class * 2^20 + waste."""
    found: dict[int, Histogram] = {}
    for key, number in histogram.items():
        found.setdefault(key // PAIR, {})[key % PAIR] = number
    return found


def by_nodes(histogram: Histogram) -> dict[int, Histogram]:
    """Waste by group of numbers of nodes, from the joint histogram of precharge and use."""
    return _joint(histogram, lambda group: _node_group(group // 2))


def by_blocking(histogram: Histogram) -> dict[int, Histogram]:
    """Waste by whether the allocation may block (0) or not (1)."""
    return _joint(histogram, lambda group: group % 2)


def _joint(histogram: Histogram, class_of: Callable[[int], int]) -> dict[int, Histogram]:
    found: dict[int, Histogram] = {}
    for key, number in histogram.items():
        waste = max(key // PAIR % PAIR - key % PAIR, 0)
        part = found.setdefault(class_of(key // PAIR**2), {})
        part[waste] = part.get(waste, 0) + number
    return found


def _node_group(nodes: int) -> int:
    return next((i for i, (_, most) in enumerate(NODE_GROUPS) if nodes <= most), len(NODE_GROUPS) - 1)


def _powers(value: int) -> str:
    """The numbers whose binary logarithm is rounded up to this: 1, 2, 3-4, 5-8."""
    return str(1 << value) if value < 2 else f"{(1 << (value - 1)) + 1}-{1 << value}"


KINDS = (
    Kind("nodes", JOINT, by_nodes, lambda group: group_text(NODE_GROUPS[group])),
    Kind("CPUs", "waste_by_cpus", by_class, _powers),
    Kind("size, up to", "waste_by_size", by_class, size_text),
    Kind("page size", "waste_by_page", by_class, lambda power: f"{4 << power}K"),
    Kind("pages fall", "waste_by_place", by_class, lambda place: PLACES[place] if place < len(PLACES) else str(place)),
    Kind("allocation", JOINT, by_blocking, lambda nowait: ("may block", "must not block")[nowait]),
)


def strata_rows(campaign: Campaign) -> list[Row]:
    """Every value of every kind that has a probe, kinds in the order of KINDS; none for a variant without precharge."""
    return [row for kind in KINDS for row in kind_rows(campaign, kind)] if precharges(campaign) else []


def kind_rows(campaign: Campaign, kind: Kind) -> list[Row]:
    """One kind's rows, by class."""
    parts = {
        name: (share, measured(campaign, name).cases, kind.split(measured(campaign, name).histogram(kind.histogram)))
        for name, share in shares(campaign).items()
    }
    rows = []
    for value in sorted({value for _, _, part in parts.values() for value in part}):
        strata = [Stratum(share, cases, part.get(value, {})) for share, cases, part in parts.values()]
        mean = pooled_mean(strata)
        quantiles = [pooled_quantile(strata, q) for q in QUANTILES]
        assert mean is not None
        probes = sum(sum(stratum.histogram.values()) for stratum in strata)
        found = tuple(quantile for quantile in quantiles if quantile is not None)
        rows.append(Row(kind.name, kind.text(value), probes, *mean, found))
    return rows
