"""The tasks that may step, kept from one choice to the next: who has to be asked again follows from what changed.

Whether a task may step depends on where it and others are, on what holds its CPU, on three locks and on queues
(engine.case.runnable). Most steps change none of that for anybody but the task that took it, which alone is asked then,
and only whether the lock of its next step is free: its CPU is as it was. After a change of a CPU or a spinlock, and at
the ends of operations, all who have something to do are asked; who these are is looked up anew after steps that queue
work, and when the worker of RCU may begin or no longer.
"""

from __future__ import annotations

from percpu_fuzz.engine.case.runnable import has_something, list_candidates, lock_allows, runnable
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Vec
from percpu_fuzz.engine.core.hooks import ready_follows
from percpu_fuzz.engine.core.labels import IDLE, RF_PUT
from percpu_fuzz.engine.core.primitives import WORK
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.kernel.memcg import rcu_ready
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def list_ready(sched: Sched, topo: Topo, prog: Prog, st: State) -> int:
    """What list_runnable gives, in sched.ready, after the step of sched.last; -1 there: nothing is known yet."""
    t, stirred = sched.last, st.stirred
    st.stirred = 0
    if t < 0 or stirred & WORK or not ready_follows() or rcu_turns(sched, st):
        sched.nr_listed = list_candidates(prog, st, sched.listed)
    elif sched.last_label >= RF_PUT and st.pc[t] >= RF_PUT:
        if stirred == 0:
            if not lock_allows(topo, prog, st, t, st.pc[t]):
                sched.nr_ready = strike(sched.ready, sched.nr_ready, t)
            return sched.nr_ready
    elif not has_something(prog, st, t):
        sched.nr_listed = strike(sched.listed, sched.nr_listed, t)
    nr_ready = 0
    for i in range(sched.nr_listed):
        other = sched.listed[i]
        sched.ready[nr_ready] = other
        nr_ready += 1 if runnable(topo, prog, st, other) else 0
    sched.nr_ready = nr_ready
    return nr_ready


@compiled
def rcu_turns(sched: Sched, st: State) -> bool:
    """RCU's worker is idle, and is listed where it has nothing to do, or not where it has: a reader began or ended."""
    last = st.nr_all - 1
    if st.rcu_head == st.rcu_tail or st.pc[last] != IDLE:
        return False
    listed = sched.nr_listed > 0 and sched.listed[sched.nr_listed - 1] == last
    return rcu_ready(st) != listed


@compiled
def strike(tasks: Vec, length: int, t: int) -> int:
    """Take task t off the first `length` of these tasks; how many are left."""
    kept = 0
    for i in range(length):
        tasks[kept] = tasks[i]
        kept += 1 if tasks[i] != t else 0
    return kept
