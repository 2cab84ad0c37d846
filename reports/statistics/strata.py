"""Pooled figures over families: each family counts by its known weight, not by the cases that it happened to get.

The distribution meant is: draw a family by weight, a case in it, and look at the case if its probe was charged. A case
of family f stands for w_f / cases_f. Intervals join exact intervals of each family by Bonferroni's inequality: they
hold with at least the level, whatever the distributions are and however few cases a family has. They are wider than
need be; a family with few cases leaves its whole weight open, and that is what is known.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.intervals import (
    LEVEL,
    MEAN_CASES_LEAST,
    Interval,
    Quantile,
    is_nearly_normal,
    rate_high,
    rate_low,
)
from percpu_fuzz.reports.value_types import Share


@dataclass(frozen=True, slots=True)
class Stratum:
    """One family: share of the distribution (they sum to 1), cases, and its probes by value (at most one a case).

    most: values lie in 0..most, whatever is drawn; None if nothing is known. averages: of every charged allocation of
    its cases, where those were counted; estimates then use them in place of the probes.
    """

    share: float
    cases: int
    histogram: Histogram
    most: int | None = None
    averages: Averages | None = None


def rows_of_averages(strata: Sequence[Stratum]) -> list[tuple[float, int, Averages, int | None]] | None:
    """(share, cases, averages, most) of each; None if one of them has only its probes, and cases."""
    rows = []
    for s in strata:
        if s.averages is None and s.cases:
            return None
        rows.append((s.share, s.cases, s.averages or Averages.of_probes({}), s.most))
    return rows if any(s.averages for s in strata) else None


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with its interval."""

    rate: Share
    interval: Interval


def pooled_rate(strata: Sequence[tuple[float, int, int]], level: float = LEVEL) -> Rate:
    """Rate of (share, cases, violating) by share: ends of each family at level / families, summed by share."""
    tail = (1 - level) / 2 / len(strata)
    sampled = sum(share for share, cases, _ in strata if cases)
    rate = sum(share * k / cases for share, cases, k in strata if cases) / sampled if sampled else 0.0
    low = sum(share * rate_low(k, cases, tail) for share, cases, k in strata)
    high = sum(share * rate_high(k, cases, tail) for share, cases, k in strata)
    return Rate(rate, Interval(low, min(high, 1.0)))


def pooled_ratio(strata: Sequence[tuple[float, int, int, int]], level: float = LEVEL) -> Rate | None:
    """A / (A + C) for sums by share of disjoint rates a and c, from (share, cases, a's cases, c's cases).

    None if neither was seen. It grows with A and falls with C: exact ends of both in each family, joined by Bonferroni.
    """
    a_sum = sum(s * a / n for s, n, a, _ in strata if n)
    c_sum = sum(s * c / n for s, n, _, c in strata if n)
    if a_sum + c_sum == 0:
        return None
    tail = (1 - level) / 4 / len(strata)
    a_low, a_high = (sum(s * end(a, n, tail) for s, n, a, _ in strata) for end in (rate_low, rate_high))
    c_low, c_high = (sum(s * end(c, n, tail) for s, n, _, c in strata) for end in (rate_low, rate_high))
    return Rate(a_sum / (a_sum + c_sum), Interval(a_low / (a_low + c_high), a_high / (a_high + c_low)))


def pooled_zero_bound(strata: Sequence[tuple[float, int]], level: float = LEVEL) -> float:
    """Upper bound of a rate by share after 0 of all cases of (share, cases), exact.

    The largest sum of share * p over all rates p under which nothing at all was seen with probability >= 1 - level:
    at the optimum 1 - p_f = min(1, x * cases_f / share_f), with x found by bisection (it is monotone).
    """
    open_share = sum(share for share, cases in strata if cases == 0)
    known = [(share, cases) for share, cases in strata if cases]
    if not known:
        return 1.0

    def log_chance(x: float) -> float:
        return sum(cases * min(0.0, math.log(x * cases / share)) for share, cases in known)

    # At the top no rate is above 0; at the bottom each family alone exhausts the budget.
    high = max(share / cases for share, cases in known)
    low = high * (1 - level) * 1e-3
    while log_chance(low) > math.log(1 - level):
        low /= 2
    for _ in range(200):
        middle = (low + high) / 2
        if log_chance(middle) < math.log(1 - level):
            low = middle
        else:
            high = middle
    return open_share + sum(share * max(0.0, 1 - low * cases / share) for share, cases in known)


def _below(stratum: Stratum, x: int) -> int:
    return sum(number for value, number in stratum.histogram.items() if value <= x)


def _probes(stratum: Stratum) -> int:
    return sum(stratum.histogram.values())


