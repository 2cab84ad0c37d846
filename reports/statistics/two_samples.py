"""Two campaigns against each other: ranks by family, events by family, and the correction for many figures.

Both tests are stratified: cases are compared with cases of the same family only, so that a difference in how many cases
a family got is no difference between campaigns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval

RANKED_CASES_LEAST = 10  # of a family in each campaign, for its statistic to be nearly normal
EXACT_EVENTS_MOST = 2_000  # up to so many events the exact law is worked out, beyond it is as good as normal


@dataclass(frozen=True, slots=True)
class Ranks:
    """a12: chance that a case of B lies above one of A, ties half (Vargha and Delaney 2000); p: two-sided."""

    a12: float
    p: float
    interval: Interval


def superiority_spread(a: Histogram, b: Histogram) -> float:
    """Variance of `superiority` whatever the two distributions are: DeLong, DeLong and Clarke-Pearson 1988.

    The spread of each case's own share of the other campaign's cases that it lies below or above.
    """
    n, m = sum(a.values()), sum(b.values())
    whole = superiority(a, b)
    above = sum(a.get(v, 0) * (superiority({v: 1}, b) - whole) ** 2 for v in a)
    below = sum(b.get(v, 0) * (superiority(a, {v: 1}) - whole) ** 2 for v in b)
    return above / (n - 1) / n + below / (m - 1) / m


def superiority(a: Histogram, b: Histogram) -> float:
    """P(b > a) + P(b = a) / 2 for one case of each."""
    n, m = sum(a.values()), sum(b.values())
    below, total = 0, 0.0
    for value in sorted({*a, *b}):
        total += b.get(value, 0) * (below + a.get(value, 0) / 2)
        below += a.get(value, 0)
    return total / (n * m)


def superiority_variance(a: Histogram, b: Histogram) -> float:
    """Variance of `superiority` where both are one distribution, ties allowed for (Lehmann, Nonparametrics, 1.4)."""
    n, m = sum(a.values()), sum(b.values())
    both = n + m
    ties = sum((a.get(v, 0) + b.get(v, 0)) ** 3 - (a.get(v, 0) + b.get(v, 0)) for v in {*a, *b})
    return (both + 1 - ties / (both * (both - 1))) / (12 * n * m) if both > 1 else 0.0


def mann_whitney(strata: Sequence[tuple[float, Histogram, Histogram]], level: float = LEVEL) -> Ranks | None:
    """From (share, A's histogram, B's); None if no family has a case in both.

    a12 weighs families by share. p joins two tests by Bonferroni's inequality: families together, weighed by
    n m / (n + m + 1), which sees a small shift in all of them (van Elteren 1960), and the sum of each one's squared
    statistic, which sees a shift in one. Normal approximation; families of few cases are left out of the second.
    """
    both = [(share, a, b) for share, a, b in strata if a and b]
    if not both:
        return None
    effects = [superiority(a, b) for _, a, b in both]
    whole = sum(share for share, _, _ in both)
    a12 = sum(share * effect for (share, _, _), effect in zip(both, effects, strict=True)) / whole
    shift = variance = squares = 0.0
    families = 0
    for (_, a, b), effect in zip(both, effects, strict=True):
        n, m = sum(a.values()), sum(b.values())
        weight, own = n * m / (n + m + 1), superiority_variance(a, b)
        shift += weight * (effect - 0.5)
        variance += weight**2 * own
        if own > 0 and min(n, m) >= RANKED_CASES_LEAST:
            squares += (effect - 0.5) ** 2 / own
            families += 1
    p = two_sided(shift / math.sqrt(variance)) if variance > 0 else 1.0
    ends = _ends([(share / whole, x, y) for share, x, y in both], level)
    if families < 2:
        return Ranks(a12, p, ends)
    from scipy.special import chdtrc

    return Ranks(a12, min(1.0, 2 * min(p, float(chdtrc(families, squares)))), ends)


def _ends(strata: Sequence[tuple[float, Histogram, Histogram]], level: float) -> Interval:
    """Normal interval of the weighted a12; a family of few cases on either side may have any from 0 to 1."""
    from scipy.special import ndtri

    middle = variance = loose = 0.0
    for share, a, b in strata:
        if min(sum(a.values()), sum(b.values())) < RANKED_CASES_LEAST:
            loose += share
            continue
        middle += share * superiority(a, b)
        # Of no spread nothing is known: as much as where both are one distribution, at the least.
        own = superiority_spread(a, b) or superiority_variance(a, b)
        variance += share**2 * own
    half = float(ndtri((1 + level) / 2)) * math.sqrt(variance)
    return Interval(max(0.0, middle - half), min(1.0, middle + half + loose))


def two_sided(z: float) -> float:
    """P(|normal| >= |z|)."""
    return math.erfc(abs(z) / math.sqrt(2))


Events = tuple[int, int, int, int]  # k and n of A, k and n of B


def events_test(strata: Sequence[Events]) -> float:
    """Two-sided p of "in each family the same rate", given each family's events (Cochran, Mantel and Haenszel).

    Exact by convolution while events are few: twice the smaller tail. 1 where nothing can differ.
    """
    rows = [row for row in strata if row[1] and row[3] and 0 < row[0] + row[2] < row[1] + row[3]]
    if not rows:
        return 1.0
    if sum(row[0] + row[2] for row in rows) <= EXACT_EVENTS_MOST:
        return _exact(rows)
    shift = variance = 0.0
    for ka, n, kb, m in rows:
        k, both = ka + kb, n + m
        shift += kb - k * m / both
        variance += k * m / both * n / both * (both - k) / (both - 1)
    return two_sided(max(0.0, abs(shift) - 0.5) / math.sqrt(variance))


def _exact(rows: Sequence[Events]) -> float:
    """The law of B's events, given the margins: the hypergeometric laws of the families, convolved."""
    import numpy as np
    from scipy.special import gammaln

    law, seen = np.ones(1), 0
    for ka, n, kb, m in rows:
        k = ka + kb
        low, high = max(0, k - n), min(k, m)
        x = np.arange(low, high + 1)
        ways = -gammaln(x + 1) - gammaln(m - x + 1) - gammaln(k - x + 1) - gammaln(n - k + x + 1)
        chance = np.exp(ways - ways.max())
        law = np.convolve(law, chance / chance.sum())
        seen += kb - low
    tail = min(float(law[: seen + 1].sum()), float(law[seen:].sum()))
    return min(1.0, 2 * tail)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979): at most alpha of one or more false flags, however the figures hang together."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, most = [0.0] * len(ps), 0.0
    for place, i in enumerate(order):
        most = max(most, min(1.0, ps[i] * (len(ps) - place)))
        adjusted[i] = most
    return adjusted


def clean_runs(rate: float, level: float) -> int:
    """Cases without a violation after which a bug of that rate a case is excluded: (1 - rate)^n <= 1 - level."""
    return math.ceil(math.log1p(-level) / math.log1p(-rate) - 1e-9)
