"""The steps of drains and workers, by label: drain_all_stock, balance work, css_offline, RCU callbacks.

`engine.case.step.step` calls these; they do nothing but hand a label to its function.
"""

from __future__ import annotations

from percpu_fuzz.engine.case.operations import end_operation, op_max_drain, op_user_end
from percpu_fuzz.engine.core.base import Prog, State, Topo
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.labels import (
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
    OF_DRAIN,
    OF_KILL,
    OF_MOVE,
    OF_NULL,
    OF_PUT,
    OP_END,
    OP_MAX_DRAIN,
    OP_USER_END,
)  # fmt: skip
from percpu_fuzz.engine.kernel.balance import (
    ba_free,
    ba_free_empty,
    ba_populate,
    ba_reclaim,
)  # fmt: skip
from percpu_fuzz.engine.kernel.drain import (
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
)  # fmt: skip
from percpu_fuzz.engine.kernel.memcg import (
    cf_done,
    cf_node,
    of_drain,
    of_kill,
    of_move,
    of_null,
    of_put,
)  # fmt: skip


@compiled
def drain_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps of drain_all_stock and of the local drain work."""
    if label == DA_BEGIN:
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


@compiled
def work_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps that end an operation, balance work, css_offline and the RCU callback."""
    if label == OP_MAX_DRAIN:
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
