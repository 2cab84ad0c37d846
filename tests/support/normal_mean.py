"""The normal interval of a weighted mean, which reports do not print: what other intervals are measured against."""

from __future__ import annotations

from collections.abc import Sequence

from percpu_fuzz.reports.statistics.intervals import OPEN, Interval
from percpu_fuzz.reports.statistics.strata import Stratum, weighted_mean


def pooled_mean(strata: Sequence[Stratum]) -> tuple[float, Interval] | None:
    """The mean and its 95% interval, open where weighted_mean gives no error; None without a probe."""
    found = weighted_mean(strata)
    if found is None or found[1] is None:
        return None if found is None else (found[0], OPEN)
    mean, error = found
    return mean, Interval(mean - 1.959964 * error, mean + 1.959964 * error)


def normal_interval(histogram: dict[int, int]) -> Interval:
    """Of one family whose every case has a value."""
    found = pooled_mean([Stratum(1.0, sum(histogram.values()), histogram)])
    assert found is not None
    return found[1]
