"""Campaign B against campaign A: the difference of each figure with its interval, tests, and "is it fixed?".

Only the measurement streams and only families that both ran; A's weights count.
"""

from __future__ import annotations

import math
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


# Common random numbers: two campaigns of one seed drew the same machines and programs, batch by batch.
#
# Case c of two batches of one draw is the same machine, placement and program in both, whatever the variant; only the
# steps that the variants take differ. So the difference is taken within batches, where what both share cancels out, and
# its interval comes from how it varies between batches.
BATCHES_LEAST = 10  # of each family: Student's interval of fewer leans on how the batches' means are distributed
ALIKE = ("seed", "families", "machines", "faults", "code")


@dataclass(frozen=True, slots=True)
class Paired:
    """Wasted pages a measured case, B - A, over batches that both ran; unpaired: the interval without pairing.

    A case whose probe was not charged wastes 0. batches: pairs of all families.
    """

    batches: int
    difference: float
    interval: Interval
    unpaired: Interval


def paired(a: Figures, b: Figures, level: float = LEVEL) -> Paired | None:
    """The paired difference; None unless both drew from the same numbers and both precharge."""
    same = all(a.campaign.describe.get(name) == b.campaign.describe.get(name) for name in ALIKE)
    if not same or not (a.precharges and b.precharges):
        return None
    rows = []
    for family in a.families:
        one, other = (c.campaign.evidence.waste.get(family.name, {}) for c in (a, b))
        both = sorted(k for k in set(one) & set(other) if k >= a.campaign.pilot and one[k].cases == other[k].cases)
        rows.append((family.share, [(one[k], other[k]) for k in both]))
    if not any(pairs for _, pairs in rows):
        return None
    within = [(share, [y.mean - x.mean for x, y in pairs]) for share, pairs in rows]
    apart = [[(share, [pair[i].mean for pair in pairs]) for share, pairs in rows] for i in (0, 1)]
    difference, error, freedom = weighted_error(within)
    alone = [weighted_error(one) for one in apart]
    loose = None if alone[0][1] is None or alone[1][1] is None else math.hypot(alone[0][1], alone[1][1])
    return Paired(
        sum(len(pairs) for _, pairs in rows), difference,
        around(difference, error, freedom, level), around(difference, loose, freedom, level),
    )  # fmt: skip


def weighted_error(rows: Sequence[tuple[float, Sequence[float]]]) -> tuple[float, float | None, float]:
    """(mean, standard error, degrees of freedom) of a sum by share of means over batches (Welch and Satterthwaite).

    No error if a family has fewer than BATCHES_LEAST batches.
    """
    total = sum(share for share, values in rows if values)
    mean = sum(share / total * sum(values) / len(values) for share, values in rows if values)
    if any(len(values) < BATCHES_LEAST for _, values in rows):
        return mean, None, 1.0
    parts = []
    for share, values in rows:
        middle = sum(values) / len(values)
        variance = sum((value - middle) ** 2 for value in values) / (len(values) - 1) / len(values)
        parts.append((share * share * variance, len(values) - 1))
    square = sum(part for part, _ in parts)
    spread = sum(part * part / freedom for part, freedom in parts)
    return mean, math.sqrt(square), square * square / spread if spread > 0 else math.inf


def around(value: float, error: float | None, freedom: float, level: float) -> Interval:
    """Student's interval; open where there is no error."""
    if error is None:
        return OPEN
    from scipy.special import ndtri, stdtrit

    p = (1 + level) / 2
    half = error * float(ndtri(p) if math.isinf(freedom) else stdtrit(freedom, p))
    return Interval(value - half, value + half)
