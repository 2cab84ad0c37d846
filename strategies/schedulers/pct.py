"""PCT: random priorities and d-1 random change points.

Burckhardt, Kothari, Musuvathi, Nagarakatte: "A randomized scheduler with probabilistic guarantees of finding bugs",
ASPLOS 2010, section 2: with n tasks and at most k steps a bug of depth d is found with probability at least
1 / (n k^(d-1)) in each run. Tasks here are the program's and the kernel's workers; a change point may fall on the same
step twice, which the paper allows.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import State
from percpu_fuzz.strategies.draw.rng import Rng, below_n, to_word
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def begin_pct(sched: Sched, st: State, rng: Rng) -> None:
    """Ranks d..d+n-1 in random order; change points uniform over the first most_steps steps."""
    n, depth = st.nr_all, sched.depth
    for t in range(n):
        sched.priority[t] = to_word(depth + t)
    for t in range(n - 1, 0, -1):
        other = below_n(rng, t + 1)
        kept = sched.priority[t]
        sched.priority[t] = sched.priority[other]
        sched.priority[other] = kept
    for i in range(depth - 1):
        sched.change[i] = 1 + below_n(rng, sched.most_steps)


@compiled
def choose_pct(sched: Sched, st: State, mask: int) -> int:
    """The runnable task of highest rank. At change point i the task that would step falls to rank d-1-i."""
    best = highest(sched, st, mask)
    for i in range(sched.depth - 1):
        if sched.change[i] == st.nr_steps + 1:
            sched.priority[best] = to_word(sched.depth - 1 - i)
            best = highest(sched, st, mask)
    return best


@compiled
def highest(sched: Sched, st: State, mask: int) -> int:
    """The runnable task of highest rank, -1 if there is none."""
    best = -1
    for t in range(st.nr_all):
        if mask >> t & 1:
            if best < 0 or sched.priority[t] > sched.priority[best]:
                best = t
    return best
