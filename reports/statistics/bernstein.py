"""A weighted mean of bounded values: Bernstein's inequality over all families at once, for a fixed number of cases.

Y is a case's value, 0 where no probe was charged, and C whether one was; or the averages of both over all of a case's
allocations (averages.py), where C is a share in [0, 1]. The mean wanted is the m at which the sum over
families of share E(Y - m C) is 0; m is in the interval iff that sum may be 0. The sum of all cases' (share / cases)
(Y - m C) is one of independent bounded variables, so it strays from its mean by more than sqrt(2 v L) + b L / 3 with at
most exp(-L) on either side (Boucheron, Lugosi, Massart, Concentration Inequalities, 2.8); b is the largest range of a
term, and v the sum's variance. Its estimate W adds up the families' own, each times share^2 / cases. With n cases of a
family, of range R, n times their variance over R^2 is self-bounding with a = n / (n - 1), so that
ln E exp(t (E W - W)) <= t^2 B E W / 2 with B the largest a (share R / n)^2 (Maurer 2006, theorem 13; Maurer and Pontil
2009, theorem 10; families are independent, so their logarithms add up): sqrt(v) is at most sqrt(W) + sqrt(2 B L) but
with exp(-L), for all families at once. That takes a fifth of the error, the sum the rest. A family of fewer than
BERNSTEIN_CASES_LEAST cases counts by its range alone, which needs no case and cannot err.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval

BERNSTEIN_CASES_LEAST = 30  # below that the range says more than the cases do
DEVIATION_PART = 0.2  # of the error
BERNSTEIN_STEPS = 32  # of a bisection in [0, most]


@dataclass(frozen=True, slots=True)
class Part:
    """One family: share, cases, sums over them of C, Y, Y^2, Y C and C^2; Y lies in [0, most] times C.

    Sums are numbers, or arrays of them that are worked out together.
    """

    share: float
    cases: int
    charged: Any
    total: Any
    squares: Any
    products: Any
    charged_squares: Any
    most: float

    def bare(self) -> bool:
        """Whether it has too few cases for a bound."""
        return self.cases < BERNSTEIN_CASES_LEAST

    def middle(self, m: float) -> Any:
        """The average of Y - m C."""
        return (self.total - m * self.charged) / self.cases

    def width(self, m: float) -> float:
        """The range of Y - m C."""
        return max(self.most, m)

    def variance(self, m: float) -> Any:
        """What it adds to the estimated variance of the sum; its root is convex in m."""
        squares = self.squares - 2 * m * self.products + m * m * self.charged_squares
        excess = squares - self.cases * self.middle(m) ** 2
        spread = (excess + abs(excess)) / 2 / (self.cases - 1)  # no less than 0, of arrays too
        return self.share**2 * spread / self.cases

    def doubt(self, m: float) -> float:
        """The range of its variance's root, over the root of twice the logarithm."""
        return self.share * self.width(m) / math.sqrt(self.cases * (self.cases - 1))


def part_of(share: float, cases: int, histogram: Histogram, most: float) -> Part:
    """The sums of a family's probes by value."""
    total = sum(value * number for value, number in histogram.items())
    squares = sum(value * value * number for value, number in histogram.items())
    charged = sum(histogram.values())
    return Part(share, cases, charged, total, squares, total, charged, most)


def part_of_averages(share: float, cases: int, found: Averages, most: float) -> Part:
    """The sums of a family's averages over all charged allocations of a case."""
    return Part(
        share, cases, found.charged, found.total, found.total_squares, found.total_charged, found.charged_squares, most
    )  # fmt: skip


def bounded_mean(parts: Sequence[Part], level: float = LEVEL) -> Interval:
    """The interval of the mean, always with two ends: at worst the range.

    The sum's lower bound is concave and its upper bound convex in m, so if an end of the range is excluded, everything
    from there to the bound's root is.
    """
    top = max(part.most for part in parts)
    counted = sum(part.share * part.charged / part.cases for part in parts if part.cases)
    if counted == 0:
        return Interval(0.0, top)
    middle = sum(part.share * part.total / part.cases for part in parts if part.cases) / counted
    low = _root(lambda m: _sum_bound(parts, m, level, -1) > 0, middle, 0.0)
    high = _root(lambda m: _sum_bound(parts, m, level, +1) < 0, middle, top)
    return Interval(low, high)


def _sum_bound(parts: Sequence[Part], m: float, level: float, sign: int) -> float:
    """The lower (sign -1) or upper (+1) bound of the sum over families of share E(Y - m C)."""
    ranges = sum(part.share * (max(part.most - m, 0.0) if sign > 0 else -m) for part in parts if part.bare())
    bound: float = ranges + bound_of_known([part for part in parts if not part.bare()], m, level, sign)
    return bound


def bound_of_known(known: Sequence[Part], m: float, level: float, sign: int, places: int = 1) -> Any:
    """The same for families that all have cases enough; an array where their sums are arrays.

    places: at so many of them the deviation may be taken for too small.
    """
    if not known:
        return 0.0
    error = 1 - level
    log = math.log(2 / (error * (1 - DEVIATION_PART)))
    doubt = max(part.doubt(m) for part in known) * math.sqrt(2 * math.log(places / (error * DEVIATION_PART)))
    deviation = sum(part.variance(m) for part in known) ** 0.5 + doubt
    largest = max(part.share * part.width(m) / part.cases for part in known)
    half = deviation * math.sqrt(2 * log) + largest * log / 3
    return sum(part.share * part.middle(m) for part in known) + sign * half


def _root(outside: Callable[[float], bool], inside: float, out: float) -> float:
    """The end of what is outside, from the end of the range to a point that is not; the range's end if it is not."""
    if not outside(out):
        return out
    for _ in range(BERNSTEIN_STEPS):
        middle = (inside + out) / 2
        inside, out = (inside, middle) if outside(middle) else (middle, out)
    return out
