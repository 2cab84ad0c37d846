"""Campaign B against campaign A: the difference of each figure with its interval, tests, and "is it fixed?".

Only the measurement streams and only families that both ran; A's weights count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import MEASUREMENT, PRECHARGE_USED
from percpu_fuzz.reports.campaign import Sums
from percpu_fuzz.reports.figures.families import Family, apart
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.headroom import counted, table_places
from percpu_fuzz.reports.quantities import QUANTITIES, WASTE, Quantity
from percpu_fuzz.reports.statistics.averaged_quantile import quantile_of
from percpu_fuzz.reports.statistics.intervals import LEVEL, OPEN, Interval, rate_high, rate_low
from percpu_fuzz.reports.statistics.means import difference_of_means, less, mean_of
from percpu_fuzz.reports.statistics.strata import Rate, Stratum, pooled_rate
from percpu_fuzz.reports.statistics.two_samples import clean_runs, events_test, holm, mann_whitney

HEADROOM_COMPARED_MOST = 64  # pages: beyond that a precharge decides only on machines of hundreds of nodes


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure: A's and B's value, B - A with its interval, a12 (quantities only), p before and after Holm.

    kind: "mean" of a quantity, "violated": rate of an invariant, "headroom": share of fitting probes that fail only
    because of the precharge. counts: k and n of A, k and n of B as run (rates only). ends: intervals of A's and B's.
    """

    name: str
    kind: str
    a: float
    b: float
    interval: Interval
    a12: float | None
    p: float
    adjusted: float = 1.0
    a12_interval: Interval = OPEN
    counts: tuple[int, int, int, int] = (0, 0, 0, 0)
    ends: tuple[Interval, Interval] = (OPEN, OPEN)

    @property
    def difference(self) -> float:
        """B minus A."""
        return self.b - self.a


@dataclass(frozen=True, slots=True)
class Fixed:
    """An invariant that A violated and B did not: B's clean cases, and how many exclude a bug of A's rate.

    rate: A's, by cases as run; needed: clean cases for that rate, needed_most: for the lower end of its interval.
    """

    invariant: str
    rate: Rate
    clean: int
    needed: int
    needed_most: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """families: compared; left_out: run by one campaign only; differences: in the reports' order.

    cases, probes: measured cases and charged probes of A and of B in those families.
    """

    families: tuple[str, ...]
    left_out: tuple[str, ...]
    cases: tuple[int, int]
    probes: tuple[int, int]
    differences: tuple[Difference, ...]
    fixed: tuple[Fixed, ...]


def compare(a: Figures, b: Figures, level: float = LEVEL) -> Comparison:
    """Every figure that both campaigns have. InputError if no family was run by both."""
    names = [f.name for f in a.families if f.cases and any(g.name == f.name and g.cases for g in b.families)]
    if not names:
        raise InputError("compare", "campaigns without a common family", "campaigns whose families overlap")
    both = families_of_both(a, b, names)
    pairs = [(share, one.measured, other.measured) for share, one, other in both]
    found = [
        *(quantities(a, b, names, pairs, level) if a.precharges and b.precharges else ()),
        *headroom_rates(pairs, level, a.precharges and b.precharges),
        *violation_rates(pairs, level),
    ]
    adjusted = holm([row.p for row in found])
    differences = tuple(replace(row, adjusted=p) for row, p in zip(found, adjusted, strict=True))
    ran = {name for c in (a, b) for name, sums in c.campaign.streams[MEASUREMENT].items() if sums.cases}
    cases = (sum(one.cases for _, one, _ in pairs), sum(other.cases for _, _, other in pairs))
    probes = (sum(_charged(one) for _, one, _ in pairs), sum(_charged(other) for _, _, other in pairs))
    left_out = tuple(sorted(ran - set(names)))
    return Comparison(tuple(names), left_out, cases, probes, differences, fixed(pairs, level))


def _charged(sums: Sums) -> int:
    return sum(sums.histogram(WASTE.histogram).values())


FamilyPairs = Sequence[tuple[float, Sums, Sums]]


