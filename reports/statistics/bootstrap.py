"""The bootstrap over cases for means that nothing bounds, and for differences of means of two campaigns.

BCa intervals (Efron 1987; Efron and Tibshirani, An Introduction to the Bootstrap, 14.3): each family's cases are drawn
again with replacement, families apart from each other. Cases of one value are alike, so what is drawn is how many cases
have each value: one multinomial in place of a case at a time, and in place of scipy.stats.bootstrap, which would hold
every case of every resample. The generator is seeded from the figures themselves: equal stores give equal bytes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.strata import Stratum, influence

RESAMPLES = 1_999


def seeded(strata: Sequence[Stratum]) -> Any:
    """A generator that depends on the strata alone."""
    import numpy as np

    text = repr([(s.share, s.cases, sorted(s.histogram.items())) for s in strata])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def resampled(strata: Sequence[Stratum], rng: Any) -> Any:
    """RESAMPLES weighted means of strata drawn again."""
    import numpy as np

    total, charged = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for s in strata:
        if not s.histogram:
            continue
        values = np.array(sorted(s.histogram), dtype=float)
        numbers = np.array([s.histogram[int(v)] for v in values], dtype=float)
        drawn = rng.multinomial(s.cases, [*(numbers / s.cases), 1 - numbers.sum() / s.cases], size=RESAMPLES)
        total += s.share / s.cases * (drawn[:, :-1] @ values)
        charged += s.share / s.cases * drawn[:, :-1].sum(axis=1)
    return total / charged


def bca(estimate: float, found: Any, acceleration: float, level: float = LEVEL) -> Interval:
    """The interval from resampled estimates, corrected for bias and for a spread that changes with the value."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    below = (np.sum(found < estimate) + np.sum(found == estimate) / 2) / len(found)
    bias = float(ndtri(min(max(below, 1 / len(found)), 1 - 1 / len(found))))
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + float(ndtri(tail))
        ends.append(float(np.quantile(found, float(ndtr(bias + z / (1 - acceleration * z))))))
    return Interval(ends[0], ends[1])


def resampled_mean(strata: Sequence[Stratum], level: float = LEVEL) -> Interval | None:
    """BCa interval of a weighted mean; None where cases are too few or too skewed for it (statistics.strata)."""
    found = influence(strata)
    if found is None or not found.nearly_normal:
        return None
    return bca(found.mean, resampled(strata, seeded(strata)), found.third / (6 * found.variance**1.5), level)


def resampled_difference(a: Sequence[Stratum], b: Sequence[Stratum], level: float = LEVEL) -> Interval | None:
    """BCa interval of B's weighted mean less A's, of independent campaigns; None where either is unfit."""
    one, other = influence(a), influence(b)
    if one is None or other is None or not (one.nearly_normal and other.nearly_normal):
        return None
    rng = seeded([*a, *b])
    drawn = -resampled(a, rng)
    drawn += resampled(b, rng)
    acceleration = (other.third - one.third) / (6 * math.pow(one.variance + other.variance, 1.5))
    return bca(other.mean - one.mean, drawn, acceleration, level)
