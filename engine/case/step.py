"""`step`: performs the one atomic step that a task is at. Everything that runs a model calls this function.

Random walks, systematic schedulers, exhaustive search and replay differ only in whom they let step next.
"""

from __future__ import annotations

from bisect import bisect_right

from percpu_fuzz.engine.case.operations import begin_operation, operation_step
from percpu_fuzz.engine.case.teardown import pass_barrier, tear_down
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.hooks import own_step
from percpu_fuzz.engine.core.primitives import goto
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.kernel.balance import balance_step
from percpu_fuzz.engine.kernel.charge_hook import pre_step
from percpu_fuzz.engine.kernel.drain import drain_step, kworker_begin
from percpu_fuzz.engine.kernel.free_hook import free_step
from percpu_fuzz.engine.kernel.memcg import memcg_step, offline_begin, rcu_begin
from percpu_fuzz.engine.kernel.obj_stock import obj_stock_step
from percpu_fuzz.engine.kernel.objcg import release_step
from percpu_fuzz.engine.kernel.page_counter import uc_level
from percpu_fuzz.engine.kernel.page_stock import page_stock_step
from percpu_fuzz.engine.kernel.percpu_alloc import alloc_step
from percpu_fuzz.engine.kernel.post_each_page import each_page_step
from percpu_fuzz.engine.kernel.post_hook import post_step
from percpu_fuzz.engine.kernel.try_charge import try_charge_step

(
    BETWEEN, PRE, ALLOC, POST, EACH_PAGE, FREE, TRY_CHARGE, PAGE_STOCK, COUNTER, OBJ_STOCK, RELEASE, DRAIN, OPERATION,
    BALANCE, MEMCG, OWN,
) = range(16)  # fmt: skip
# Labels are numbered in the order of these pieces (engine.core.labels): the first of each.
FIRST_OF = (
    labels.IDLE, labels.RF_PUT, labels.AL_MUTEX, labels.PO_BEGIN, labels.PO_PAGE, labels.FR_BEGIN, labels.TC_CONSUME,
    labels.RS_LOCK, labels.UC_LEVEL, labels.RO_LOCK, labels.RL_NODE, labels.DA_BEGIN, labels.OP_MAX_DRAIN,
    labels.BA_FREE, labels.OF_NULL, labels.OWN_1,
)  # fmt: skip
# The piece of each label; UN_REFILL, the refund of a precharge, stands with the precharge.
PIECE_OF = tuple(
    PRE if label == labels.UN_REFILL else bisect_right(FIRST_OF, label) - 1 for label in range(len(labels.NAMES))
)


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
        kworker_begin(topo, prog, st, t, which, labels.IDLE)
    elif which == nr_kworkers:
        st.balance_queued = 0
        st.mutex = t + 1
        goto(st, t, labels.BA_FREE)
    elif which == nr_kworkers + 1:
        offline_begin(topo, prog, st, t)
    else:
        rcu_begin(topo, prog, st, t)


@compiled
def between_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps outside any operation."""
    if label == labels.IDLE:
        idle(topo, prog, st, t)
    elif label == labels.AT_BARRIER:
        pass_barrier(prog, st)
    elif label == labels.FINISHED:
        tear_down(topo, prog, st, t)


@compiled_entry
def step(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Perform task t's step. The caller has asked `runnable` and clears what the step before touched.

    Each piece stands at the end of the file whose steps it dispatches. LLVM makes jumps through tables of both choices.
    """
    st.nr_steps += 1
    label = st.pc[t]
    piece = PIECE_OF[label]
    if piece == BETWEEN:
        between_step(topo, prog, st, t, label)
    elif piece == PRE:
        pre_step(topo, prog, st, t, label)
    elif piece == ALLOC:
        alloc_step(topo, prog, st, t, label)
    elif piece == POST:
        post_step(topo, prog, st, t, label)
    elif piece == EACH_PAGE:
        each_page_step(topo, prog, st, t, label)
    elif piece == FREE:
        free_step(topo, prog, st, t, label)
    elif piece == TRY_CHARGE:
        try_charge_step(topo, prog, st, t, label)
    elif piece == PAGE_STOCK:
        page_stock_step(topo, prog, st, t, label)
    elif piece == COUNTER:
        uc_level(topo, prog, st, t)
    elif piece == OBJ_STOCK:
        obj_stock_step(topo, prog, st, t, label)
    elif piece == RELEASE:
        release_step(topo, prog, st, t, label)
    elif piece == DRAIN:
        drain_step(topo, prog, st, t, label)
    elif piece == OPERATION:
        operation_step(topo, prog, st, t, label)
    elif piece == BALANCE:
        balance_step(topo, prog, st, t, label)
    elif piece == MEMCG:
        memcg_step(topo, prog, st, t, label)
    else:
        own_step(topo, prog, st, t, label)
