"""Distributions of the measured quantities: family by family, and pooled over families by weight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from msgspec import Meta

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.figures.families import Family
from percpu_fuzz.reports.quantities import Quantity
from percpu_fuzz.reports.statistics.averaged_quantile import quantile_of
from percpu_fuzz.reports.statistics.intervals import Interval, Quantile, quantile, zero_bound
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Stratum, pooled_zero_bound
from percpu_fuzz.reports.value_types import Count, Counts, Share

QUANTILES = (0.5, 0.9, 0.99, 0.999)
_NAMES = [str(q) for q in QUANTILES]
EACH_QUANTILE = Meta(extra_json_schema={"propertyNames": {"enum": _NAMES}, "required": _NAMES})


@dataclass(frozen=True, slots=True)
class Distribution:
    """One quantity over the charged probes of a family ("in_flight_pages": over its cases), or of all by weight.

    histogram: cases by value, unweighted. quantiles: by their q. share_above_max_at_most: with 95% confidence.
    """

    histogram: Counts
    n: Count
    mean: float
    mean_interval: Interval
    quantiles: Annotated[dict[float, Quantile], EACH_QUANTILE]
    max: int
    share_above_max_at_most: Share


@dataclass(frozen=True, slots=True)
class FamilyEstimate:
    """One family of the measurement stream; distributions by name, empty where no probe was charged."""

    name: str
    weight: Count
    share: Share
    cases: Count
    probes_charged: Count
    distributions: dict[str, Distribution]


def family_estimate(family: Family, quantities: Iterable[Quantity], variant: Variant | None) -> FamilyEstimate:
    """A family by itself; intervals are distribution-free and exact."""
    strata = {q.histogram: family.stratum(q, variant) for q in quantities}
    found = {name: distribution(stratum) for name, stratum in strata.items() if stratum.histogram}
    charged = family.measured.counts["probe.charged"]
    return FamilyEstimate(family.name, family.weight, family.share, family.cases, charged, found)


def distribution(stratum: Stratum) -> Distribution:
    """A distribution from one sample that holds something, as a whole: its share counts as 1.

    Quantiles are of its probes, which count as cases; so is the mean where only they were counted.
    """
    histogram, most = stratum.histogram, stratum.most
    n = sum(histogram.values())
    whole = Stratum(1.0, n, histogram, most) if stratum.averages is None else replace(stratum, share=1.0)
    mean = mean_of([whole])
    assert mean is not None, "an empty sample"
    quantiles = {q: quantile(histogram, q, most=most) for q in QUANTILES}
    return Distribution(histogram, n, *mean, quantiles, max(histogram), zero_bound(n))


def pooled_estimates(
    families: Sequence[Family], quantities: Iterable[Quantity], variant: Variant | None
) -> dict[str, Distribution]:
    """Families by weight (reports/statistics/strata.py), by the quantity's name; without those of no probe."""
    pooled = {q.histogram: pooled_distribution([f.stratum(q, variant) for f in families]) for q in quantities}
    return {name: found for name, found in pooled.items() if found is not None}


def pooled_distribution(strata: list[Stratum]) -> Distribution | None:
    """A distribution from weighted strata; None without a probe."""
    mean = mean_of(strata)
    if mean is None:
        return None
    total: Histogram = {}
    for stratum in strata:
        for value, number in stratum.histogram.items():
            total[value] = total.get(value, 0) + number
    total = dict(sorted(total.items()))
    exceeding = min(1.0, pooled_zero_bound([(s.share, s.cases) for s in strata]))
    return Distribution(
        total, sum(total.values()), *mean, pooled_quantiles(strata, QUANTILES), max(total), exceeding
    )  # fmt: skip


def pooled_quantiles(strata: list[Stratum], qs: Iterable[float]) -> dict[float, Quantile]:
    """Quantiles of weighted strata by their q; without those of which nothing is known."""
    found = {q: quantile_of(strata, q) for q in qs}
    return {q: quantile for q, quantile in found.items() if quantile is not None}
