"""The steps of memcg charging, by label: try_charge, page stock, page counters, byte stock, objcg release.

`engine.case.step.step` calls these; they do nothing but hand a label to its function.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.base import Prog, State, Topo
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.labels import (
    DO_BYTES,
    DO_PUT,
    DO_REST,
    RL_DONE,
    RL_NODE,
    RO_BODY,
    RO_INSERT,
    RO_LOCK,
    RO_UNLOCK,
    RS_BODY,
    RS_DRAINED,
    RS_LOCK,
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
    UP_DONE,
    UP_KMEM,
)  # fmt: skip
from percpu_fuzz.engine.kernel.obj_stock import (
    do_bytes,
    do_put,
    do_rest,
    ro_body,
    ro_insert,
    ro_lock,
    ro_unlock,
    up_done,
    up_kmem,
)  # fmt: skip
from percpu_fuzz.engine.kernel.objcg import rl_done, rl_node
from percpu_fuzz.engine.kernel.page_counter import uc_level
from percpu_fuzz.engine.kernel.page_stock import rs_body, rs_drained, rs_lock
from percpu_fuzz.engine.kernel.try_charge import (
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
)  # fmt: skip


@compiled
def charge_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps of try_charge, of the page stock, and of the page counters' uncharge."""
    if label == TC_CONSUME:
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


@compiled
def stock_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The steps of the byte stock and of an objcg's release."""
    if label == RO_LOCK:
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