def pooled_quantile(strata: Sequence[Stratum], q: float, level: float = LEVEL) -> Quantile | None:
    """The weighted q-quantile; None without a probe.

    x is at or above it iff G(x) = sum of share * ((1 - q) P(probe <= x) - q P(probe > x)) >= 0. The lower end is the
    first x at which G's upper bound reaches 0, the upper end the first at which its lower bound does; each errs with
    at most half of 1 - level. Both probabilities of each family have exact bounds, which grow with x. No probe of a
    family lies above its `most`: with all of them known no end is open.
    """
    values = sorted({value for stratum in strata for value in stratum.histogram})
    if not values:
        return None
    mosts = [stratum.most for stratum in strata if stratum.most is not None]
    values = sorted({*values, *mosts})
    tail = (1 - level) / 4 / len(strata)
    first = _first(values, lambda x: _balance(strata, x, q) >= -1e-12)
    low = _first(values, lambda x: _bound(strata, x, q, tail, +1) >= 0)
    high = _first(values, lambda x: _bound(strata, x, q, tail, -1) >= 0)
    bounded_below = low > 0 or _bound(strata, values[0] - 1, q, tail, +1) < 0
    least = 0 if len(mosts) == len(strata) else None
    interval = Interval(
        values[low] if bounded_below and low < len(values) else least, values[high] if high < len(values) else None
    )
    return Quantile(values[first], interval)


def _first(values: Sequence[int], holds: Callable[[int], bool]) -> int:
    """Index of the first value from which on it holds; their number if for none."""
    return bisect_left(values, True, key=holds)


def _balance(strata: Sequence[Stratum], x: int, q: float) -> float:
    """G(x) as estimated."""
    total = 0.0
    for stratum in strata:
        below = _below(stratum, x)
        above = _probes(stratum) - below
        total += stratum.share * ((1 - q) * below - q * above) / stratum.cases if stratum.cases else 0.0
    return total


def _bound(strata: Sequence[Stratum], x: int, q: float, tail: float, sign: int) -> float:
    """The lower (sign -1) or upper (sign +1) bound of G(x), at `tail` for each probability of each family."""
    total = 0.0
    for stratum in strata:
        n, below = stratum.cases, _below(stratum, x)
        above = _probes(stratum) - below
        at_most = rate_high(below, n, tail) if sign > 0 else rate_low(below, n, tail)
        more = rate_low(above, n, tail) if sign > 0 else rate_high(above, n, tail)
        if stratum.most is not None and x >= stratum.most:
            more = 0.0
        total += stratum.share * ((1 - q) * at_most - q * more)
    return total


@dataclass(frozen=True, slots=True)
class Influence:
    """A weighted mean with the variance and third central moment of its estimate; nearly_normal: neither too skewed."""

    mean: float
    variance: float
    third: float
    nearly_normal: bool


def weighted_mean(strata: Sequence[Stratum]) -> tuple[float, float | None] | None:
    """The weighted mean and its standard error, that of a ratio (Cochran, Sampling Techniques, 6.11).

    None without a probe; no error if a family has fewer than 30 cases, whose spread is not known then, or where the
    mean is too skewed to be normal.
    """
    charged = sum(s.share * _probes(s) / s.cases for s in strata if s.cases)
    if charged == 0:
        return None
    found = influence(strata)
    if found is None:
        return sum(
            s.share * sum(v * n for v, n in s.histogram.items()) / s.cases for s in strata if s.cases
        ) / charged, None
    return found.mean, math.sqrt(found.variance) if found.nearly_normal else None


def influence(strata: Sequence[Stratum]) -> Influence | None:
    """Moments of the weighted mean's estimate; None without a probe, or if a family has fewer than 30 cases."""
    charged = sum(s.share * _probes(s) / s.cases for s in strata if s.cases)
    if charged == 0 or any(s.cases < MEAN_CASES_LEAST for s in strata):
        return None
    mean = sum(s.share * sum(v * n for v, n in s.histogram.items()) / s.cases for s in strata) / charged
    variance = third = 0.0
    for s in strata:
        residues = [(v - mean, n) for v, n in s.histogram.items()] + [(0.0, s.cases - _probes(s))]
        average = sum(r * n for r, n in residues) / s.cases
        squares, cubes = (sum(n * (r - average) ** power for r, n in residues) for power in (2, 3))
        variance += s.share**2 * squares / (s.cases - 1) / s.cases
        third += s.share**3 * cubes / s.cases**3
    nearly = is_nearly_normal(variance, third)
    return Influence(mean, variance / charged**2, third / charged**3, nearly)
