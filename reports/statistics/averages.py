"""Averages over the charged allocations of a case: the same distribution as that of the probe, with less variance.

A case has PARTS parts. Each of its allocations holds as many of them as there are picks, of PARTS that are equally
likely, which would have marked it as the probe; allocations that were not charged give theirs away. So the parts of a
case at or below x, over PARTS, are the chance that its probe is charged and lies there, given all else of the case:
their mean over cases is that of the probe's indicator, and their variance is at most as large (Rao 1945; Blackwell
1947, theorem 2). The case stays the unit. X is what it has at or below a value, D what it has in all, Y the sum of its
values by their parts; all are of one case, so a figure needs their squares and products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from percpu_fuzz.engine.outcome import PARTS, Histogram


@dataclass(frozen=True, slots=True)
class Averages:
    """Sums over the cases of a family, in parts, by value: what X, X^2 and D X grow by there; and the sum of Y^2."""

    parts: Histogram
    squares: Histogram
    products: Histogram
    value_squares: int

    @staticmethod
    def of_probes(histogram: Histogram) -> Averages:
        """Of cases that have one value each, by number: all of their parts lie on it."""
        whole = {value: PARTS * number for value, number in histogram.items()}
        squares = {value: PARTS * PARTS * number for value, number in histogram.items()}
        value_squares = sum(value * value * number for value, number in squares.items())
        return Averages(whole, squares, squares, value_squares)

    @property
    def charged(self) -> float:
        """Sum of D, in cases."""
        return sum(self.parts.values()) / PARTS

    @property
    def total(self) -> float:
        """Sum of Y."""
        return sum(value * parts for value, parts in self.parts.items()) / PARTS

    @property
    def charged_squares(self) -> float:
        """Sum of D^2."""
        return sum(self.squares.values()) / PARTS**2

    @property
    def total_squares(self) -> float:
        """Sum of Y^2."""
        return self.value_squares / PARTS**2

    @property
    def total_charged(self) -> float:
        """Sum of Y D."""
        return sum(value * product for value, product in self.products.items()) / PARTS**2

    def at(self, values: Any) -> tuple[Any, Any, Any]:
        """Sums of X, of X^2 and of X D at each of some values, ascending: three arrays."""
        import numpy as np

        found = []
        for grown, unit in ((self.parts, PARTS), (self.squares, PARTS**2), (self.products, PARTS**2)):
            known = sorted(grown)
            passed = np.array([0, *accumulate(grown[value] for value in known)], dtype=float)
            found.append(passed[np.searchsorted(known, values, side="right")] / unit)
        return found[0], found[1], found[2]


def ratio_error(rows: Sequence[tuple[float, int, Averages]]) -> tuple[float, float] | None:
    """The mean by share of (share, cases, averages) and the variance of its estimate, that of a ratio.

    Cochran, Sampling Techniques, 6.11. None where nothing was charged; the variance is infinite where a family has
    fewer than two cases.
    """
    charged = sum(share * one.charged / cases for share, cases, one in rows if cases)
    if charged <= 0:
        return None
    mean = sum(share * one.total / cases for share, cases, one in rows if cases) / charged
    variance = 0.0
    for share, cases, one in rows:
        if cases < 2:
            return mean, math.inf
        squares = one.total_squares - 2 * mean * one.total_charged + mean * mean * one.charged_squares
        middle = (one.total - mean * one.charged) / cases
        variance += share**2 * max(0.0, squares - cases * middle**2) / (cases - 1) / cases
    return mean, variance / charged**2
