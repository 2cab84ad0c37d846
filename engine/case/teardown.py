"""The end of a case, from quiescence to quiescence: free, drop, drain every CPU, remove every memcg, release."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.evidence import note_pointer
from percpu_fuzz.engine.core.primitives import goto
from percpu_fuzz.engine.core.records import NR_OBJ_STOCK, NR_PAGE_STOCK, Prog, State, Topo
from percpu_fuzz.engine.core.stages import MEMCG_ONLINE
from percpu_fuzz.engine.kernel.drain import DRAIN_DEAD, drain_local
from percpu_fuzz.engine.kernel.memcg import can_rmdir, rmdir
from percpu_fuzz.engine.kernel.objcg import objcg_put

RUNNING, FREEING, DROPPING, DRAINING, DRAINED, REMOVING, OVER = range(7)


@compiled
def all_settled(prog: Prog, st: State) -> bool:
    """Every program task is finished and no worker has anything to do."""
    astray = 0
    for t in range(len(st.pc)):  # as long for every case and without a branch: all tasks at once
        astray |= st.pc[t] ^ (labels.FINISHED if t < prog.nr_tasks else labels.IDLE) if t < st.nr_all else 0
    return astray == 0 and nothing_queued(st)


@compiled
def nothing_queued(st: State) -> bool:
    """No drain work, balance work, css_offline or RCU callback waits for its worker."""
    queued = 0
    for a in range(len(st.ps_queued)):
        queued |= st.ps_queued[a] | st.os_queued[a]
    return queued == 0 and st.balance_queued == 0 and st.off_head == st.off_tail and st.rcu_head == st.rcu_tail


@compiled
def barrier_open(prog: Prog, st: State) -> bool:
    """Every program task waits at the barrier (or is finished) and no worker is between two steps.

    An interrupt source has no barriers: between two of its interrupts it is waited for by nobody.
    """
    for t in range(st.nr_all):
        waits = st.pc[t] == labels.AT_BARRIER or st.pc[t] == labels.FINISHED
        if t >= prog.nr_tasks or prog.task_irq[t] == 1:
            waits = st.pc[t] == labels.IDLE or st.pc[t] == labels.FINISHED
        if not waits:
            return False
    return True


@compiled
def pass_barrier(prog: Prog, st: State) -> None:
    """Tasks at the barrier go on to their next operation."""
    for t in range(prog.nr_tasks):
        if st.pc[t] == labels.AT_BARRIER:
            st.pc[t] = labels.IDLE
            st.op_i[t] += 1


@compiled
def tear_down(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """One action of the teardown; the phase moves on when it has nothing left."""
    if st.phase == RUNNING:
        st.phase = FREEING
    elif st.phase == FREEING:
        free_next(st, t)
    elif st.phase == DROPPING:
        drop_next(topo, prog, st, t)
    elif st.phase == DRAINING:
        drain_next(topo, prog, st, t)
    elif st.phase == DRAINED:
        st.phase = REMOVING
    elif st.phase == REMOVING:
        remove_next(st)


@compiled
def free_next(st: State, t: int) -> None:
    """Begin to free what the first occupied slot holds; with none left the tasks' objcg references are dropped next."""
    for slot in range(len(st.slot_area)):
        if st.slot_area[slot] >= 0:
            st.r_slot[t] = slot
            goto(st, t, labels.FR_BEGIN)
            return
    st.phase = DROPPING


@compiled
def drop_next(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Tasks exit: each entry of task->objcgs is put, and no task is in any memcg."""
    for who in range(prog.nr_tasks):
        for n in range(topo.nr_nodes):
            o = st.task_objcg[who, n]
            if o >= 0:
                st.task_objcg[who, n] = -1
                note_pointer(topo, st, who, o, -1)
                objcg_put(prog, topo, st, t, o, labels.FINISHED)
                return
    for m in range(st.memcg_rows):
        st.memcg_tasks[m] = 0
    st.phase = DRAINING


@compiled
def drain_next(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Both stocks of every CPU, isolated and dead ones included."""
    for a in range(topo.nr_act):
        occupied = False
        for i in range(NR_PAGE_STOCK):
            occupied = occupied or st.ps_memcg[a, i] >= 0
        for i in range(NR_OBJ_STOCK):
            occupied = occupied or st.os_objcg[a, i] >= 0
        if occupied:
            drain_local(st, t, a, DRAIN_DEAD, labels.FINISHED)
            return
    st.phase = DRAINED


@compiled
def remove_next(st: State) -> None:
    """rmdir a memcg without children; offline and the callbacks follow before the next."""
    left = False
    for m in range(1, st.memcg_rows):
        if st.memcg_state[m] == MEMCG_ONLINE:
            left = True
            if can_rmdir(st, m):
                rmdir(st, m)
                return
    if not left:
        st.phase = OVER
