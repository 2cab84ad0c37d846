"""What a campaign's measurement stream says: waste by family and pooled, and how often each invariant is violated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, Histogram
from percpu_fuzz.engine.variant import CHARGE_BYTES
from percpu_fuzz.reports.campaign import UNKNOWN_FAMILY, Campaign, Seen, Sums
from percpu_fuzz.reports.figures.limits import held_to, huge_families, largest, nodes_of
from percpu_fuzz.reports.figures.once import once
from percpu_fuzz.reports.invariants import applies, described_variant
from percpu_fuzz.reports.statistics.intervals import Interval, Quantile, clopper_pearson, quantile, zero_bound
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Rate, Stratum, pooled_quantile, pooled_rate, pooled_zero_bound

QUANTILES = (0.5, 0.9, 0.99, 0.999)
QUANTITIES = ("waste_pages", "share_percent", "rounding_bytes16", "misplaced_bytes", "in_flight_pages")


@dataclass(frozen=True, slots=True)
class Distribution:
    """One quantity over the charged probes of a family ("in_flight_pages": over its cases), or of all by weight.

    histogram: cases by value, unweighted. exceeding: with 95% confidence at most this share lies above `maximum`.
    """

    histogram: Histogram
    n: int
    mean: float
    mean_interval: Interval
    quantiles: tuple[Quantile, ...]
    maximum: int
    exceeding: float


@dataclass(frozen=True, slots=True)
class FamilyEstimate:
    """One family of the measurement stream; distributions by name, empty where no probe was charged."""

    name: str
    weight: int
    share: float
    cases: int
    probes: int
    distributions: dict[str, Distribution]


@dataclass(frozen=True, slots=True)
class Reading:
    """k of n measured cases, with the exact interval; after 0 of n, one-sided `bound` in its place."""

    k: int
    n: int
    interval: Interval
    bound: float | None


@dataclass(frozen=True, slots=True)
class InvariantEstimate:
    """How often an invariant was violated. applicable: None when the variant is not known to this code.

    left_out: unknown batches left out; as_violating: each of their cases counted as a violation (None: there are none).
    weighted: by the families' weights, None where there is no violation or a batch is unknown; weighted_bound: after 0.
    """

    name: str
    applicable: bool | None
    hunted: int
    left_out: Reading
    as_violating: Reading | None
    weighted: Rate | None
    weighted_bound: float | None
    first: tuple[str, Seen] | None
    finding: Mapping[str, Any] | None

    @property
    def cases(self) -> int:
        """Violating cases over both streams."""
        return self.left_out.k + self.hunted


def precharges(campaign: Campaign) -> bool:
    """False for a variant that charges bytes and precharges no page: it has no waste to speak of."""
    variant = described_variant(campaign.describe)
    return variant is None or variant.charge != CHARGE_BYTES


def shares(campaign: Campaign) -> dict[str, float]:
    """Share of each family in the distribution that is measured; they sum to 1."""
    total = sum(campaign.weights.values())
    return {name: weight / total for name, weight in campaign.weights.items()}


def measured(campaign: Campaign, family: str) -> Sums:
    """The sums of a family in the measurement stream; empty if it had no batch yet."""
    return campaign.streams[MEASUREMENT].get(family) or Sums()


def family_estimates(campaign: Campaign) -> list[FamilyEstimate]:
    """Each family by itself, in the plan's order; intervals are distribution-free and exact."""
    rows, nodes = [], nodes_of(campaign)
    for name, share in shares(campaign).items():
        sums = measured(campaign, name)
        found = {
            q: distribution(sums.histogram(q), largest(campaign, q, nodes[name][1]))
            for q in QUANTITIES
            if precharges(campaign) and sums.histogram(q)
        }
        rows.append(
            FamilyEstimate(name, campaign.weights[name], share, sums.cases, sums.counts["probe.charged"], found)
        )
    return rows


def distribution(histogram: Histogram, most: int | None = None) -> Distribution:
    """A distribution from one sample that holds something; most: values lie in 0..most, whatever is drawn."""
    most = held_to(histogram, most)
    n = sum(histogram.values())
    mean = mean_of([Stratum(1.0, n, histogram, most)])
    assert mean is not None, "an empty sample"
    quantiles = tuple(quantile(histogram, q, most=most) for q in QUANTILES)
    return Distribution(histogram, n, *mean, quantiles, max(histogram), zero_bound(n))


