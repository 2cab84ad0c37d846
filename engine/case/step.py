"""`step`: performs the one atomic step that a task is at. Everything that runs a model calls this function.

Random walks, systematic schedulers, exhaustive search and replay differ only in whom they let step next.
"""

from __future__ import annotations

from percpu_fuzz.engine.case.operations import begin_operation, operation_step
from percpu_fuzz.engine.case.teardown import pass_barrier, tear_down
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.derived import all_pieces, piece
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


# The steps outside any operation.
between_step = piece(idle, AT_BARRIER=pass_barrier, FINISHED=tear_down)
perform = all_pieces(
    between_step, pre_step, alloc_step, post_step, each_page_step, free_step, try_charge_step, page_stock_step,
    uc_level, obj_stock_step, release_step, drain_step, operation_step, balance_step, memcg_step, otherwise=own_step,
)  # fmt: skip


@compiled_entry
def step(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Perform task t's step. The caller has asked `runnable` and clears what the step before touched.

    Each piece stands at the end of the file whose steps it names. LLVM makes jumps through tables of both choices.
    """
    st.nr_steps += 1
    perform(topo, prog, st, t, st.pc[t])
