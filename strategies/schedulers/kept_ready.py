"""The tasks that may step, kept from one choice to the next: who has to be asked again follows from what changed.

Whether a task may step depends on where it and others are, on what holds its CPU, on three locks and on queues
(engine.case.runnable). Most steps change none of that for anybody but the task that took it, which alone is asked then;
after a change of a CPU or a spinlock all who have something to do are asked, after any other everybody.
"""

from __future__ import annotations

from percpu_fuzz.engine.case.runnable import list_candidates, runnable
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.hooks import ready_follows
from percpu_fuzz.engine.core.labels import IDLE, RF_PUT
from percpu_fuzz.engine.core.primitives import WORK
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def list_ready(sched: Sched, topo: Topo, prog: Prog, st: State) -> int:
    """What list_runnable gives, in sched.ready, after the step of sched.last; -1 there: nothing is known yet."""
    t, stirred = sched.last, st.stirred
    st.stirred = 0
    if t >= 0 and ready_follows() and stirred & WORK == 0 and goes_on(sched, st, t):
        if stirred == 0:
            if not runnable(topo, prog, st, t):
                strike(sched, t)
            return sched.nr_ready
    else:
        sched.nr_listed = list_candidates(prog, st, sched.listed)
    nr_ready = 0
    for i in range(sched.nr_listed):
        other = sched.listed[i]
        if runnable(topo, prog, st, other):
            sched.ready[nr_ready] = other
            nr_ready += 1
    sched.nr_ready = nr_ready
    return nr_ready


@compiled
def goes_on(sched: Sched, st: State, t: int) -> bool:
    """Task t has gone from one step to the next within an operation: nobody waits for that, but RCU's worker for the
    end of a reader.
    """
    if sched.last_label < RF_PUT or st.pc[t] < RF_PUT:
        return False
    return st.rcu_head == st.rcu_tail or st.pc[st.nr_all - 1] != IDLE


@compiled
def strike(sched: Sched, t: int) -> None:
    """Task t may no longer step."""
    kept = 0
    for i in range(sched.nr_ready):
        if sched.ready[i] != t:
            sched.ready[kept] = sched.ready[i]
            kept += 1
    sched.nr_ready = kept
