"""Values of a quantity in two campaigns beside each other: means and quantiles with their intervals, and B less A."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from percpu_fuzz.reports.figures.families import Family, apart
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.quantities import QUANTITIES, Quantity
from percpu_fuzz.reports.statistics.averaged_quantile import quantile_of
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.means import difference_of_means, less, mean_of
from percpu_fuzz.reports.statistics.strata import Stratum

COMPARED_QUANTILES = (0.5, 0.9, 0.99)
Strata = Sequence[Stratum]


@dataclass(frozen=True, slots=True)
class Value:
    """One statistic of a quantity: "mean", "mean*" (without machines of many nodes) or "p50", "p90", "p99"."""

    quantity: str
    statistic: str
    a: float
    b: float
    a_interval: Interval
    b_interval: Interval
    interval: Interval


def families_of_both(a: Figures, b: Figures, names: Sequence[str]) -> list[tuple[float, Family, Family]]:
    """(share among those named by A's weights, A's, B's) for each of the families."""
    others = {family.name: family for family in b.families}
    chosen = [family for family in a.families if family.name in names]
    total = sum(family.share for family in chosen)
    return [(family.share / total, family, others[family.name]) for family in chosen]


def strata_of_both(a: Figures, b: Figures, names: Sequence[str], quantity: Quantity) -> tuple[Strata, Strata]:
    """Families as strata of each campaign, A's weights for both."""
    both = families_of_both(a, b, names)
    return (
        [replace(one.stratum(quantity, a.variant), share=share) for share, one, _ in both],
        [replace(other.stratum(quantity, b.variant), share=share) for share, _, other in both],
    )


def values(a: Figures, b: Figures, names: Sequence[str], level: float = LEVEL) -> list[Value]:
    """Mean and quantiles of every quantity that both campaigns counted, in the reports' order."""
    huge = {family.name for family in apart(a.families)[0]}
    few = [name for name in names if name not in huge]
    found: list[Value] = []
    for name, quantity in QUANTITIES.items():
        one, other = strata_of_both(a, b, names, quantity)
        found += _mean(name, "mean", one, other, level)
        if few and len(few) < len(names):
            found += _mean(name, "mean*", *strata_of_both(a, b, few, quantity), level)
        for q in COMPARED_QUANTILES:
            found += _quantile(name, q, one, other, level)
    return found


def _mean(quantity: str, statistic: str, a: Strata, b: Strata, level: float) -> list[Value]:
    one, other = mean_of(a, level), mean_of(b, level)
    if one is None or other is None:
        return []
    ends = difference_of_means(a, b, level)
    return [Value(quantity, statistic, one[0], other[0], one[1], other[1], ends)]


def _quantile(quantity: str, q: float, a: Strata, b: Strata, level: float) -> list[Value]:
    """Intervals of the quantiles themselves at the level; of the difference from ones with half of the error each."""
    one, other = quantile_of(a, q, level), quantile_of(b, q, level)
    each = (1 + level) / 2
    low, high = quantile_of(a, q, each), quantile_of(b, q, each)
    if one is None or other is None or low is None or high is None:
        return []
    ends = less(low.interval, high.interval)
    return [Value(quantity, f"p{100 * q:g}", one.value, other.value, one.interval, other.interval, ends)]
