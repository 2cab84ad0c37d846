"""Leaf helpers that every part of the engine uses: rounding, jumps, touched rows, hazards, violations."""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Grid, Vec
from percpu_fuzz.engine.core.records import NR_LOG, Prog, State, Topo

__all__ = ["Grid", "Prog", "State", "Topo", "Vec"]

# Invariants by number (kernel.md 4.3); I1b has a number of its own.
I1, I1B, I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12, I13, I14, I18, I19, I20 = range(18)
INVARIANT_NAMES = (
    "I1", "I1b", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I13", "I14", "I18", "I19", "I20",
)  # fmt: skip

# Life of an objcg (or of a group that shares one count) and of a memcg.
ABSENT, LIVE, DYING, ATOMIC, RELEASED, FREED = range(6)
MEMCG_ABSENT, MEMCG_ONLINE, MEMCG_DYING, MEMCG_OFFLINING, MEMCG_OFFLINE, MEMCG_FREED = range(6)
CHUNK_UNUSED, CHUNK_FIRST, CHUNK_RESERVED, CHUNK_DYNAMIC = range(4)
RCU_KILL, RCU_FREE, RCU_CSS = range(3)  # what a callback in the RCU queue does


@compiled
def ceil_div(amount: int, unit: int) -> int:
    """amount / unit, rounded up; both positive or the amount 0."""
    return (amount + unit - 1) // unit


@compiled
def goto(st: State, t: int, label: int) -> None:
    """The task's next step is the one with this label."""
    st.pc[t] = label


@compiled
def hazard(st: State, number: int) -> None:
    """Mark that the case passed hazard H<number>."""
    st.hazard[number] += 1


@compiled
def touch_cpu(st: State, a: int) -> None:
    """I4 looks at this CPU's stocks after the step; more rows than the log holds make every check look at all."""
    for i in range(min(st.dirty_cpu_n, NR_LOG)):
        if st.dirty_cpu[i] == a:
            return
    if st.dirty_cpu_n < NR_LOG:
        st.dirty_cpu[st.dirty_cpu_n] = a
    st.dirty_cpu_n = min(st.dirty_cpu_n + 1, NR_LOG + 1)


@compiled
def touch_objcg(st: State, o: int) -> None:
    """I20 counts this objcg's holders after the step (log as in touch_cpu)."""
    for i in range(min(st.dirty_objcg_n, NR_LOG)):
        if st.dirty_objcg[i] == o:
            return
    if st.dirty_objcg_n < NR_LOG:
        st.dirty_objcg[st.dirty_objcg_n] = o
    st.dirty_objcg_n = min(st.dirty_objcg_n + 1, NR_LOG + 1)


@compiled
def touch_memcg(st: State, m: int) -> None:
    """I19 looks after the step whether an objcg still points at this memcg once it is freed (log as in touch_cpu)."""
    for i in range(min(st.dirty_memcg_n, NR_LOG)):
        if st.dirty_memcg[i] == m:
            return
    if st.dirty_memcg_n < NR_LOG:
        st.dirty_memcg[st.dirty_memcg_n] = m
    st.dirty_memcg_n = min(st.dirty_memcg_n + 1, NR_LOG + 1)


@compiled
def touch_area(st: State, r: int) -> None:
    """I6 looks at this area's obj_exts entry after the step; the log is not searched, most steps name one area once."""
    if st.dirty_area_n < NR_LOG:
        st.dirty_area[st.dirty_area_n] = r
    st.dirty_area_n = min(st.dirty_area_n + 1, NR_LOG + 1)


@compiled
def touch_chunk(st: State, c: int) -> None:
    """I7 looks after the step at the pages under this chunk's areas; the chunk may stand in the log twice."""
    if st.dirty_chunk_n < NR_LOG:
        st.dirty_chunk[st.dirty_chunk_n] = c
    st.dirty_chunk_n = min(st.dirty_chunk_n + 1, NR_LOG + 1)


@compiled
def untouch(st: State) -> None:
    """The step has been judged: nothing counts as changed any more."""
    st.dirty_cpu_n = 0
    st.dirty_objcg_n = 0
    st.dirty_memcg_n = 0
    st.dirty_area_n = 0
    st.dirty_chunk_n = 0


@compiled
def violate(st: State, t: int, label: int, invariant: int, want: int, found: int) -> None:
    """Record a violation; an invariant keeps its first step of the case only."""
    if st.violated[invariant] == 0:
        st.violated[invariant] = 1
        st.viol_step[invariant] = st.nr_steps
        st.viol_task[invariant] = t
        st.viol_label[invariant] = label
        st.viol_want[invariant] = want
        st.viol_found[invariant] = found
        passed = 0
        for h in range(1, 26):
            if st.hazard[h] > 0:
                passed |= 1 << h
        st.viol_hazards[invariant] = passed


@compiled
def kill_case(st: State, t: int, invariant: int, want: int, found: int) -> None:
    """A violation that would crash or clamp the kernel: it also ends the case."""
    violate(st, t, st.pc[t], invariant, want, found)
    st.fatal = 1


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


@compiled
def preempt_off(st: State, t: int) -> None:
    """Disable preemption on the task's CPU (a local lock is taken)."""
    a = st.task_cpu[t]
    st.cpu_depth[a] += 1
    if st.cpu_irq[a] == 0:
        st.cpu_preempt[a] = t + 1


@compiled
def preempt_on(st: State, t: int) -> None:
    """One level of disabled preemption less; at none, outside interrupts, others run on the task's CPU again."""
    a = st.task_cpu[t]
    st.cpu_depth[a] -= 1
    if st.cpu_irq[a] == 0 and st.cpu_depth[a] == 0:
        st.cpu_preempt[a] = 0
