"""URW: a walk that is uniform over interleavings instead of over choices.

Zhao, Wolff, Mathur, Roychoudhury: "Selectively uniform concurrency testing" (SURW), ASPLOS 2025, section 3: a task is
chosen with probability proportional to the steps that it has left, so that programs whose tasks take a fixed number of
steps without blocking get each interleaving equally often. The number of steps comes from a run before this one;
a task that takes more keeps the weight of one step.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import State
from percpu_fuzz.strategies.draw.rng import Rng, below_n
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def choose_urw(sched: Sched, st: State, rng: Rng, mask: int) -> int:
    """Draw a runnable task by the steps it has left, at least 1 each, and count one off it; -1 if there is none."""
    total = 0
    for t in range(st.nr_all):
        if mask >> t & 1:
            total += max(sched.left[t], 1)
    skip = below_n(rng, total)
    for t in range(st.nr_all):
        if mask >> t & 1:
            skip -= max(sched.left[t], 1)
            if skip < 0:
                sched.left[t] -= 1
                return t
    return -1
