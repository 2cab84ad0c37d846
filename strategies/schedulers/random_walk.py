"""Uniform random walk: at each step every runnable task is equally likely. The null strategy, to be beaten."""

from __future__ import annotations

from engine.base import State
from engine.compiled import compiled
from strategies.rng import Rng, below_n


@compiled
def choose_random(st: State, rng: Rng, mask: int, ready: int) -> int:
    """One of the `ready` tasks in `mask`, in task order."""
    skip = below_n(rng, ready) if ready > 1 else 0
    for t in range(st.nr_all):
        if mask >> t & 1:
            if skip == 0:
                return t
            skip -= 1
    return -1
