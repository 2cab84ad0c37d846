"""A compiled walk that writes down every step: what shrinking runs thousands of times."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.core.compiled import compiled_entry
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took


@compiled_entry
def walk_recorded(topos: Any, progs: Any, states: Any, rngs: Any, scheds: Any, invariant: int, taken: Any) -> int:
    """Reset and run a case under its scheduler until an invariant (-1: none) breaks or the case is over.

    taken: rows (task, label before, label after, operation before), one a step; its length bounds the walk.
    Returns the steps taken.
    """
    topo, prog, st, sched = topos[0], progs[0], states[0], scheds[0]
    reset(topo, prog, st, True)
    begin(sched, st, rngs[0])
    steps = 0
    while steps < len(taken) and not case_over(st):
        t = choose(sched, topo, prog, st, rngs[0])
        if t < 0:
            break
        label, op = st.pc[t], st.op_i[t]
        checked_step(topo, prog, st, t, CHECK_TOUCHED)
        took(sched, t, label)
        taken[steps, 0] = t
        taken[steps, 1] = label
        taken[steps, 2] = st.pc[t]
        taken[steps, 3] = op
        steps += 1
        if invariant >= 0 and st.violated[invariant] == 1:
            break
    return steps
