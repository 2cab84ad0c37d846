"""Confidence sequences: bounds that hold at every look, for rates of one family's cases and for sums of bounded values.

The cases of one family are independent draws from one distribution, so a rate's likelihood may be mixed. (The bounds of
reports.statistics.anytime allow rates that change from case to case, and are wider for it.)
"""

from __future__ import annotations

import math

STEPS_MOST = 60  # of Newton's method; a handful is the rule
CLOSE = 1e-12  # relative
ETA, S = 2.0, 1.4  # of the stitched boundary: spacing of its epochs, decay of their share of the error
ZETA_S = 3.1055472779775806  # Riemann's zeta function at S


def log_ratio_limit(k: int, n: int, tail: float) -> float:
    """The log-likelihood of k of n at a rate p below which p is out of the confidence sequence.

    The Beta(1/2, 1/2) mixture of binomial likelihoods (Robbins 1970): B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) over
    p^k (1 - p)^(n - k) is a nonnegative martingale of mean 1 under p, so with Ville's inequality it ever reaches
    1 / tail with at most `tail`.
    """
    return math.lgamma(k + 0.5) + math.lgamma(n - k + 0.5) - math.lgamma(n + 1) - math.log(math.pi) + math.log(tail)


def log_likelihood(k: int, n: int, p: float) -> float:
    """Of k hits in n cases at rate p, without the binomial coefficient."""
    return (k * math.log(p) if k else 0.0) + ((n - k) * math.log1p(-p) if n > k else 0.0)


def sequence_low(k: int, n: int, tail: float) -> float:
    """A bound that lies above the rate at any look with at most `tail`."""
    return 1.0 - sequence_high(n - k, n, tail) if k else 0.0


def sequence_high(k: int, n: int, tail: float) -> float:
    """A bound that lies below the rate at any look with at most `tail`.

    Newton's method on the log-likelihood: that is concave, so a step from inside the sequence leads outside and every
    later one stays there. Where the steps end the bound errs to the safe side.
    """
    if k == n:
        return 1.0
    limit = log_ratio_limit(k, n, tail)
    if k == 0:
        return -math.expm1(limit / n)
    middle = k / n
    reach = log_likelihood(k, n, middle) - limit
    near = middle + math.sqrt(2 * reach * middle * (1 - middle) / n) + reach / (2 * n)
    p = min(near, (middle + 3) / 4)
    for _ in range(STEPS_MOST):
        step = (log_likelihood(k, n, p) - limit) / (k / p - (n - k) / (1 - p))
        following = p - step if p - step < 1 else (p + 1) / 2
        if abs(following - p) <= CLOSE * p:
            break
        p = following
    return p


def stitched(v: float, scale: float, tail: float, ratio: float = 1.0) -> float:
    """Equation 10 of Howard, Ramdas, McAuliffe and Sekhon 2021, from V = scale^2 on.

    A sub-gamma process of that scale ever passes it with at most `tail`. ratio: V / scale^2 is taken to be at least
    that in the iterated logarithm, which makes the boundary larger.
    """
    least = scale * scale
    v = max(v, least)
    loglog = S * math.log(math.log(ETA * max(v / least, ratio))) + math.log(ZETA_S / (tail * math.log(ETA) ** S))
    k1 = (ETA**0.25 + ETA**-0.25) / math.sqrt(2)
    k2 = (math.sqrt(ETA) + 1) / 2
    return math.sqrt(k1**2 * v * loglog + (k2 * scale * loglog) ** 2) + k2 * scale * loglog
