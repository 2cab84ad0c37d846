"""Uniform random walk: at each step every runnable task is equally likely; and the loop around `step`.

`run_case` is the one loop of campaigns: choose, step, check what was touched, full checks at quiescent points.
"""

from __future__ import annotations

from engine.base import Prog, State, Topo, untouch
from engine.compiled import compiled, compiled_entry
from engine.conservation import check_drained, check_quiescent
from engine.invariants import check_everything, check_released, check_touched
from engine.labels import AT_BARRIER, FINISHED
from engine.runnable import case_over, runnable
from engine.step import step
from engine.teardown import DRAINED, FREEING, OVER
from strategies.rng import Rng, below_n

CHECK_NONE, CHECK_TOUCHED, CHECK_ALL = range(3)
STUCK = 1
OVERLONG = 2


@compiled
def random_task(topo: Topo, prog: Prog, st: State, rng: Rng) -> int:
    """A runnable task, each with the same probability; -1 if none is. Reservoir of one, in task order."""
    mask, ready = 0, 0
    for t in range(st.nr_all):
        if runnable(topo, prog, st, t):
            mask |= 1 << t
            ready += 1
    if ready == 0:
        return -1
    skip = below_n(rng, ready) if ready > 1 else 0
    for t in range(st.nr_all):
        if mask >> t & 1:
            if skip == 0:
                return t
            skip -= 1
    return -1


@compiled_entry
def checked_step(topo: Topo, prog: Prog, st: State, t: int, checks: int) -> None:
    """One step and the checks that belong after it."""
    label, phase = st.pc[t], st.phase
    untouch(st)
    step(topo, prog, st, t)
    if checks == CHECK_TOUCHED:
        check_touched(topo, prog, st, t, label)
    elif checks == CHECK_ALL:
        check_everything(topo, prog, st, t, label)
    if label == AT_BARRIER and checks != CHECK_NONE:
        check_quiescent(topo, prog, st, t, label)
    if label == FINISHED and st.phase != phase and checks != CHECK_NONE:
        if st.phase == FREEING or st.phase == DRAINED or st.phase == OVER:
            check_everything(topo, prog, st, t, label)
            check_quiescent(topo, prog, st, t, label)
        if st.phase == DRAINED:
            check_drained(topo, prog, st, t, label)
        if st.phase == OVER:
            check_released(topo, prog, st, t, label)


@compiled
def run_case(topo: Topo, prog: Prog, st: State, rng: Rng, checks: int, most_steps: int) -> int:
    """Run a reset case to its end: 0, STUCK if no task could step, OVERLONG after most_steps."""
    while not case_over(st):
        if st.nr_steps >= most_steps:
            return OVERLONG
        t = random_task(topo, prog, st, rng)
        if t < 0:
            return STUCK
        checked_step(topo, prog, st, t, checks)
    return 0
