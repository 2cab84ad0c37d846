"""Bounds that hold at every look, and for rates that change from case to case.

For cases that err with probabilities p_1, p_2, ... (each may depend on the cases before it), S errors among n cases and
V = p_1 + ... + p_n, the product of theta^S and exp((1 - theta) V) is a nonnegative supermartingale for each theta > 0,
because E theta^X = 1 - (1 - theta) p <= exp(-(1 - theta) p). It needs neither equal rates nor a fixed n, which
the mixture of binomial likelihood ratios would: the families of a campaign differ. V may be random, such as a chance
that falls with what was seen. Thetas below 1 bound V from above, those above 1 from below.
"""

from __future__ import annotations

import math

from percpu_fuzz.reports.statistics.intervals import LEVEL


def anytime_high(k: int, n: int, level: float = LEVEL) -> float:
    """Upper bound of the average rate of the cases so far, k of n, valid at all n at once with `level`.

    The supermartingale averaged over theta uniform on (0, 1) stays below 1 / (1 - level) for ever with that
    probability: the method of mixtures (Robbins 1970) and Ville's inequality, as in Howard, Ramdas, McAuliffe and
    Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 2021.
    """
    if n == 0:
        return 1.0
    low, high = float(k), float(k + 1)
    limit = -math.log(1 - level)
    while log_mixture(k, high) < limit:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if log_mixture(k, middle) < limit else (low, middle)
    return min(1.0, high / n)


def log_mixture(k: int, total: float) -> float:
    """Logarithm of the integral of theta^k exp((1 - theta) total) over theta in (0, 1); grows with total >= k."""
    if total <= 0:
        return 0.0
    from scipy.special import gammainc, gammaln

    return float(total - (k + 1) * math.log(total) + gammaln(k + 1) + math.log(gammainc(k + 1, total)))


def anytime_low(k: int, n: int, level: float = LEVEL) -> float:
    """Lower bound of the same average rate, valid at all n at once with `level`: theta - 1 exponential of mean 1."""
    low, high = 0.0, float(k)
    limit = -math.log(1 - level)
    if k == 0 or log_mixture_above(k, low) < limit:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if log_mixture_above(k, middle) < limit else (middle, high)
    return low / n


def log_mixture_above(k: int, total: float) -> float:
    """Logarithm of the integral of theta^k exp((1 - theta) total) by exp(1 - theta), theta > 1; falls to total = k."""
    from scipy.special import gammaincc, gammaln

    rate = total + 1
    return float(rate - (k + 1) * math.log(rate) + gammaln(k + 1) + math.log(gammaincc(k + 1, rate)))
