"""Distributions of the measured quantities: family by family, and pooled over families by weight.

Of wasted precharge also up to far quantiles: for the sampler, and for the machine that a campaign ran on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from msgspec import Meta

from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.campaign import Campaign, Sums
from percpu_fuzz.reports.figures.families import Family
from percpu_fuzz.reports.quantities import SHARE, WASTE, Quantity
from percpu_fuzz.reports.statistics.averaged_quantile import quantile_of
from percpu_fuzz.reports.statistics.intervals import Interval, Quantile, quantile, zero_bound
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Stratum, pooled_zero_bound
from percpu_fuzz.reports.value_types import Count, Counts, Share

QUANTILES = (0.5, 0.9, 0.99, 0.999)
FAR_QUANTILES = (*QUANTILES, 0.9999)
OF_SAMPLES = (WASTE, SHARE)
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
    counted = Counter[int]()
    for stratum in strata:
        counted.update(stratum.histogram)
    total = dict(sorted(counted.items()))
    exceeding = min(1.0, pooled_zero_bound([(s.share, s.cases) for s in strata]))
    return Distribution(
        total, sum(total.values()), *mean, pooled_quantiles(strata, QUANTILES), max(total), exceeding
    )  # fmt: skip


def pooled_quantiles(strata: list[Stratum], qs: Iterable[float]) -> dict[float, Quantile]:
    """Quantiles of weighted strata by their q; without those of which nothing is known."""
    found = {q: quantile_of(strata, q) for q in qs}
    return {q: quantile for q, quantile in found.items() if quantile is not None}


@dataclass(frozen=True, slots=True)
class Tail:
    """One quantity of charged allocations, averaged over a case: quantiles by their q, max of what was seen."""

    mean: float
    mean_interval: Interval
    quantiles: dict[float, Quantile]
    max: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """A family, or all by weight: its cases, and a Tail by quantity; without those of no charged allocation."""

    name: str
    share: Share
    cases: Count
    tails: dict[str, Tail]


def sampled(families: Sequence[Family], variant: Variant | None) -> list[Sampled]:
    """Each family by itself; of several, all by weight before them."""
    alone = [
        Sampled(
            family.name, family.share, family.cases,
            tails({q.histogram: [replace(family.stratum(q, variant), share=1.0)] for q in OF_SAMPLES}),
        )
        for family in families
    ]  # fmt: skip
    if len(families) == 1:
        return alone
    strata = {q.histogram: [family.stratum(q, variant) for family in families] for q in OF_SAMPLES}
    return [Sampled("all, by weight", 1.0, sum(row.cases for row in alone), tails(strata)), *alone]


def tails(strata: Mapping[str, list[Stratum]]) -> dict[str, Tail]:
    """By quantity."""
    found = {name: tail_of(rows) for name, rows in strata.items()}
    return {name: tail for name, tail in found.items() if tail is not None}


def tail_of(strata: list[Stratum]) -> Tail | None:
    """None without a charged allocation."""
    mean = mean_of(strata)
    if mean is None:
        return None
    return Tail(*mean, pooled_quantiles(strata, FAR_QUANTILES), max(values_of(strata)))


def values_of(strata: Iterable[Stratum]) -> Iterable[int]:
    """Every value that was counted."""
    return (value for s in strata for value in (s.histogram if s.averages is None else s.averages.parts))


@dataclass(frozen=True, slots=True)
class HereWaste:
    """The machine that a campaign ran on: its nodes, CPUs and page size in bytes, and what was sampled of it.

    unknown: why there is nothing of it; then all else is empty.
    """

    nodes: Count
    cpus: Count
    page_size: Count
    assumed: tuple[str, ...]
    sampled: Sampled | None
    unknown: str = ""


def here_waste(campaign: Campaign, variant: Variant | None) -> HereWaste | None:
    """None where nobody looked: for one machine that was asked for, and in stores of earlier versions."""
    row = campaign.here
    if not row:
        return None
    if row.get("unknown"):
        return HereWaste(0, 0, 0, (), None, str(row["unknown"]))
    family = family_here(row)
    found = sampled([family], variant)[0]
    return HereWaste(
        row["nodes"], row["cpus"], row["page_size"], tuple(row["assumed"]), found if found.tails else None
    )  # fmt: skip


def family_here(row: Mapping[str, Any]) -> Family:
    """The machine as a stratum of its own."""
    sums = Sums()
    sums.cases = row["cases"]
    sums.counts.update(row["counts"])
    sums.histograms = {name: Counter({int(v): n for v, n in counted}) for name, counted in row["histograms"].items()}
    return Family("this machine", 1, 1.0, sums, (row["nodes"], row["nodes"]), (row["cpus"], row["cpus"]))
