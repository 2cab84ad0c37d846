"""A ratio over families that holds at every look: of the cases that count (a charged probe), the share that hit.

Family f counts with probability r_f and hits with F_f of those that count; the ratio wanted is the rho at which the sum
over families of share_f r_f (F_f - rho) is 0. Within a family the cases that count are draws from one distribution, so
F_f has a sequence over them alone, and r_f one over all cases (reports.sequences). Bonferroni's inequality joins the
families, as in reports.strata. Near rho an error in r_f hardly moves the sum: r_f gets the smaller part of the error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.sequences import sequence_high, sequence_low
from reports.statistics import LEVEL, Interval

COUNTS_PART = 0.1  # of a family's part of the error, for each end of r_f
STEPS = 50  # of a bisection in [0, 1]


class Balance:
    """Bounds of the sum above, from (share, cases, cases that count) of each family."""

    def __init__(self, rows: Sequence[tuple[float, int, int]], level: float = LEVEL) -> None:
        tail = (1 - level) / 2 / len(rows)
        alone = len(rows) == 1  # then r_f does not change the sign of the sum, which is all that matters
        self.tail = tail if alone else (1 - 2 * COUNTS_PART) * tail
        counting = COUNTS_PART * tail
        self.rows = [
            (share, counted, *((1.0, 1.0) if alone else _ends(counted, cases, counting)))
            for share, cases, counted in rows
        ]

    def low(self, hits: Sequence[int], ratio: float) -> float:
        """A bound that lies above the sum at any look with at most half of 1 - level."""
        total = 0.0
        for (share, counted, least, most), k in zip(self.rows, hits, strict=True):
            apart = (sequence_low(k, counted, self.tail) if counted else 0.0) - ratio
            total += share * apart * (least if apart > 0 else most)
        return total

    def high(self, hits: Sequence[int], ratio: float) -> float:
        """A bound that lies below the sum at any look with at most half of 1 - level."""
        total = 0.0
        for (share, counted, least, most), k in zip(self.rows, hits, strict=True):
            apart = (sequence_high(k, counted, self.tail) if counted else 1.0) - ratio
            total += share * apart * (most if apart > 0 else least)
        return total


def _ends(k: int, n: int, tail: float) -> tuple[float, float]:
    return (sequence_low(k, n, tail), sequence_high(k, n, tail)) if n else (0.0, 1.0)


def ratio_interval(rows: Sequence[tuple[float, int, int, int]], level: float = LEVEL) -> Interval:
    """Of (share, cases, cases that count, hits), at every look."""
    balance, hits = Balance([row[:3] for row in rows], level), [row[3] for row in rows]
    return Interval(_root(lambda ratio: balance.low(hits, ratio), 0)[0], _root(lambda r: balance.high(hits, r), 1)[1])


def _root(bound: Callable[[float], float], end: int) -> tuple[float, float]:
    """Around the root of a bound, which falls as the ratio grows; (0, 0) or (1, 1) if it has none."""
    if (bound(0.0) <= 0) if end == 0 else (bound(1.0) >= 0):
        return float(end), float(end)
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(middle) > 0 else (low, middle)
    return low, high
