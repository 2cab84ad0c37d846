"""Confidence sequences: bounds that hold at every look, for rates of one family's cases and for their means.

The cases of one family are independent draws from one distribution, so a rate's likelihood may be mixed. (The bound of
reports.anytime allows rates that change from case to case, and is wider for it.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from engine.outcome import Histogram
from reports.strata import Ends

STEPS = 60  # of a bisection
ETA, S = 2.0, 1.4  # of the stitched boundary: spacing of its epochs, decay of their share of the error
ZETA_S = 3.1055472779775806  # Riemann's zeta function at S


def _root(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """The end of the values between inside and outside for which it holds, from outside."""
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return outside


def _in_sequence(k: int, n: int, tail: float) -> Callable[[float], bool]:
    """Whether p lies in the confidence sequence at k of n: the mixture's likelihood ratio against p is below 1 / tail.

    The Beta(1/2, 1/2) mixture of binomial likelihoods (Robbins 1970): B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) over
    p^k (1 - p)^(n - k) is a nonnegative martingale of mean 1 under p; Ville's inequality bounds all looks at once.
    """
    mixed = math.lgamma(k + 0.5) + math.lgamma(n - k + 0.5) - math.lgamma(n + 1) - math.log(math.pi)
    limit = mixed + math.log(tail)

    def holds(p: float) -> bool:
        likelihood = (k * math.log(p) if k else 0.0) + ((n - k) * math.log1p(-p) if n > k else 0.0)
        return likelihood > limit

    return holds


def sequence_low(k: int, n: int, tail: float) -> float:
    """A bound that lies above the rate at any look with at most `tail`."""
    return _root(_in_sequence(k, n, tail), k / n, 0.0) if k else 0.0


def sequence_high(k: int, n: int, tail: float) -> float:
    """A bound that lies below the rate at any look with at most `tail`."""
    return _root(_in_sequence(k, n, tail), k / n, 1.0) if k < n else 1.0


ANYTIME = Ends(sequence_low, sequence_high)


@dataclass(slots=True)
class MeanSequence:
    """Empirical Bernstein confidence sequence of the mean of independent values in [0, most].

    Howard, Ramdas, McAuliffe and Sekhon 2021, theorem 4: with predictions made before each value, the sum of
    deviations from the mean is sub-exponential of scale `most` in V, the sum of squared errors of prediction. All
    values of a batch are predicted by the mean before that batch. The boundary is their stitched one, equation 10.
    """

    most: float
    n: int = 0
    total: float = 0.0
    squares: float = 0.0  # V

    def add(self, histogram: Histogram, cases: int) -> None:
        """A batch: values by number; of its `cases` those that are not in it count as 0. ValueError above `most`."""
        if histogram and not 0 <= min(histogram) <= max(histogram) <= self.most:
            raise ValueError(f"a value outside 0 to {self.most:g}")
        prediction = self.total / self.n if self.n else self.most / 2
        zeros = cases - sum(histogram.values())
        self.squares += zeros * prediction**2
        self.squares += sum(number * (value - prediction) ** 2 for value, number in histogram.items())
        self.total += sum(value * number for value, number in histogram.items())
        self.n += cases

    def half(self, tail: float) -> float:
        """Half the width at this look, if either end may err with at most `tail`; infinite without a case."""
        if self.n == 0:
            return math.inf
        return stitched(self.squares, self.most, tail) / self.n


def stitched(v: float, scale: float, tail: float) -> float:
    """Equation 10 of Howard and others 2021, from V = scale^2 on: a sub-gamma process passes it ever with <= tail."""
    least = scale * scale
    v = max(v, least)
    loglog = S * math.log(math.log(ETA * v / least)) + math.log(ZETA_S / (tail * math.log(ETA) ** S))
    k1 = (ETA**0.25 + ETA**-0.25) / math.sqrt(2)
    k2 = (math.sqrt(ETA) + 1) / 2
    return math.sqrt(k1**2 * v * loglog + (k2 * scale * loglog) ** 2) + k2 * scale * loglog