def strata_of(campaign: Campaign, quantity: str, families: Collection[str] | None = None) -> list[Stratum]:
    """Families as strata, all of them or those named; each with what bounds the quantity there."""
    nodes, strata = nodes_of(campaign), []
    for name, share in shares(campaign).items():
        if families is None or name in families:
            sums = measured(campaign, name)
            found = sums.histogram(quantity)
            most = held_to(found, largest(campaign, quantity, nodes[name][1]))
            strata.append(Stratum(share, sums.cases, found, most))
    return strata


@once
def pooled_estimates(campaign: Campaign, families: Collection[str] | None = None) -> dict[str, Distribution]:
    """All families by weight, or those named (reports/statistics/strata.py); empty where no probe was charged."""
    found = {}
    for name in QUANTITIES if precharges(campaign) else ():
        pooled = pooled_distribution(strata_of(campaign, name, families))
        if pooled is not None:
            found[name] = pooled
    return found


def families_apart(campaign: Campaign) -> tuple[list[str], list[str]]:
    """Families on machines of many nodes, and the others; both empty if there are not both kinds."""
    huge = huge_families(campaign)
    others = [name for name in campaign.weights if name not in huge]
    return (huge, others) if huge and others else ([], [])


def pooled_distribution(strata: list[Stratum]) -> Distribution | None:
    """A distribution from weighted strata; None without a probe."""
    mean = mean_of(strata)
    quantiles = [pooled_quantile(strata, q) for q in QUANTILES]
    if mean is None:
        return None
    total: Histogram = {}
    for stratum in strata:
        for value, number in stratum.histogram.items():
            total[value] = total.get(value, 0) + number
    total = dict(sorted(total.items()))
    exceeding = min(1.0, pooled_zero_bound([(s.share, s.cases) for s in strata]))
    n = sum(total.values())
    return Distribution(total, n, *mean, tuple(q for q in quantiles if q is not None), max(total), exceeding)


@once
def invariant_estimates(campaign: Campaign) -> list[InvariantEstimate]:
    """Every invariant of the engine, in its order."""
    variant = described_variant(campaign.describe)
    return [
        invariant_estimate(campaign, name, None if variant is None else applies(name, variant))
        for name in INVARIANT_NAMES
    ]


def invariant_estimate(campaign: Campaign, name: str, applicable: bool | None) -> InvariantEstimate:
    """One invariant's rate over measured cases, and by weight unless batches are unknown; applicable is passed on."""
    unknown = campaign.unknown(MEASUREMENT)
    n = campaign.cases(MEASUREMENT) - unknown
    k = campaign.violating(MEASUREMENT, name)
    weighted, bound = None, None
    if not unknown and n:
        strata = [
            (share, measured(campaign, family).cases, measured(campaign, family).violating(name))
            for family, share in shares(campaign).items()
        ]
        if k:
            weighted = pooled_rate(strata)
        else:
            bound = pooled_zero_bound([(share, cases) for share, cases, _ in strata])
    return InvariantEstimate(
        name, applicable, campaign.violating(HUNTING, name), reading(k, n),
        reading(k + unknown, n + unknown) if unknown else None,
        weighted, bound, campaign.first(name), campaign.finding(name),
    )  # fmt: skip


def reading(k: int, n: int) -> Reading:
    """k of n with its interval; nothing is known of no case."""
    if n == 0:
        return Reading(k, n, Interval(None, None), None)
    return Reading(k, n, clopper_pearson(k, n), zero_bound(n) if k == 0 else None)


def families_without_cases(campaign: Campaign) -> list[str]:
    """Families that no measured case has come from yet, in the plan's order."""
    return [name for name in campaign.weights if measured(campaign, name).cases == 0]


__all__ = [
    "QUANTILES", "QUANTITIES", "UNKNOWN_FAMILY", "Distribution", "FamilyEstimate", "InvariantEstimate", "Reading",
    "distribution", "families_apart", "families_without_cases", "family_estimates", "invariant_estimates",
    "pooled_distribution", "pooled_estimates", "precharges", "shares", "strata_of",
]  # fmt: skip
