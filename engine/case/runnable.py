"""Which tasks may take a step now: CPUs, interrupts, preemption, locks, queued work."""

from __future__ import annotations

from percpu_fuzz.engine.case.teardown import OVER, all_settled, barrier_open
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Vec
from percpu_fuzz.engine.core.hooks import own_ready
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.kernel.memcg import rcu_ready
from percpu_fuzz.engine.kernel.percpu_alloc import mutex_ready


@compiled
def cpu_allows(prog: Prog, st: State, t: int) -> bool:
    """The CPU runs this task unless an interrupt, a preemption-off holder or (for a new interrupt) irqs off forbid."""
    a = st.task_cpu[t]
    irq = st.cpu_irq[a]
    if irq != 0:
        return irq == t + 1
    if t < prog.nr_tasks and prog.task_irq[t] == 1:
        return st.cpu_irqs_off[a] == 0
    return st.cpu_preempt[a] == 0 or st.cpu_preempt[a] == t + 1


@compiled
def worker_ready(prog: Prog, st: State, t: int) -> bool:
    """An idle worker runs when its queue has something: kworkers, balance, offline, RCU, in this order of rows."""
    which = t - prog.nr_tasks
    nr_kworkers = st.nr_all - prog.nr_tasks - 3
    if which < nr_kworkers:
        return st.ps_queued[which] > 0 or st.os_queued[which] > 0
    if which == nr_kworkers:
        return st.balance_queued == 1 and st.mutex == 0
    if which == nr_kworkers + 1:
        return st.off_head < st.off_tail
    return rcu_ready(st)


@compiled
def lock_allows(topo: Topo, prog: Prog, st: State, t: int, label: int) -> bool:
    """The lock that the step takes first is free."""
    if label == labels.AL_MUTEX:
        return mutex_ready(prog, st, t)
    if label in (labels.AL_AREA, labels.AL_CREATE, labels.AL_POP_MARK, labels.AL_POP_FAIL, labels.FR_BEGIN):
        return st.pcpu_lock == 0
    if label in (labels.BA_FREE, labels.BA_RECLAIM, labels.BA_POPULATE, labels.BA_FREE_EMPTY):
        return st.pcpu_lock == 0
    if label in (labels.OF_NULL, labels.RL_DONE):
        return st.objcg_lock == 0
    if label >= labels.OWN_1:
        return own_ready(topo, prog, st, t, label)
    return True


@compiled
def runnable(topo: Topo, prog: Prog, st: State, t: int) -> bool:
    """Whether `step(t)` may be called now."""
    label = st.pc[t]
    if label == labels.FINISHED:
        return t == 0 and st.phase < OVER and all_settled(prog, st)
    if label == labels.AT_BARRIER:
        return barrier_open(prog, st)
    if label == labels.IDLE and t >= prog.nr_tasks and not worker_ready(prog, st, t):
        return False
    return cpu_allows(prog, st, t) and lock_allows(topo, prog, st, t, label)


@compiled
def has_something(prog: Prog, st: State, t: int) -> bool:
    """The task is not finished; a worker has something to do. Task 0 tears down when all others are through."""
    if t < prog.nr_tasks:
        return t == 0 or st.pc[t] != labels.FINISHED
    return st.pc[t] != labels.IDLE or worker_ready(prog, st, t)


@compiled
def list_candidates(prog: Prog, st: State, listed: Vec) -> int:
    """Write into `listed`, ascending, those for which has_something holds; how many they are.

    Written so that no branch depends on what a task is at: in a random walk those would be guessed wrong.
    """
    nr_listed = 0
    for t in range(prog.nr_tasks):
        listed[nr_listed] = t
        nr_listed += 1 if (t == 0) | (st.pc[t] != labels.FINISHED) else 0
    nr_kworkers = st.nr_all - prog.nr_tasks - 3
    for which in range(nr_kworkers):
        t = prog.nr_tasks + which
        listed[nr_listed] = t
        nr_listed += 1 if (st.pc[t] != labels.IDLE) | (st.ps_queued[which] > 0) | (st.os_queued[which] > 0) else 0
    for t in range(prog.nr_tasks + nr_kworkers, st.nr_all):
        listed[nr_listed] = t
        nr_listed += 1 if st.pc[t] != labels.IDLE or worker_ready(prog, st, t) else 0
    return nr_listed


@compiled
def list_runnable(topo: Topo, prog: Prog, st: State, ready: Vec) -> int:
    """Write the tasks for which `runnable` holds into `ready` (a place for each task), ascending; how many they are."""
    nr_ready = 0
    for i in range(list_candidates(prog, st, ready)):
        t = ready[i]
        ready[nr_ready] = t
        nr_ready += 1 if runnable(topo, prog, st, t) else 0
    return nr_ready


@compiled
def case_over(st: State) -> bool:
    """The teardown is through, or a violation that would crash or clamp the kernel has ended the case."""
    return st.fatal == 1 or st.phase == OVER
