"""Thinning: a table of many values as one of few, each value standing for itself and for neighbours merged into it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from itertools import pairwise


def thinned(counts: Mapping[int, int], most: int) -> dict[int, int]:
    """At most so many of the (positive) values with all the counts, ascending.

    Greedy: again and again the value is given up that costs least, its count times the logarithm of how far its nearest
    neighbour is, and its count goes there.
    """
    values = sorted(counts)
    number = dict(counts)
    left = {b: a for a, b in pairwise(values)}
    right = dict(pairwise(values))

    def cost(value: int) -> tuple[float, int, int]:
        near = [abs(math.log(value / other)) for other in (left.get(value), right.get(value)) if other is not None]
        return (number[value] * min(near, default=0.0), value, number[value])

    heap = [cost(value) for value in values] if len(values) > most else []
    heapq.heapify(heap)
    while len(number) > most:
        found, value, count = heapq.heappop(heap)
        if number.get(value) != count or cost(value)[0] != found:
            if value in number:
                heapq.heappush(heap, cost(value))
            continue
        below, above = left.pop(value, None), right.pop(value, None)
        if above is None or (below is not None and value / below <= above / value):
            assert below is not None
            heir = below
        else:
            heir = above
        number[heir] += number.pop(value)
        if below is not None and above is not None:
            right[below], left[above] = above, below
        elif below is not None:
            right.pop(below)
        elif above is not None:
            left.pop(above)
        for other in (below, above):
            if other is not None:
                heapq.heappush(heap, cost(other))
    return dict(sorted(number.items()))
