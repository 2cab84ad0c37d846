"""The interval of a weighted mean: Bernstein's where values are bounded, else the bootstrap's, else none. And of the
difference of two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from percpu_fuzz.reports.statistics.averages import ratio_error
from percpu_fuzz.reports.statistics.bernstein import bounded_mean, part_of, part_of_averages
from percpu_fuzz.reports.statistics.bootstrap import resampled_difference, resampled_mean
from percpu_fuzz.reports.statistics.intervals import LEVEL, OPEN, Interval
from percpu_fuzz.reports.statistics.strata import Stratum, influence, rows_of_averages, weighted_mean

_Key = tuple[tuple[float, int, tuple[tuple[int, int], ...], int | None], ...]


def mean_of(strata: Sequence[Stratum], level: float = LEVEL) -> tuple[float, Interval] | None:
    """The weighted mean of strata and its interval; None without a probe.

    From the averages over all of a case's charged allocations, where every stratum has them, else from the probes.
    """
    rows = rows_of_averages(strata)
    if rows is not None:
        found = ratio_error([row[:3] for row in rows])
        return None if found is None else (found[0], bounded(strata, level) or OPEN)
    return _mean_of(tuple((s.share, s.cases, tuple(s.histogram.items()), s.most) for s in strata), level)


@lru_cache(maxsize=1024)
def _mean_of(key: _Key, level: float) -> tuple[float, Interval] | None:
    """Kept, since each report of a campaign asks for the same means."""
    strata = [Stratum(share, cases, dict(items), most) for share, cases, items, most in key]
    found = weighted_mean(strata)
    if found is None:
        return None
    return found[0], bounded(strata, level) or resampled_mean(strata, level) or OPEN


def bounded(strata: Sequence[Stratum], level: float = LEVEL) -> Interval | None:
    """Holds at least the level, whatever the distributions are; None if nothing bounds the values of a family."""
    parts = []
    for s in strata:
        if s.most is None:
            return None
        if s.averages is not None:
            parts.append(part_of_averages(s.share, s.cases, s.averages, s.most))
        else:
            parts.append(part_of(s.share, s.cases, s.histogram, s.most))
    return bounded_mean(parts, level)


def difference_of_means(a: Sequence[Stratum], b: Sequence[Stratum], level: float = LEVEL) -> Interval:
    """B's weighted mean less A's, of independent campaigns; open where neither way holds.

    Approximate where few cases decide neither mean: normal from averages, the bootstrap from probes. Else both
    Bernstein intervals, each with half of the error.
    """
    found = normal_difference(a, b, level) or resampled_difference(a, b, level)
    if found is not None:
        return found
    each = (1 + level) / 2
    one, other = bounded(a, each), bounded(b, each)
    return OPEN if one is None or other is None else less(one, other)


def normal_difference(a: Sequence[Stratum], b: Sequence[Stratum], level: float) -> Interval | None:
    """Normal from averages of both; None without them, and where the probes of one are too skewed for it."""
    from scipy.special import ndtri

    ends = []
    for strata in (a, b):
        rows, moments = rows_of_averages(strata), influence(strata)
        found = None if rows is None else ratio_error([row[:3] for row in rows])
        if found is None or moments is None or not moments.nearly_normal:
            return None
        ends.append(found)
    (one, spread), (other, far) = ends
    half = float(ndtri((1 + level) / 2)) * math.sqrt(spread + far)
    return Interval(other - one - half, other - one + half)


def less(one: Interval, other: Interval) -> Interval:
    """The other less the one, where both hold; an end is open if one that it needs is."""
    low = None if other.low is None or one.high is None else other.low - one.high
    high = None if other.high is None or one.low is None else other.high - one.low
    return Interval(low, high)
