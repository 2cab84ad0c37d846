"""Goodness of fit of a table of weights to counts: how far it is, and whether n draws would look like the counts.

The total variation distance, half the sum of |observed share - expected share|, is the share of draws that would have
to change. G = 2 sum(observed ln(observed / expected)) is compared with chi-square (Sokal and Rohlf, Biometry, 17.2).
It takes the counts as independent draws; those of one recorded run are not, and n is large, so p says little; Cohen's
w = sqrt(sum((o - e)^2 / e)) of the shares says how far: 0.1 is small, 0.3 medium, 0.5 large (Cohen 1988, 7.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec


class Goodness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """n counts in `cells` cells. distance: total variation; default_distance: that of the default weights. g, df, p and
    w: see the module; None where the fit excludes what was counted (g would be infinite)."""

    n: int
    cells: int
    distance: float
    default_distance: float | None = None
    g: float | None = None
    df: int | None = None
    p: float | None = None
    w: float | None = None
    note: str = ""


def shares(weights: Mapping[int, float]) -> dict[int, float]:
    """Weights as shares of their sum; nothing of nothing."""
    total = sum(weights.values())
    return {value: weight / total for value, weight in weights.items()} if total else {}


def distance(observed: Mapping[int, float], expected: Mapping[int, float]) -> float:
    """Total variation distance of two tables of weights, from 0 to 1."""
    a, b = shares(observed), shares(expected)
    return 0.5 * math.fsum(abs(a.get(value, 0.0) - b.get(value, 0.0)) for value in sorted({*a, *b}))


def goodness(
    observed: Mapping[int, int], expected: Mapping[int, float], fitted: int, default: Mapping[int, float] | None = None,
    note: str = "",
) -> Goodness:  # fmt: skip
    """The fit of `expected` weights to counts, of which `fitted` numbers were fitted to them."""
    n, e = sum(observed.values()), shares(expected)
    assert n > 0, "nothing was counted"
    far = None if default is None else rounded(distance(observed, default))
    cells = [value for value in sorted({*observed, *e}) if observed.get(value, 0) or e.get(value, 0.0)]
    near = rounded(distance(observed, expected))
    if any(e.get(value, 0.0) == 0 for value in cells):
        return Goodness(n, len(cells), near, far, note=note)
    from scipy.special import chdtrc  # the upper tail of chi-square; half a second to load, so not at every start

    g = max(0.0, 2 * math.fsum(observed[v] * math.log(observed[v] / (n * e[v])) for v in cells if observed.get(v, 0)))
    w = math.sqrt(math.fsum((observed.get(v, 0) / n - e[v]) ** 2 / e[v] for v in cells))
    df = len(cells) - 1 - fitted
    p = rounded(float(chdtrc(df, g))) if df > 0 else None
    return Goodness(n, len(cells), near, far, rounded(g), max(df, 0), p, rounded(w), note)


def rounded(value: float) -> float:
    """Six significant digits: enough to compare, and the same on every machine."""
    return float(f"{value:.6g}")
