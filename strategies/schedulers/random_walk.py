"""Uniform random walk: at each step every runnable task is equally likely. The null strategy, to be beaten."""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.strategies.draw.rng import Rng, below_n
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def choose_random(sched: Sched, rng: Rng, ready: int) -> int:
    """One of the `ready` tasks in sched.ready."""
    return sched.ready[below_n(rng, ready) if ready > 1 else 0]
