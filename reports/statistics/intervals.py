"""Intervals for one sample: rates and quantiles, exact. The unit is the case, always.

scipy.special is imported where it is used, and scipy.stats not at all: that alone takes half a second to load.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from percpu_fuzz.engine.outcome import Histogram

LEVEL = 0.95
MEAN_CASES_LEAST = 30  # below that a normal interval says more than it knows
MEAN_SKEWNESS_MOST = 0.2  # of an estimated mean: n > 25 G1^2 (Cochran, Sampling Techniques, 2.15)


class Interval(NamedTuple):
    """Ends of a two-sided interval; None: the sample is too small to bound that end."""

    low: float | None
    high: float | None


OPEN = Interval(None, None)


@dataclass(frozen=True, slots=True)
class Quantile:
    """The smallest value x with F(x) >= q for some q, estimated, with an interval for it."""

    value: int
    interval: Interval


def clopper_pearson(k: int, n: int, level: float = LEVEL) -> Interval:
    """Exact two-sided interval of a rate, k of n cases (Clopper and Pearson 1934). n = 0 says nothing: [0, 1].

    It also holds for the average rate of n independent cases whose rates differ, as between families in fixed numbers:
    their sum is less spread than the binomial of the average (Hoeffding 1956).
    """
    tail = (1 - level) / 2
    return Interval(rate_low(k, n, tail), rate_high(k, n, tail))


def rate_low(k: int, n: int, tail: float) -> float:
    """The largest p with P(Bin(n, p) >= k) <= tail."""
    if k == 0:
        return 0.0
    from scipy.special import betaincinv  # the quantile of the beta distribution, at a fiftieth of scipy.stats' cost

    return float(betaincinv(k, n - k + 1, tail))


def rate_high(k: int, n: int, tail: float) -> float:
    """The smallest p with P(Bin(n, p) <= k) <= tail."""
    if k == n:
        return 1.0
    if k == 0:
        return float(-math.expm1(math.log(tail) / n))
    from scipy.special import betaincinv

    return float(betaincinv(k + 1, n - k, 1 - tail))


def zero_bound(n: int, level: float = LEVEL) -> float:
    """One-sided upper bound of a rate after 0 of n: 1 - (1 - level)^(1/n)."""
    return rate_high(0, n, 1 - level)


def quantile_ranks(n: int, q: float, level: float = LEVEL) -> tuple[int | None, int | None]:
    """Ranks (1..n) of the order statistics that enclose the q-quantile with at least `level`; None: no rank does.

    Distribution-free and exact, for discrete distributions too (David and Nagaraja, Order Statistics, 7.1): the lower
    end errs only if fewer than its rank lie at or below the quantile, the upper only if so many lie below it.
    """
    from scipy.special import bdtr, bdtrc, ndtri

    tail = (1 - level) / 2
    reach = -float(ndtri(tail)) * math.sqrt(n * q * (1 - q))
    low, high = max(0, int(n * q - reach)), min(n, int(n * q + reach)) + 1  # near; the exact ends follow
    while low > 0 and bdtr(low - 1, n, q) > tail:
        low -= 1
    while low < n and bdtr(low, n, q) <= tail:
        low += 1
    while high > 1 and bdtrc(high - 2, n, q) <= tail:
        high -= 1
    while high <= n and bdtrc(high - 1, n, q) > tail:
        high += 1
    return (low if low >= 1 else None), (high if high <= n else None)


def value_at_rank(histogram: Histogram, rank: int) -> int:
    """The rank-th smallest value, ranks from 1."""
    passed = 0
    for value, number in sorted(histogram.items()):
        passed += number
        if passed >= rank:
            return value
    raise ValueError(f"rank {rank} of {passed}")


def quantile(histogram: Histogram, q: float, level: float = LEVEL, most: int | None = None) -> Quantile:
    """The sample's q-quantile with its order-statistic interval. The histogram must hold something.

    most: all values lie in 0..most, which bounds an end that no rank does.
    """
    n = sum(histogram.values())
    low, high = quantile_ranks(n, q, level)
    return Quantile(
        value_at_rank(histogram, rank_of(n, q)),
        Interval(
            (None if most is None else 0) if low is None else value_at_rank(histogram, low),
            most if high is None else value_at_rank(histogram, high),
        ),
    )


def rank_of(n: int, q: float) -> int:
    """ceil(n * q), at least 1; a hair is taken off first, or 1000 * 0.999 would round up to 1000."""
    return max(1, math.ceil(n * q - 1e-9))


def dkw_half(n: int, level: float = LEVEL) -> float:
    """Half the width of a band that holds the whole distribution function of n cases, discrete or not.

    Dvoretzky, Kiefer and Wolfowitz 1956, with the constant of Massart 1990: sqrt(ln(2 / (1 - level)) / 2n).
    """
    return math.sqrt(math.log(2 / (1 - level)) / (2 * n))


def moments(histogram: Histogram) -> tuple[int, float, float]:
    """Number, mean and sample standard deviation. The deviation is nan for fewer than two."""
    n = sum(histogram.values())
    total = sum(value * number for value, number in histogram.items())
    mean = total / n if n else math.nan
    squares = sum(number * (value - mean) ** 2 for value, number in histogram.items())
    return n, mean, math.sqrt(squares / (n - 1)) if n > 1 else math.nan


def is_nearly_normal(variance: float, third: float) -> bool:
    """Whether an estimate with this variance and third central moment is fit for a normal interval."""
    return variance > 1e-18 and abs(third) < MEAN_SKEWNESS_MOST * variance**1.5


def least_squares(points: Iterable[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Coefficients (per x, per z, constant) of y = a x + b z + c for points (x, z, y)."""
    import numpy as np

    rows = np.array(list(points), dtype=float)
    design = np.column_stack([rows[:, 0], rows[:, 1], np.ones(len(rows))])
    solution, *_ = np.linalg.lstsq(design, rows[:, 2], rcond=None)
    return float(solution[0]), float(solution[1]), float(solution[2])


def spearman(xs: list[float], ys: list[float]) -> float | None:
    """Spearman's rank correlation; None if one side is constant."""
    if len(set(xs)) < 2 or len(set(ys)) < 2:
        return None
    import numpy as np

    return float(np.corrcoef(_ranks(xs), _ranks(ys))[0, 1])


def _ranks(values: list[float]) -> Any:
    """Average ranks."""
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
