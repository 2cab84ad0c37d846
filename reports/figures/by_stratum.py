"""Wasted precharge by what a case was like: nodes, CPUs, size, page size, where pages fall, whether it may block.

Each value of a trait is a part of the measured distribution. Families weigh by their weights within it, as everywhere
(strata.py); a family without such a probe adds nothing to the estimate and its share to the interval, unless none
of its machines can have one. Machines of many nodes have a row of their own and are in no other: few of their cases can
be run, and every interval would be theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import PAIR, PLACES, PRECHARGE_USED, SIZE_CELLS, Histogram
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.figures.cells import NODE_GROUPS, size_text
from percpu_fuzz.reports.figures.estimates import pooled_quantiles
from percpu_fuzz.reports.figures.families import Family, apart, range_text
from percpu_fuzz.reports.quantities import PAGE_LEAST, WASTE
from percpu_fuzz.reports.statistics.intervals import Interval, Quantile
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Stratum
from percpu_fuzz.reports.value_types import Count

STRATUM_QUANTILES = (0.5, 0.99)


@dataclass(frozen=True, slots=True)
class StratumWaste:
    """One value of a trait, its kind: probes, mean and quantiles of wasted pages with their intervals."""

    kind: str
    value: str
    probes: Count
    mean: float
    mean_interval: Interval
    quantiles: dict[float, Quantile]


@dataclass(frozen=True, slots=True)
class Trait:
    """What cases are told apart by.

    name: for a person; histogram, split: where batches count it, and that as waste by class; text: a class in words.
    possible: whether a family's machines can give such a probe. bounds: most nodes and bytes of a probe of a class.
    amiss: the class of a place and size as in the histogram "misplaced_where"; None where that does not tell.
    """

    name: str
    histogram: str
    split: Callable[[Histogram], dict[int, Histogram]]
    text: Callable[[int], str]
    possible: Callable[[Family, int], bool] = lambda family, value: True
    bounds: Callable[[int], tuple[int, int]] = lambda value: (NODE_GROUPS[-1][1], 8 * PAGE_LEAST)
    amiss: Callable[[int], int] | None = None


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


def _has_nodes(family: Family, group: int) -> bool:
    return family.nodes[0] <= NODE_GROUPS[group][1] and family.nodes[1] >= NODE_GROUPS[group][0]


def _has_cpus(family: Family, power: int) -> bool:
    return family.cpus[0] <= 1 << power and 2 * family.cpus[1] > 1 << power


NODES = Trait(
    "nodes", PRECHARGE_USED, by_nodes, lambda group: range_text(NODE_GROUPS[group]), _has_nodes,
    bounds=lambda group: (NODE_GROUPS[group][1], 8 * PAGE_LEAST),
)  # fmt: skip
TRAITS = (
    NODES,
    Trait("CPUs", "waste_by_cpus", by_class, _powers, _has_cpus),
    Trait(
        "size, up to", "waste_by_size", by_class, lambda power: size_text(1 << power),
        bounds=lambda power: (NODE_GROUPS[-1][1], 1 << power), amiss=lambda key: key % SIZE_CELLS,
    ),
    Trait("page size", "waste_by_page", by_class, lambda power: f"{4 << power}K"),
    Trait(
        "pages fall", "waste_by_place", by_class, lambda place: PLACES[place] if place < len(PLACES) else str(place),
        amiss=lambda key: key // SIZE_CELLS,
    ),
    Trait("allocation", PRECHARGE_USED, by_blocking, lambda nowait: ("may block", "must not block")[nowait]),
)  # fmt: skip


def waste_by_stratum(families: Sequence[Family], variant: Variant | None) -> list[StratumWaste]:
    """Every value of every trait that has a probe, traits in the order of TRAITS."""
    huge, others = apart(families)
    found = []
    for trait in TRAITS:
        chosen = others if huge and trait is not NODES else families
        parts = {family.name: trait.split(family.histogram(trait.histogram)) for family in chosen}
        values = sorted({value for part in parts.values() for value in part})
        found += [_row(trait, value, chosen, parts, variant) for value in values]
    return found


def _row(
    trait: Trait, value: int, families: Sequence[Family], parts: Mapping[str, dict[int, Histogram]],
    variant: Variant | None,
) -> StratumWaste:  # fmt: skip
    nodes, size_bytes = trait.bounds(value)
    strata = []
    for family in families:
        found = parts[family.name].get(value, {})
        if found or trait.possible(family, value):
            most = WASTE.bound(found, variant, min(family.nodes[1], nodes), size_bytes)
            strata.append(Stratum(family.share, family.cases, found, most))
    mean = mean_of(strata)
    assert mean is not None
    probes = sum(sum(stratum.histogram.values()) for stratum in strata)
    return StratumWaste(trait.name, trait.text(value), probes, *mean, pooled_quantiles(strata, STRATUM_QUANTILES))
