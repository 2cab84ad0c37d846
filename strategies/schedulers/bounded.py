"""Delay bounding and preemption bounding: a deterministic order with a few random deviations.

Emmi, Qadeer, Rakamaric: "Delay-bounded scheduling", POPL 2011: tasks run in turn until they block; a delay passes the
turn on. Musuvathi, Qadeer: "Iterative context bounding", PLDI 2007: a task runs until it blocks; a preemption gives
the turn to any other task at random. Both draw `depth` deviations uniformly over the first most_steps steps.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import State
from percpu_fuzz.strategies.draw.rng import Rng, below_n
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def begin_bounded(sched: Sched, rng: Rng) -> None:
    """Draw `depth` steps of 1..most_steps before which to deviate; one step may be drawn more than once."""
    for i in range(sched.depth):
        sched.change[i] = 1 + below_n(rng, sched.most_steps)


@compiled
def deviations(sched: Sched, st: State) -> int:
    """How many deviations fall before the next step."""
    found = 0
    for i in range(sched.depth):
        if sched.change[i] == st.nr_steps + 1:
            found += 1
    return found


@compiled
def next_in_turn(st: State, mask: int, after: int) -> int:
    """The first runnable task after one, in a circle; itself last."""
    for i in range(1, st.nr_all + 1):
        t = (after + i) % st.nr_all
        if mask >> t & 1:
            return t
    return -1


@compiled
def choose_delay(sched: Sched, st: State, mask: int) -> int:
    """The task that stepped last or, if it cannot go on, the next in turn; each delay due here passes the turn on."""
    here = sched.last
    if here < 0 or not mask >> here & 1:
        here = next_in_turn(st, mask, max(here, 0) if here >= 0 else st.nr_all - 1)
    for _ in range(deviations(sched, st)):
        here = next_in_turn(st, mask, here)
    return here


@compiled
def choose_preemption(sched: Sched, st: State, rng: Rng, mask: int, ready: int) -> int:
    """The same task goes on; when it cannot, or at a preemption, one of the others, each equally likely."""
    here = sched.last
    stays = here >= 0 and mask >> here & 1
    if stays and (deviations(sched, st) == 0 or ready == 1):
        return here
    others = ready - 1 if stays else ready
    skip = below_n(rng, others) if others > 1 else 0
    for t in range(st.nr_all):
        if mask >> t & 1 and not (stays and t == here):
            if skip == 0:
                return t
            skip -= 1
    return -1


@compiled
def choose_round_robin(sched: Sched, st: State, mask: int) -> int:
    """Every runnable task in turn, one step each."""
    return next_in_turn(st, mask, sched.last if sched.last >= 0 else st.nr_all - 1)
