"""The table of choices narrowed to a part of it, for samples whose law is known or whose cases are alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from percpu_fuzz.strategies.draw.choices import KINDS, WIDTH


def only(**chosen: tuple[int, ...]) -> Any:
    """The measurement stream's thresholds (len(KINDS), WIDTH) uint64, as draw.choices.thresholds gives them, but
    the named kinds take only the given values, each equally likely.
    """
    assert set(chosen) <= set(KINDS)
    limits = np.full((len(KINDS), WIDTH), 1 << 32, dtype=np.uint64)
    for row, kind in enumerate(KINDS.values()):
        allowed = chosen.get(kind.name)
        weights = kind.measure if allowed is None else [int(value in allowed) for value in kind.values]
        so_far = 0
        for i, weight in enumerate(weights):
            so_far += weight
            limits[row, i] = (so_far << 32) // sum(weights)
    return limits
