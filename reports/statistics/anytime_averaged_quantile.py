"""A weighted quantile from averages over a case's charged allocations that holds at every look.

As in averaged_quantile.py x is at or above the q-quantile iff the sum over families of share E(X(x) - q D) is not
negative. Here each family's X(x) - q D, which lies in [-q, 1 - q], has an empirical Bernstein sequence as in
anytime_mean.py, with X for Y, D for C, q for m and 1 for the most. Bonferroni's inequality joins families and ends;
only the quantile and the value just below it can err.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from percpu_fuzz.reports.statistics.anytime_mean import MeanSequence
from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.sequences import stitched_at


class QuantileSequence:
    """One family's sums of X at each value from 0 to most. Values beyond count as that: above all of them."""

    def __init__(self, share: float, most: int) -> None:
        import numpy as np

        self.share = share
        self.values = np.arange(most + 1)
        self.at = MeanSequence(1.0)

    @property
    def cases(self) -> int:
        """Cases taken in."""
        return self.at.cases

    def add(self, found: Averages, cases: int) -> None:
        """A batch."""
        below, squares, products = found.at(self.values)
        self.at.add_sums(cases, found.charged, below, squares, products, found.charged_squares)

    def ends(self, q: float, tail: float) -> tuple[Any, Any]:
        """Bounds of E(X - q D) at each value, that at any look err with at most `tail` each; cut to the range."""
        import numpy as np

        if not self.cases:
            return np.full(len(self.values), -q), np.full(len(self.values), 1 - q)
        middle, half = self.at.middle(q), stitched_at(self.at.v(q), 1.0, tail) / self.cases
        return np.maximum(middle - half, -q), np.minimum(middle + half, 1 - q)


def averaged_quantile_interval(families: Sequence[QuantileSequence], q: float, level: float = LEVEL) -> Interval:
    """The q-quantile, at every look; None above: the cases do not bound it. Families have one most."""
    import numpy as np

    tail = (1 - level) / 2 / len(families)
    rows = [(family.share, family.ends(q, tail)) for family in families]
    low = sum(share * ends[0] for share, ends in rows)
    may_be = np.flatnonzero(sum(share * ends[1] for share, ends in rows) >= 0)
    may_lie_below = np.flatnonzero(low < 0)
    bottom = float(may_be[0]) if len(may_be) else float(len(low))
    top = 0 if not len(may_lie_below) else int(may_lie_below[-1]) + 1
    return Interval(bottom, float(top) if top < len(low) else None)
