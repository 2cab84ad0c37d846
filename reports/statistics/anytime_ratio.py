"""A ratio over families that holds at every look: of the cases that count (a charged probe), the share that hit.

Family f counts with probability r_f and hits with F_f of those that count; the ratio wanted is the rho at which the sum
over families of share_f r_f (F_f - rho) is 0. Within a family the cases that count are draws from one distribution, so
F_f has a sequence over them alone, and r_f one over all cases (sequences.py). Bonferroni's inequality joins the
families, as in strata.py. Near rho an error in r_f hardly moves the sum: r_f gets the smaller part of the error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.sequences import sequence_high, sequence_low

COUNTS_PART = 0.1  # of a family's part of the error, for each end of r_f
RATIO_STEPS = 50  # of a bisection in [0, 1]


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

    def lows(self, hits: Sequence[int]) -> list[float]:
        """Of F_f, each family's lower bound."""
        return [sequence_low(k, row[1], self.tail) if row[1] else 0.0 for row, k in zip(self.rows, hits, strict=True)]

    def highs(self, hits: Sequence[int]) -> list[float]:
        """Of F_f, each family's upper bound."""
        return [sequence_high(k, row[1], self.tail) if row[1] else 1.0 for row, k in zip(self.rows, hits, strict=True)]

    def least(self, lows: Sequence[float], ratio: float) -> float:
        """A bound that lies above the sum at any look with at most half of 1 - level."""
        apart = [(row, bound - ratio) for row, bound in zip(self.rows, lows, strict=True)]
        return sum(share * d * (least if d > 0 else most) for (share, _, least, most), d in apart)

    def most(self, highs: Sequence[float], ratio: float) -> float:
        """A bound that lies below the sum at any look with at most half of 1 - level."""
        apart = [(row, bound - ratio) for row, bound in zip(self.rows, highs, strict=True)]
        return sum(share * d * (most if d > 0 else least) for (share, _, least, most), d in apart)


def _ends(k: int, n: int, tail: float) -> tuple[float, float]:
    return (sequence_low(k, n, tail), sequence_high(k, n, tail)) if n else (0.0, 1.0)


def ratio_interval(rows: Sequence[tuple[float, int, int, int]], level: float = LEVEL) -> Interval:
    """Of (share, cases, cases that count, hits), at every look."""
    balance, hits = Balance([row[:3] for row in rows], level), [row[3] for row in rows]
    lows, highs = balance.lows(hits), balance.highs(hits)
    low, _ = _root(lambda ratio: balance.least(lows, ratio), 0)
    _, high = _root(lambda ratio: balance.most(highs, ratio), 1)
    return Interval(low, high)


def _root(bound: Callable[[float], float], end: int) -> tuple[float, float]:
    """Around the root of a bound, which falls as the ratio grows; (0, 0) or (1, 1) if it has none."""
    if (bound(0.0) <= 0) if end == 0 else (bound(1.0) >= 0):
        return float(end), float(end)
    low, high = 0.0, 1.0
    for _ in range(RATIO_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(middle) > 0 else (low, middle)
    return low, high
