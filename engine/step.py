"""`step`: performs the one atomic step that a task is at. Everything that runs a model calls this function.

Random walks, systematic schedulers, exhaustive search and replay differ only in whom they let step next.
"""

from __future__ import annotations

from engine.balance import (
    ba_free,
    ba_free_empty,
    ba_populate,
    ba_reclaim,
)
from engine.base import Prog, State, Topo, goto
from engine.charge_hook import (
    al_charge_bytes,
    al_charge_bytes_body,
    al_charge_pages,
    al_charged_pages,
    al_current,
    al_precharge,
    al_precharged,
    rf_get,
    rf_put,
    un_refill,
)
from engine.compiled import (
    compiled,
)
from engine.drain import (
    da_begin,
    da_end,
    da_obj,
    da_page,
    dl_end,
    dl_lock,
    dl_obj_lock,
    dl_obj_slot,
    dl_page_clear,
    dl_page_slot,
    kworker_begin,
)
from engine.free_hook import (
    fr_accumulate,
    fr_begin,
    fr_nid_memcg,
    fr_nid_objcg,
    fr_node,
    fr_page,
    fr_page_memcg,
    fr_page_objcg,
    fr_put,
    fr_stat,
    fr_uncharge,
    fr_unlock,
    sl_freed,
    sl_put,
)
from engine.labels import (
    AL_AREA,
    AL_CHARGE_BYTES,
    AL_CHARGE_BYTES_BODY,
    AL_CHARGE_PAGES,
    AL_CHARGED_PAGES,
    AL_CREATE,
    AL_CURRENT,
    AL_MUTEX,
    AL_NO_AREA,
    AL_POP_FAIL,
    AL_POP_MARK,
    AL_POPULATE,
    AL_PRECHARGE,
    AL_PRECHARGED,
    AL_UNLOCK,
    AT_BARRIER,
    BA_FREE,
    BA_FREE_EMPTY,
    BA_POPULATE,
    BA_RECLAIM,
    CF_DONE,
    CF_NODE,
    DA_BEGIN,
    DA_END,
    DA_OBJ,
    DA_PAGE,
    DL_END,
    DL_LOCK,
    DL_OBJ_LOCK,
    DL_OBJ_SLOT,
    DL_PAGE_CLEAR,
    DL_PAGE_SLOT,
    DO_BYTES,
    DO_PUT,
    DO_REST,
    FINISHED,
    FR_ACCUMULATE,
    FR_BEGIN,
    FR_NID_MEMCG,
    FR_NID_OBJCG,
    FR_NODE,
    FR_PAGE,
    FR_PAGE_MEMCG,
    FR_PAGE_OBJCG,
    FR_PUT,
    FR_STAT,
    FR_UNCHARGE,
    FR_UNLOCK,
    IDLE,
    OF_DRAIN,
    OF_KILL,
    OF_MOVE,
    OF_NULL,
    OF_PUT,
    OP_END,
    OP_MAX_DRAIN,
    OP_USER_END,
    PO_ACCOUNT,
    PO_ACCUMULATE,
    PO_BEGIN,
    PO_CREDIT,
    PO_CREDIT_MEMCG,
    PO_CREDIT_OBJCG,
    PO_DONE,
    PO_ENTRY,
    PO_NID2_MEMCG,
    PO_NID2_OBJCG,
    PO_NID_MEMCG,
    PO_NID_OBJCG,
    PO_NODE,
    PO_PAGE,
    PO_REFUND,
    PO_REMAINDER,
    PO_STAT,
    PO_UNDO,
    PO_UNDONE,
    RF_GET,
    RF_PUT,
    RL_DONE,
    RL_NODE,
    RO_BODY,
    RO_INSERT,
    RO_LOCK,
    RO_UNLOCK,
    RS_BODY,
    RS_DRAINED,
    RS_LOCK,
    SL_FREED,
    SL_PUT,
    TC_AFTER_DRAIN,
    TC_CONSUME,
    TC_CONSUME_BODY,
    TC_DONE,
    TC_DRAIN,
    TC_FAILED,
    TC_FORCE,
    TC_LEVEL,
    TC_MARGIN,
    TC_OOM,
    TC_RECLAIM,
    TC_UNDO,
    TC_UNDO_BELOW,
    UC_LEVEL,
    UN_REFILL,
    UP_DONE,
    UP_KMEM,
)
from engine.memcg import (
    cf_done,
    cf_node,
    of_drain,
    of_kill,
    of_move,
    of_null,
    of_put,
    offline_begin,
    rcu_begin,
)
from engine.obj_stock import (
    do_bytes,
    do_put,
    do_rest,
    ro_body,
    ro_insert,
    ro_lock,
    ro_unlock,
    up_done,
    up_kmem,
)
from engine.objcg import (
    rl_done,
    rl_node,
)
from engine.operations import (
    begin_operation,
    end_operation,
    op_max_drain,
    op_user_end,
)
from engine.page_counter import (
    uc_level,
)
from engine.page_stock import (
    rs_body,
    rs_drained,
    rs_lock,
)
from engine.percpu_alloc import (
    al_area,
    al_create,
    al_mutex,
    al_no_area,
    al_pop_fail,
    al_pop_mark,
    al_populate,
    al_unlock,
)
from engine.post_hook import (
    po_account,
    po_accumulate,
    po_begin,
    po_credit,
    po_credit_memcg,
    po_credit_objcg,
    po_done,
    po_entry,
    po_nid2_memcg,
    po_nid2_objcg,
    po_nid_memcg,
    po_nid_objcg,
    po_node,
    po_page,
    po_refund,
    po_remainder,
    po_stat,
    po_undo_begin,
    po_undone,
)
from engine.teardown import (
    pass_barrier,
    tear_down,
)
from engine.try_charge import (
    tc_after_drain,
    tc_consume,
    tc_consume_body,
    tc_done,
    tc_drain,
    tc_failed,
    tc_force,
    tc_level,
    tc_margin,
    tc_oom,
    tc_reclaim,
    tc_undo,
    tc_undo_below,
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
def at_barrier(topo: Topo, prog: Prog, st: State, t: int) -> None:
    pass_barrier(prog, st)


@compiled
def finished(topo: Topo, prog: Prog, st: State, t: int) -> None:
    tear_down(topo, prog, st, t)


@compiled
def step(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Perform task t's step. The caller has asked `runnable` and clears what the step before touched."""
    st.nr_steps += 1
    label = st.pc[t]
    if label == IDLE:
        idle(topo, prog, st, t)
    elif label == AT_BARRIER:
        at_barrier(topo, prog, st, t)
    elif label == FINISHED:
        finished(topo, prog, st, t)
    elif label == RF_PUT:
        rf_put(topo, prog, st, t)
    elif label == RF_GET:
        rf_get(topo, prog, st, t)
    elif label == AL_CURRENT:
        al_current(topo, prog, st, t)
    elif label == AL_PRECHARGE:
        al_precharge(topo, prog, st, t)
    elif label == AL_PRECHARGED:
        al_precharged(topo, prog, st, t)
    elif label == AL_CHARGE_BYTES:
        al_charge_bytes(topo, prog, st, t)
    elif label == AL_CHARGE_BYTES_BODY:
        al_charge_bytes_body(topo, prog, st, t)
    elif label == AL_CHARGE_PAGES:
        al_charge_pages(topo, prog, st, t)
    elif label == AL_CHARGED_PAGES:
        al_charged_pages(topo, prog, st, t)
    elif label == AL_MUTEX:
        al_mutex(topo, prog, st, t)
    elif label == AL_AREA:
        al_area(topo, prog, st, t)
    elif label == AL_CREATE:
        al_create(topo, prog, st, t)
    elif label == AL_POPULATE:
        al_populate(topo, prog, st, t)
    elif label == AL_POP_MARK:
        al_pop_mark(topo, prog, st, t)
    elif label == AL_POP_FAIL:
        al_pop_fail(topo, prog, st, t)
    elif label == AL_UNLOCK:
        al_unlock(topo, prog, st, t)
    elif label == AL_NO_AREA:
        al_no_area(topo, prog, st, t)
    elif label == PO_BEGIN:
        po_begin(topo, prog, st, t)
    elif label == PO_ENTRY:
        po_entry(topo, prog, st, t)
    elif label == PO_ACCUMULATE:
        po_accumulate(topo, prog, st, t)
    elif label == PO_STAT:
        po_stat(topo, prog, st, t)
    elif label == PO_NODE:
        po_node(topo, prog, st, t)
    elif label == PO_NID_MEMCG:
        po_nid_memcg(topo, prog, st, t)
    elif label == PO_NID_OBJCG:
        po_nid_objcg(topo, prog, st, t)
    elif label == PO_ACCOUNT:
        po_account(topo, prog, st, t)
    elif label == PO_NID2_MEMCG:
        po_nid2_memcg(topo, prog, st, t)
    elif label == PO_NID2_OBJCG:
        po_nid2_objcg(topo, prog, st, t)
    elif label == PO_REMAINDER:
        po_remainder(topo, prog, st, t)
    elif label == PO_REFUND:
        po_refund(topo, prog, st, t)
    elif label == PO_DONE:
        po_done(topo, prog, st, t)
    elif label == PO_UNDO:
        po_undo_begin(topo, prog, st, t)
    elif label == PO_UNDONE:
        po_undone(topo, prog, st, t)
    elif label == PO_PAGE:
        po_page(topo, prog, st, t)
    elif label == PO_CREDIT:
        po_credit(topo, prog, st, t)
    elif label == PO_CREDIT_MEMCG:
        po_credit_memcg(topo, prog, st, t)
    elif label == PO_CREDIT_OBJCG:
        po_credit_objcg(topo, prog, st, t)
    elif label == FR_BEGIN:
        fr_begin(topo, prog, st, t)
    elif label == FR_ACCUMULATE:
        fr_accumulate(topo, prog, st, t)
    elif label == FR_STAT:
        fr_stat(topo, prog, st, t)
    elif label == FR_NODE:
        fr_node(topo, prog, st, t)
    elif label == FR_NID_MEMCG:
        fr_nid_memcg(topo, prog, st, t)
    elif label == FR_NID_OBJCG:
        fr_nid_objcg(topo, prog, st, t)
    elif label == FR_UNCHARGE:
        fr_uncharge(topo, prog, st, t)
    elif label == FR_PAGE:
        fr_page(topo, prog, st, t)
    elif label == FR_PAGE_MEMCG:
        fr_page_memcg(topo, prog, st, t)
    elif label == FR_PAGE_OBJCG:
        fr_page_objcg(topo, prog, st, t)
    elif label == FR_PUT:
        fr_put(topo, prog, st, t)
    elif label == FR_UNLOCK:
        fr_unlock(topo, prog, st, t)
    elif label == SL_PUT:
        sl_put(topo, prog, st, t)
    elif label == SL_FREED:
        sl_freed(topo, prog, st, t)
    elif label == UN_REFILL:
        un_refill(topo, prog, st, t)
    elif label == TC_CONSUME:
        tc_consume(topo, prog, st, t)
    elif label == TC_CONSUME_BODY:
        tc_consume_body(topo, prog, st, t)
    elif label == TC_LEVEL:
        tc_level(topo, prog, st, t)
    elif label == TC_UNDO:
        tc_undo(topo, prog, st, t)
    elif label == TC_UNDO_BELOW:
        tc_undo_below(topo, prog, st, t)
    elif label == TC_FAILED:
        tc_failed(topo, prog, st, t)
    elif label == TC_RECLAIM:
        tc_reclaim(topo, prog, st, t)
    elif label == TC_MARGIN:
        tc_margin(topo, prog, st, t)
    elif label == TC_DRAIN:
        tc_drain(topo, prog, st, t)
    elif label == TC_AFTER_DRAIN:
        tc_after_drain(topo, prog, st, t)
    elif label == TC_OOM:
        tc_oom(topo, prog, st, t)
    elif label == TC_FORCE:
        tc_force(topo, prog, st, t)
    elif label == TC_DONE:
        tc_done(topo, prog, st, t)
    elif label == RS_LOCK:
        rs_lock(topo, prog, st, t)
    elif label == RS_BODY:
        rs_body(topo, prog, st, t)
    elif label == RS_DRAINED:
        rs_drained(topo, prog, st, t)
    elif label == UC_LEVEL:
        uc_level(topo, prog, st, t)
    elif label == RO_LOCK:
        ro_lock(topo, prog, st, t)
    elif label == RO_BODY:
        ro_body(topo, prog, st, t)
    elif label == RO_INSERT:
        ro_insert(topo, prog, st, t)
    elif label == RO_UNLOCK:
        ro_unlock(topo, prog, st, t)
    elif label == UP_KMEM:
        up_kmem(topo, prog, st, t)
    elif label == UP_DONE:
        up_done(topo, prog, st, t)
    elif label == DO_BYTES:
        do_bytes(topo, prog, st, t)
    elif label == DO_REST:
        do_rest(topo, prog, st, t)
    elif label == DO_PUT:
        do_put(topo, prog, st, t)
    elif label == RL_NODE:
        rl_node(topo, prog, st, t)
    elif label == RL_DONE:
        rl_done(topo, prog, st, t)
    elif label == DA_BEGIN:
        da_begin(topo, prog, st, t)
    elif label == DA_PAGE:
        da_page(topo, prog, st, t)
    elif label == DA_OBJ:
        da_obj(topo, prog, st, t)
    elif label == DA_END:
        da_end(topo, prog, st, t)
    elif label == DL_LOCK:
        dl_lock(topo, prog, st, t)
    elif label == DL_PAGE_SLOT:
        dl_page_slot(topo, prog, st, t)
    elif label == DL_PAGE_CLEAR:
        dl_page_clear(topo, prog, st, t)
    elif label == DL_OBJ_LOCK:
        dl_obj_lock(topo, prog, st, t)
    elif label == DL_OBJ_SLOT:
        dl_obj_slot(topo, prog, st, t)
    elif label == DL_END:
        dl_end(topo, prog, st, t)
    elif label == OP_MAX_DRAIN:
        op_max_drain(topo, prog, st, t)
    elif label == OP_USER_END:
        op_user_end(topo, prog, st, t)
    elif label == OP_END:
        end_operation(topo, prog, st, t)
    elif label == BA_FREE:
        ba_free(topo, prog, st, t)
    elif label == BA_RECLAIM:
        ba_reclaim(topo, prog, st, t)
    elif label == BA_POPULATE:
        ba_populate(topo, prog, st, t)
    elif label == BA_FREE_EMPTY:
        ba_free_empty(topo, prog, st, t)
    elif label == OF_NULL:
        of_null(topo, prog, st, t)
    elif label == OF_MOVE:
        of_move(topo, prog, st, t)
    elif label == OF_KILL:
        of_kill(topo, prog, st, t)
    elif label == OF_DRAIN:
        of_drain(topo, prog, st, t)
    elif label == OF_PUT:
        of_put(topo, prog, st, t)
    elif label == CF_NODE:
        cf_node(topo, prog, st, t)
    elif label == CF_DONE:
        cf_done(topo, prog, st, t)
