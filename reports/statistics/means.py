"""The interval of a weighted mean: Bernstein's where values are bounded, else the bootstrap's, else none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from percpu_fuzz.reports.statistics.bernstein import bounded_mean, part_of
from percpu_fuzz.reports.statistics.bootstrap import resampled_mean
from percpu_fuzz.reports.statistics.intervals import LEVEL, OPEN, Interval
from percpu_fuzz.reports.statistics.strata import Stratum, weighted_mean

_Key = tuple[tuple[float, int, tuple[tuple[int, int], ...], int | None], ...]


def mean_of(strata: Sequence[Stratum], level: float = LEVEL) -> tuple[float, Interval] | None:
    """The weighted mean of strata and its interval; None without a probe."""
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
        parts.append(part_of(s.share, s.cases, s.histogram, s.most))
    return bounded_mean(parts, level)
