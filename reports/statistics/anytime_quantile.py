"""A weighted quantile that holds at every look (Howard and Ramdas 2022, for one quantile fixed beforehand).

"Sequential estimation of quantiles with applications to A/B testing and best-arm identification", Bernoulli 28(3): a
sequence for F at the quantile bounds it from below, one for F just below the quantile bounds it from above; each is a
sequence for the rate of an event, here the beta-binomial mixture. What is weighted is as in strata.py: x is at or
above the q-quantile iff the sum over families of share r_f (F_f(x) - q) is at least 0 (anytime_ratio.py).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from percpu_fuzz.reports.statistics.anytime_ratio import Balance
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.strata import Stratum


def quantile_interval(strata: Sequence[Stratum], q: float, level: float = LEVEL) -> Interval:
    """The q-quantile of values that are at least 0, at every look; None above: the cases do not bound it.

    At most 1 - level of ever missing it: the lower end errs only if the upper bound of the sum at the quantile is below
    0, the upper end only if the lower bound of the sum just below the quantile is not.
    """
    columns = [_column(stratum) for stratum in strata]
    values = sorted({value for stratum in strata for value in stratum.histogram})
    balance = Balance([(s.share, s.cases, passed[-1]) for s, (_, passed) in zip(strata, columns, strict=True)], level)

    def at(x: int) -> list[int]:
        return [passed[bisect_right(found, x)] for found, passed in columns]

    def may_lie_below(x: int) -> bool:
        return balance.most(balance.highs(at(x)), q) >= 0

    low = bisect_left(values, True, key=may_lie_below)
    high = bisect_left(values, True, key=lambda x: balance.least(balance.lows(at(x)), q) >= 0)
    bounded = low > 0 or (bool(values) and not may_lie_below(values[0] - 1))
    return Interval(
        float(values[low]) if bounded and low < len(values) else 0.0,
        float(values[high]) if high < len(values) else None,
    )


def _column(stratum: Stratum) -> tuple[list[int], list[int]]:
    """Values ascending, and how many lie at or below none, the first, the second, ... of them."""
    found = sorted(stratum.histogram)
    return found, [0, *accumulate(stratum.histogram[value] for value in found)]
