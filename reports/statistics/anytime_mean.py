"""A weighted mean of bounded values that holds at every look: the empirical Bernstein confidence sequence.

Y is a case's value, 0 where no probe was charged, and C whether one was; or the averages of both over all of a case's
allocations (averages.py). The mean wanted is the m at which the sum over
families of share E(Y - m C) is 0. For that m each family's Y - m C are independent and bounded, so Howard, Ramdas,
McAuliffe and Sekhon 2021, theorem 4, bounds their sum: with predictions made before each case, it is sub-exponential of
the width of their range in V, the sum of squared errors of prediction. The boundary is the stitched one of their
equation 10. Bonferroni's inequality joins the families.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.sequences import stitched

SEQUENCE_STEPS = 24  # of a bisection in [0, most]


@dataclass(slots=True)
class MeanSequence:
    """One family's sums. Values lie in [0, most]; V(m) = squares - 2 m products + m^2 charged_squares.

    All cases of a batch are predicted by the means of Y and of C before that batch.
    """

    most: float
    cases: int = 0
    charged: float = 0.0
    total: Any = 0.0
    squares: Any = 0.0  # of Y less its prediction
    products: Any = 0.0
    charged_squares: float = 0.0  # of C less its prediction

    def add(self, found: Averages, cases: int) -> None:
        """A batch. ValueError for a value outside [0, most]."""
        if found.parts and not 0 <= min(found.parts) <= max(found.parts) <= self.most:
            raise ValueError(f"a value outside 0 to {self.most:g}")
        self.add_sums(
            cases, found.charged, found.total, found.total_squares, found.total_charged, found.charged_squares
        )

    def add_sums(
        self, cases: int, charged: float, total: Any, squares: Any, products: Any, charged_squares: float
    ) -> None:
        """A batch: sums of C, Y, Y^2, Y C and C^2 over its cases; those with Y may be arrays, worked out together."""
        y, c = (self.total / self.cases, self.charged / self.cases) if self.cases else (0.0 * total, 0.0)
        self.squares = self.squares + squares - 2 * y * total + cases * y * y
        self.products = self.products + products - y * charged - c * total + cases * y * c
        self.charged_squares += charged_squares - 2 * c * charged + cases * c * c
        self.total = self.total + total
        self.charged += charged
        self.cases += cases

    def v(self, m: float) -> Any:
        """The sum of squared errors of prediction of Y - m C."""
        return self.squares - 2 * m * self.products + m * m * self.charged_squares

    def middle(self, m: float) -> Any:
        """The average of Y - m C."""
        return (self.total - m * self.charged) / self.cases

    def half(self, m: float, m_most: float, tail: float) -> float:
        """How far that average ever lies from its mean, on either side with at most `tail`; convex in m to m_most.

        The range of Y - m C is at most max(most, m) wide. V is largest at an end of [0, m_most]; with the iterated
        logarithm taken there for all m, what is left is a norm of convex functions.
        """
        ratio = max(self.v(0.0), self.v(m_most)) / self.most**2
        return stitched(self.v(m), max(self.most, m), tail, ratio) / self.cases

    def low(self, m: float, m_most: float, tail: float, bare: bool) -> float:
        """A bound that lies above the mean of Y - m C with at most `tail`; bare: what needs no case, Y >= 0 and C <= 1.

        Concave in m either way.
        """
        return -m if bare else self.middle(m) - self.half(m, m_most, tail)

    def high(self, m: float, m_most: float, tail: float, bare: bool) -> float:
        """A bound that lies below the mean of Y - m C with at most `tail`; bare: from Y <= most C alone. Convex."""
        return max(self.most - m, 0.0) if bare else self.middle(m) + self.half(m, m_most, tail)


Parts = Sequence[tuple[float, MeanSequence]]


def mean_interval(parts: Parts, level: float = LEVEL) -> Interval:
    """Of (share, sequence), each with a case: at most 1 - level of ever missing the mean, which lies in [0, most].

    Where all bounds hold, so do those with any choice of families taken bare; of these, the choice at the estimate and
    that at the end of the range are tried. With a fixed choice the sum's lower bound is concave and its upper bound
    convex in m, so if an end of the range is excluded, everything from there to the bound's root is.
    """
    tail = (1 - level) / 2 / len(parts)
    top = max(part.most for _, part in parts)
    counted = sum(share * part.charged / part.cases for share, part in parts)
    if counted == 0:
        return Interval(0.0, top)
    middle = sum(share * part.total / part.cases for share, part in parts) / counted
    low = max(_low_end(parts, _poor(parts, at, top, tail, -1), middle, top, tail) for at in (middle, 0.0))
    high = min(_high_end(parts, _poor(parts, at, top, tail, +1), middle, top, tail) for at in (middle, top))
    return Interval(low, high)


def _poor(parts: Parts, m: float, top: float, tail: float, sign: int) -> list[bool]:
    """Which families' cases say less at m than the range does."""
    if sign < 0:
        return [part.low(m, top, tail, False) < part.low(m, top, tail, True) for _, part in parts]
    return [part.high(m, top, tail, False) > part.high(m, top, tail, True) for _, part in parts]


def _low_end(parts: Parts, bare: Sequence[bool], middle: float, top: float, tail: float) -> float:
    """Below it the sum's lower bound is above 0; 0 if it is nowhere."""

    def outside(m: float) -> bool:
        return sum(share * part.low(m, top, tail, b) for (share, part), b in zip(parts, bare, strict=True)) > 0

    return _end(outside, middle, 0.0) if outside(0.0) else 0.0


def _high_end(parts: Parts, bare: Sequence[bool], middle: float, top: float, tail: float) -> float:
    """Above it the sum's upper bound is below 0; the end of the range if it is nowhere."""

    def outside(m: float) -> bool:
        return sum(share * part.high(m, top, tail, b) for (share, part), b in zip(parts, bare, strict=True)) < 0

    return _end(outside, middle, top) if outside(top) else top


def _end(outside: Callable[[float], bool], inside: float, out: float) -> float:
    """The end of what is outside, between a point that is not and one that is."""
    for _ in range(SEQUENCE_STEPS):
        middle = (inside + out) / 2
        inside, out = (inside, middle) if outside(middle) else (middle, out)
    return out
