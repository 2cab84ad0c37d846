"""Wasted precharge by what a case was like: nodes, CPUs, size, page size, where pages fall, whether it may block.

Each value of a kind is a part of the measured distribution. Families weigh by their weights within it, as everywhere
(strata.py); a family without such a probe adds nothing to the estimate and its share to the interval, unless none
of its machines can have one. Machines of many nodes have a row of their own and are in no other: few of their cases can
be run, and every interval would be theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from percpu_fuzz.engine.histograms import PAIR, PLACES, PRECHARGE_USED
from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.cells import NODE_GROUPS, group_text, size_text
from percpu_fuzz.reports.figures.estimates import families_apart, measured, precharges, shares
from percpu_fuzz.reports.figures.limits import cpus_of, held_to, largest, nodes_of
from percpu_fuzz.reports.figures.once import once
from percpu_fuzz.reports.statistics.intervals import Interval, Quantile
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Stratum, pooled_quantile

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
    """name: for a person; split: a family's histograms as waste by class; text: a class in words.

    possible: whether a family's machines can give such a probe.
    """

    name: str
    histogram: str
    split: Callable[[Histogram], dict[int, Histogram]]
    text: Callable[[int], str]
    possible: Callable[[Campaign, str, int], bool] = lambda campaign, family, value: True


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


def _has_nodes(campaign: Campaign, family: str, group: int) -> bool:
    fewest, most = nodes_of(campaign)[family]
    return fewest <= NODE_GROUPS[group][1] and most >= NODE_GROUPS[group][0]


def _has_cpus(campaign: Campaign, family: str, power: int) -> bool:
    fewest, most = cpus_of(campaign)[family]
    return fewest <= 1 << power and 2 * most > 1 << power


KINDS = (
    Kind("nodes", PRECHARGE_USED, by_nodes, lambda group: group_text(NODE_GROUPS[group]), _has_nodes),
    Kind("CPUs", "waste_by_cpus", by_class, _powers, _has_cpus),
    Kind("size, up to", "waste_by_size", by_class, size_text),
    Kind("page size", "waste_by_page", by_class, lambda power: f"{4 << power}K"),
    Kind("pages fall", "waste_by_place", by_class, lambda place: PLACES[place] if place < len(PLACES) else str(place)),
    Kind("allocation", PRECHARGE_USED, by_blocking, lambda nowait: ("may block", "must not block")[nowait]),
)


@once
def strata_rows(campaign: Campaign) -> list[Row]:
    """Every value of every kind that has a probe, kinds in the order of KINDS; none for a variant without precharge."""
    return [row for kind in KINDS for row in kind_rows(campaign, kind)] if precharges(campaign) else []


def kind_rows(campaign: Campaign, kind: Kind) -> list[Row]:
    """One kind's rows, by class; of machines of many nodes in the kind of nodes only."""
    huge, _ = families_apart(campaign)
    apart = huge if kind.name != "nodes" else []
    parts = {
        name: kind.split(measured(campaign, name).histogram(kind.histogram))
        for name in campaign.weights
        if name not in apart
    }
    values = sorted({value for part in parts.values() for value in part})
    return [_row(campaign, kind, value, parts) for value in values]


def _row(campaign: Campaign, kind: Kind, value: int, parts: dict[str, dict[int, Histogram]]) -> Row:
    nodes, weights = nodes_of(campaign), shares(campaign)
    group = NODE_GROUPS[value][1] if kind.name == "nodes" else NODE_GROUPS[-1][1]
    size = {"size_bytes": 1 << value} if kind.histogram == "waste_by_size" else {}
    strata = []
    for name, part in parts.items():
        found = part.get(value, {})
        if found or kind.possible(campaign, name, value):
            most = held_to(found, largest(campaign, "waste_pages", min(nodes[name][1], group), **size))
            strata.append(Stratum(weights[name], measured(campaign, name).cases, found, most))
    mean = mean_of(strata)
    quantiles = [pooled_quantile(strata, q) for q in QUANTILES]
    assert mean is not None
    probes = sum(sum(stratum.histogram.values()) for stratum in strata)
    found_ = tuple(quantile for quantile in quantiles if quantile is not None)
    return Row(kind.name, kind.text(value), probes, *mean, found_)
