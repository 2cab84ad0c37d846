"""Thinning: a table of many values as one of few, each value standing for itself and for neighbours merged into it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np


def thinned(counts: Mapping[int, int], most: int) -> dict[int, int]:
    """At most so many of the (positive) values with all the counts, ascending.

    Greedy: again and again the value is given up that costs least, its count times the logarithm of how far its nearest
    neighbour is, and its count goes there.
    """
    values = sorted(counts)
    number = np.array([counts[value] for value in values])
    below = np.array([math.inf, *(far(b, a) for a, b in pairwise(values))])
    above = np.array([*(far(a, b) for a, b in pairwise(values)), math.inf])
    while len(values) > most:
        at = int(np.argmin(number * np.minimum(below, above)))
        near, last = values[at], len(values) - 1
        to_below = at == last or (at > 0 and near / values[at - 1] <= values[at + 1] / near)
        number[at - 1 if to_below else at + 1] += number[at]
        if at > 0:
            above[at - 1] = far(values[at - 1], values[at + 1]) if at < last else math.inf
        if at < last:
            below[at + 1] = far(values[at + 1], values[at - 1]) if at > 0 else math.inf
        del values[at]
        number, below, above = (np.delete(row, at) for row in (number, below, above))
    return dict(zip(values, number.tolist(), strict=True))


def far(value: int, other: int) -> float:
    return abs(math.log(value / other))
