"""`step`: performs the one atomic step that a task is at. Everything that runs a model calls this function.

Random walks, systematic schedulers, exhaustive search and replay differ only in whom they let step next.
"""

from __future__ import annotations

from percpu_fuzz.engine.case.operations import begin_operation
from percpu_fuzz.engine.case.steps_charge import charge_step, stock_step
from percpu_fuzz.engine.case.steps_hooks import allocation_step, free_step, post_step
from percpu_fuzz.engine.case.steps_work import drain_step, work_step
from percpu_fuzz.engine.case.teardown import pass_barrier, tear_down
from percpu_fuzz.engine.core.base import Prog, State, Topo, goto
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.labels import (
    AT_BARRIER,
    BA_FREE,
    DA_BEGIN,
    FINISHED,
    FR_BEGIN,
    IDLE,
    OP_MAX_DRAIN,
    PO_BEGIN,
    RF_PUT,
    RO_LOCK,
    TC_CONSUME,
)
from percpu_fuzz.engine.kernel.drain import kworker_begin
from percpu_fuzz.engine.kernel.memcg import offline_begin, rcu_begin


@compiled
def idle(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Between two operations: a program task fetches its next, a worker takes what is queued."""
    which = t - prog.nr_tasks
    if which < 0:
        if prog.task_irq[t] == 1 and st.op_i[t] < prog.nr_ops[t]:
            st.cpu_irq[st.task_cpu[t]] = t + 1
        begin_operation(topo, prog, st, t)
        return
    nr_kworkers = st.nr_all - prog.nr_tasks - 3
    if which < nr_kworkers:
        kworker_begin(topo, prog, st, t, which, IDLE)
    elif which == nr_kworkers:
        st.balance_queued = 0
        st.mutex = t + 1
        goto(st, t, BA_FREE)
    elif which == nr_kworkers + 1:
        offline_begin(topo, prog, st, t)
    else:
        rcu_begin(topo, prog, st, t)


@compiled
def between_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps outside any operation."""
    if label == IDLE:
        idle(topo, prog, st, t)
    elif label == AT_BARRIER:
        pass_barrier(prog, st)
    elif label == FINISHED:
        tear_down(topo, prog, st, t)


@compiled
def step(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Perform task t's step. The caller has asked `runnable` and clears what the step before touched.

    Labels are numbered in the order of these groups (engine.core.labels).
    """
    st.nr_steps += 1
    label = st.pc[t]
    if label < RF_PUT:
        between_step(topo, prog, st, t, label)
    elif label < PO_BEGIN:
        allocation_step(topo, prog, st, t, label)
    elif label < FR_BEGIN:
        post_step(topo, prog, st, t, label)
    elif label < TC_CONSUME:
        free_step(topo, prog, st, t, label)
    elif label < RO_LOCK:
        charge_step(topo, prog, st, t, label)
    elif label < DA_BEGIN:
        stock_step(topo, prog, st, t, label)
    elif label < OP_MAX_DRAIN:
        drain_step(topo, prog, st, t, label)
    else:
        work_step(topo, prog, st, t, label)
