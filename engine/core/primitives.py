"""What steps are made of: rounding, the jump to the next step, RCU sections and callbacks, preemption."""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import State


@compiled
def ceil_div(amount: int, unit: int) -> int:
    """amount / unit, rounded up; both positive or the amount 0."""
    return (amount + unit - 1) // unit


HOLDS, WORK = 1, 2


@compiled
def stir(st: State, what: int) -> None:
    """Others than the task that steps may step now, or no longer: a CPU or a spinlock changed hands (HOLDS), or who has
    something to do did, the mutex or where a task is (WORK). Who picks the next task goes by it and takes it back.
    """
    st.stirred |= what


@compiled
def goto(st: State, t: int, label: int) -> None:
    """The task's next step is the one with this label."""
    st.pc[t] = label


@compiled
def rcu_lock(st: State, t: int) -> None:
    """A reader begins, and keeps what is queued from here on. Inside a reader it is the outer one that counts."""
    if st.task_rcu[t] < 0:
        st.task_rcu[t] = st.rcu_tail


@compiled
def rcu_unlock(st: State, t: int) -> None:
    """The reader has ended: callbacks that were queued since it began may run, if no other reader keeps them."""
    st.task_rcu[t] = -1


@compiled
def call_rcu(st: State, kind: int, row: int) -> None:
    """Queue a callback that runs after every reader of now has ended."""
    st.rcu_kind[st.rcu_tail] = kind
    st.rcu_row[st.rcu_tail] = row
    st.rcu_tail += 1
    stir(st, WORK)


@compiled
def preempt_off(st: State, t: int) -> None:
    """Disable preemption on the task's CPU (a local lock is taken)."""
    a = st.task_cpu[t]
    st.cpu_depth[a] += 1
    if st.cpu_irq[a] == 0:
        st.cpu_preempt[a] = t + 1
        stir(st, HOLDS)


@compiled
def preempt_on(st: State, t: int) -> None:
    """One level of disabled preemption less; at none, outside interrupts, others run on the task's CPU again."""
    a = st.task_cpu[t]
    st.cpu_depth[a] -= 1
    if st.cpu_irq[a] == 0 and st.cpu_depth[a] == 0:
        st.cpu_preempt[a] = 0
        stir(st, HOLDS)