def quantities(a: Figures, b: Figures, names: Sequence[str], pairs: FamilyPairs, level: float) -> list[Difference]:
    """Weighted means with an interval of their difference, and Mann-Whitney's test."""
    found = []
    for name, quantity in QUANTITIES.items():
        strata = strata_of_both(a, b, names, quantity)
        one, other = mean_of(strata[0]), mean_of(strata[1])
        ranks = mann_whitney([(s, x.histogram(name), y.histogram(name)) for s, x, y in pairs], level)
        if one is None or other is None or ranks is None:
            continue
        ends = difference_of_means(*strata, level)
        found.append(Difference(name, "mean", one[0], other[0], ends, ranks.a12, ranks.p, a12_interval=ranks.interval))
    return found


def headroom_rates(pairs: FamilyPairs, level: float, both_precharge: bool) -> list[Difference]:
    """Share of fitting probes that fail only because of the precharge, at 1, 2, 4, ... pages of headroom."""
    joints = [(s, x.histogram(PRECHARGE_USED), y.histogram(PRECHARGE_USED)) for s, x, y in pairs]
    if not both_precharge or not any(x for _, x, _ in joints) or not any(y for _, _, y in joints):
        return []
    found = []
    for pages in table_places([h for _, *hs in joints for h in hs]):
        rows = []
        for s, x, y in joints:
            (bad, good), (bad_b, good_b) = counted(x, pages), counted(y, pages)
            rows.append((s, bad, bad + good, bad_b, bad_b + good_b))
        if 0 < pages <= HEADROOM_COMPARED_MOST and any(row[1] or row[3] for row in rows):
            found.append(rate_difference(f"fails, {pages} left", "headroom", rows, level))
    return found


def violation_rates(pairs: FamilyPairs, level: float) -> list[Difference]:
    """Rate of each invariant that either campaign violated."""
    found = []
    for name in INVARIANT_NAMES:
        rows = [(s, x.violating(name), x.cases, y.violating(name), y.cases) for s, x, y in pairs]
        if any(row[1] or row[3] for row in rows):
            found.append(rate_difference(f"{name} violated", "violated", rows, level))
    return found


def rate_difference(name: str, kind: str, rows: Sequence[tuple[float, int, int, int, int]], level: float) -> Difference:
    """From (share, k and n of A, k and n of B) by family.

    The interval joins those of both weighted rates, each with half of the error: at least the level, and wide.
    """
    each = (1 + level) / 2
    one = pooled_rate([(share, n, k) for share, k, n, _, _ in rows], each)
    other = pooled_rate([(share, m, k) for share, _, _, k, m in rows], each)
    low = (other.interval.low or 0.0) - (one.interval.high or 0.0)
    high = (other.interval.high or 0.0) - (one.interval.low or 0.0)
    p = events_test([row[1:] for row in rows])
    counts = (sum(row[1] for row in rows), sum(row[2] for row in rows),
              sum(row[3] for row in rows), sum(row[4] for row in rows))  # fmt: skip
    plain = (pooled_rate([(share, n, k) for share, k, n, _, _ in rows], level).interval,
             pooled_rate([(share, m, k) for share, _, _, k, m in rows], level).interval)  # fmt: skip
    return Difference(name, kind, one.rate, other.rate, Interval(low, high), None, p, counts=counts, ends=plain)


def fixed(pairs: FamilyPairs, level: float) -> tuple[Fixed, ...]:
    """What A violated and B did not."""
    n, clean = sum(x.cases for _, x, _ in pairs), sum(y.cases for _, _, y in pairs)
    found = []
    for name in INVARIANT_NAMES:
        k = sum(x.violating(name) for _, x, _ in pairs)
        if k and not any(y.violating(name) for _, _, y in pairs):
            tail = (1 - level) / 2
            ends = Interval(rate_low(k, n, tail), rate_high(k, n, tail))
            least = ends.low or 0.0
            rate = min(k / n, 1 - 1e-12)
            found.append(Fixed(name, Rate(k / n, ends), clean, clean_runs(rate, level), clean_runs(least, level)))
    return tuple(found)


# Values of a quantity in both beside each other: means and quantiles with their intervals, and B less A.
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
