"""The steps of an allocation and a free, by label: pcpu_alloc, the pre hook, the post hook, the free hook.

`engine.case.step.step` calls these; they do nothing but hand a label to its function.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.base import Prog, State, Topo
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.labels import (
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
    SL_FREED,
    SL_PUT,
    UN_REFILL,
)  # fmt: skip
from percpu_fuzz.engine.kernel.charge_hook import (
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
)  # fmt: skip
from percpu_fuzz.engine.kernel.free_hook import (
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
)  # fmt: skip
from percpu_fuzz.engine.kernel.percpu_alloc import (
    al_area,
    al_create,
    al_mutex,
    al_no_area,
    al_pop_fail,
    al_pop_mark,
    al_populate,
    al_unlock,
)  # fmt: skip
from percpu_fuzz.engine.kernel.post_each_page import (
    po_credit,
    po_credit_memcg,
    po_credit_objcg,
    po_page,
)  # fmt: skip
from percpu_fuzz.engine.kernel.post_hook import (
    po_account,
    po_accumulate,
    po_begin,
    po_done,
    po_entry,
    po_nid2_memcg,
    po_nid2_objcg,
    po_nid_memcg,
    po_nid_objcg,
    po_node,
    po_refund,
    po_remainder,
    po_stat,
    po_undo_begin,
    po_undone,
)  # fmt: skip


@compiled
def allocation_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps of pcpu_alloc up to its post hook: task_objcgs, pre hook, search, populate."""
    if label == RF_PUT:
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


@compiled
def post_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps of the post hook."""
    if label == PO_BEGIN:
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


@compiled
def free_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps of free_percpu and its hook, of slab objects, and the refund of a precharge."""
    if label == FR_BEGIN:
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
