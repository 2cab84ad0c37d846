"""How often each invariant is violated: k of n measured cases, by the families' weights; and when none may be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.core.evidence import MODEL_INVARIANTS, OWN_INVARIANTS
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.families import Family
from percpu_fuzz.reports.invariants import applies, own_claims
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval, clopper_pearson, zero_bound
from percpu_fuzz.reports.statistics.strata import Rate, pooled_rate, pooled_zero_bound
from percpu_fuzz.reports.statistics.two_samples import clean_runs
from percpu_fuzz.reports.value_types import Count, InvariantName, Share, Stream

RARENESS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)  # one case in so many


@dataclass(frozen=True, slots=True)
class Reading:
    """k of n measured cases, with the exact interval; after 0 of n, a one-sided upper_bound in its place."""

    k: Count
    n: Count
    interval: Interval
    upper_bound: Share | None


@dataclass(frozen=True, slots=True)
class CasePlace:
    """A case: number `case` of batch k of a stream."""

    stream: Stream
    k: Count
    case: Count


@dataclass(frozen=True, slots=True)
class InvariantEstimate:
    """How often an invariant was violated. applicable: None when the variant is not known to this code.

    cases: violating ones of both streams. measurement: unknown batches left out; measurement_unknown_as_violating: each
    of their cases counted as a violation (None: there are none). weighted: by the families' weights, None where there
    is no violation or a batch is unknown; weighted_upper_bound: after 0. finding: its file, relative to the campaign's
    folder; None: no finding shows it.
    """

    invariant: InvariantName
    applicable: bool | None
    cases: Count
    hunting_cases: Count
    measurement: Reading
    measurement_unknown_as_violating: Reading | None
    weighted: Rate | None
    weighted_upper_bound: Share | None
    first: CasePlace | None
    finding: str | None


def invariant_estimates(
    campaign: Campaign, families: Sequence[Family], variant: Variant | None
) -> list[InvariantEstimate]:
    """Every invariant of the engine, in its order, then those of the variant's own file."""
    found = []
    for name in (*MODEL_INVARIANTS, *own_claims(campaign.describe)):
        applicable = None if variant is None else name in OWN_INVARIANTS or applies(name, variant)
        found.append(invariant_estimate(campaign, families, name, applicable))
    return found


def invariant_estimate(
    campaign: Campaign, families: Sequence[Family], name: str, applicable: bool | None
) -> InvariantEstimate:
    """One invariant's rate over measured cases, and by weight unless batches are unknown; applicable is passed on."""
    unknown = campaign.unknown(MEASUREMENT)
    n = campaign.cases(MEASUREMENT) - unknown
    k, hunted = campaign.violating(MEASUREMENT, name), campaign.violating(HUNTING, name)
    weighted, bound = None, None
    if n and not unknown and k:
        weighted = pooled_rate([(f.share, f.cases, f.measured.violating(name)) for f in families])
    elif n and not unknown:
        bound = pooled_zero_bound([(f.share, f.cases) for f in families])
    first, finding = campaign.first(name), campaign.finding(name)
    return InvariantEstimate(
        name, applicable, k + hunted, hunted, reading(k, n), reading(k + unknown, n + unknown) if unknown else None,
        weighted, bound, None if first is None else CasePlace(first[0], first[1].k, first[1].case),
        None if finding is None else str(finding["file"]),
    )  # fmt: skip


def reading(k: int, n: int) -> Reading:
    """k of n with its interval; nothing is known of no case."""
    if n == 0:
        return Reading(k, n, Interval(None, None), None)
    return Reading(k, n, clopper_pearson(k, n), zero_bound(n) if k == 0 else None)


@dataclass(frozen=True, slots=True)
class UntilFixed:
    """A bug of one measured case in `one_in`: cases without a violation that exclude it with 95%.

    seconds: that so many measured cases take at the rate of this campaign; None where it ran for no time.
    """

    one_in: int
    cases: int
    seconds: float | None
    reached: bool


def until_fixed(campaign: Campaign, level: float = LEVEL) -> tuple[UntilFixed, ...]:
    """By rareness, the most frequent first. Cases as run: (1 - r)^n is at most 1 - level, for n fixed beforehand."""
    had = campaign.cases(MEASUREMENT) - campaign.unknown(MEASUREMENT)
    needed = [(one_in, clean_runs(1 / one_in, level)) for one_in in RARENESS]
    return tuple(UntilFixed(one_in, n, seconds_for(campaign, n), had >= n) for one_in, n in needed)


def seconds_for(campaign: Campaign, cases: int) -> float | None:
    """What so many measured cases take, beside hunting and reports, at this campaign's rate."""
    had = campaign.cases(MEASUREMENT)
    return cases * campaign.seconds / had if had and campaign.seconds > 0 else None
