"""drain_all_stock, the queued per-CPU work, and the dead-CPU callback."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import hazard
from percpu_fuzz.engine.core.planted import SLIP_DEAD_PAGES
from percpu_fuzz.engine.core.primitives import WORK, goto, preempt_off, preempt_on, stir
from percpu_fuzz.engine.core.records import NR_PAGE_STOCK, Prog, State, Topo
from percpu_fuzz.engine.kernel.obj_stock import drain_obj_slot
from percpu_fuzz.engine.kernel.page_counter import uncharge
from percpu_fuzz.engine.kernel.page_stock import clear_page_slot

DRAIN_PAGE, DRAIN_OBJ, DRAIN_DEAD = range(3)


@compiled
def below(st: State, m: int, root: int) -> bool:
    """mem_cgroup_is_descendant: `m` is `root` or under it; parents of dead memcgs stay."""
    while m >= 0:
        if m == root:
            return True
        m = st.memcg_parent[m]
    return False


@compiled
def drain_all_stock(st: State, t: int, root: int, ret: int) -> None:
    """drain_all_stock(root), then go on at `ret`."""
    st.da_memcg[t] = root
    st.da_ret[t] = ret
    goto(st, t, labels.DA_BEGIN)


@compiled
def da_begin(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """percpu_charge_mutex is only tried: whoever finds it held drains nothing (H11)."""
    if st.charge_mutex != 0:
        hazard(st, 11)
        goto(st, t, st.da_ret[t])
        st.da_memcg[t] = 0
        st.da_ret[t] = 0
        return
    st.charge_mutex = t + 1
    for other in range(st.nr_all):
        if other != t and st.r_charged[other] == 1 and st.r_precharge[other] > 0 and st.r_refunded[other] == 0:
            hazard(st, 9)
    st.task_pinned[t] = 1
    st.da_cpu[t] = 0
    goto(st, t, labels.DA_PAGE)


@compiled
def page_drain_needed(st: State, a: int, root: int) -> bool:
    """A slot with at least one page of the subtree; slots at 0 pages are ignored."""
    for i in range(NR_PAGE_STOCK):
        m = st.ps_memcg[a, i]
        if m >= 0 and st.ps_pages[a, i] > 0 and below(st, m, root):
            return True
    return False


@compiled
def obj_drain_needed(prog: Prog, st: State, a: int, root: int) -> bool:
    """A slot whose objcg now belongs to the subtree, with bytes or without."""
    for i in range(prog.v_obj_slots):
        o = st.os_objcg[a, i]
        if o >= 0 and below(st, st.objcg_memcg[o], root):
            return True
    return False


@compiled
def queue_order(st: State, a: int) -> int:
    """1 for the first queued work of a CPU, 2 for the second: they run in that order."""
    if st.ps_queued[a] > 0 or st.os_queued[a] > 0:
        return 2
    return 1


@compiled
def da_page(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The page stock of one CPU: drained here, queued there, skipped for ever once an isolated CPU was flagged."""
    a = st.da_cpu[t]
    if a >= topo.nr_act:
        goto(st, t, labels.DA_END)
        return
    goto(st, t, labels.DA_OBJ)
    if st.cpu_online[a] == 0 or st.ps_flushing[a] == 1 or not page_drain_needed(st, a, st.da_memcg[t]):
        return
    st.ps_flushing[a] = 1
    if a == st.task_cpu[t]:
        drain_local(st, t, a, DRAIN_PAGE, labels.DA_OBJ)
    elif topo.act_isolated[a] == 1:
        hazard(st, 12)
    else:
        st.ps_queued[a] = queue_order(st, a)
        stir(st, WORK)


@compiled
def da_obj(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The byte stock of one CPU, by the rules of da_page; then the next CPU."""
    a = st.da_cpu[t]
    st.da_cpu[t] = a + 1
    goto(st, t, labels.DA_PAGE)
    if st.cpu_online[a] == 0 or st.os_flushing[a] == 1 or not obj_drain_needed(prog, st, a, st.da_memcg[t]):
        return
    st.os_flushing[a] = 1
    if a == st.task_cpu[t]:
        drain_local(st, t, a, DRAIN_OBJ, labels.DA_PAGE)
    elif topo.act_isolated[a] == 1:
        hazard(st, 12)
    else:
        st.os_queued[a] = queue_order(st, a)
        stir(st, WORK)


@compiled
def da_end(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """End of drain_all_stock: percpu_charge_mutex dropped, migration enabled; queued work is not waited for."""
    st.charge_mutex = 0
    st.task_pinned[t] = 0
    goto(st, t, st.da_ret[t])
    st.da_memcg[t] = 0
    st.da_cpu[t] = 0
    st.da_ret[t] = 0


@compiled
def drain_local(st: State, t: int, a: int, what: int, ret: int) -> None:
    """drain_local_memcg_stock or drain_local_obj_stock on CPU a, or both of a dead CPU, then go on at `ret`."""
    st.dl_cpu[t] = a
    st.dl_both[t] = what
    st.dl_slot[t] = 0
    st.dl_ret[t] = ret
    if what == DRAIN_PAGE:
        goto(st, t, labels.DL_LOCK)
    elif what == DRAIN_OBJ:
        goto(st, t, labels.DL_OBJ_LOCK)
    else:
        goto(st, t, labels.DL_OBJ_SLOT)


@compiled
def dl_lock(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The stock is that of the CPU where the lock is taken: a worker may have been moved since its work began."""
    st.dl_cpu[t] = st.task_cpu[t]
    st.ps_owner[st.dl_cpu[t]] = t + 1
    preempt_off(st, t)
    goto(st, t, labels.DL_PAGE_SLOT)


@compiled
def dl_page_slot(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The next occupied page slot: uncharge its pages; every slot goes, not only the subtree's (H10)."""
    a = st.dl_cpu[t]
    while st.dl_slot[t] < NR_PAGE_STOCK:
        i = st.dl_slot[t]
        if st.ps_memcg[a, i] >= 0:
            uncharge(st, t, st.ps_memcg[a, i], st.ps_pages[a, i], labels.DL_PAGE_CLEAR)
            return
        st.dl_slot[t] += 1
    if st.dl_both[t] == DRAIN_PAGE:
        st.ps_owner[a] = 0
        preempt_on(st, t)
        st.ps_flushing[a] = 0
    goto(st, t, labels.DL_END)


@compiled
def dl_page_clear(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """drain_stock, after its uncharge: the slot loses its memcg and the css reference; on to the next slot."""
    clear_page_slot(st, st.dl_cpu[t], st.dl_slot[t])
    st.dl_slot[t] += 1
    goto(st, t, labels.DL_PAGE_SLOT)


@compiled
def dl_obj_lock(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """As dl_lock, for the byte stock."""
    st.dl_cpu[t] = st.task_cpu[t]
    st.os_owner[st.dl_cpu[t]] = t + 1
    preempt_off(st, t)
    goto(st, t, labels.DL_OBJ_SLOT)


@compiled
def dl_obj_slot(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The next occupied obj slot; a dead CPU's page stock follows its obj stock, whose drain may feed counters."""
    a = st.dl_cpu[t]
    while st.dl_slot[t] < prog.v_obj_slots:
        i = st.dl_slot[t]
        st.dl_slot[t] += 1
        if st.os_objcg[a, i] >= 0:
            drain_obj_slot(st, t, a, i, labels.DL_OBJ_SLOT)
            return
    if st.dl_both[t] == DRAIN_OBJ:
        st.os_owner[a] = 0
        preempt_on(st, t)
        st.os_flushing[a] = 0
        goto(st, t, labels.DL_END)
        return
    st.dl_slot[t] = 0
    kept = prog.v_slip == SLIP_DEAD_PAGES and st.phase == 0
    goto(st, t, labels.DL_END if kept else labels.DL_PAGE_SLOT)


@compiled
def dl_end(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The local drain returns to dl_ret and its registers are cleared."""
    goto(st, t, st.dl_ret[t])
    st.dl_cpu[t] = 0
    st.dl_slot[t] = 0
    st.dl_both[t] = 0
    st.dl_ret[t] = 0


@compiled
def kworker_begin(topo: Topo, prog: Prog, st: State, t: int, a: int, ret: int) -> None:
    """Run the work that was queued first on CPU a; after a's death it runs on the CPU where the worker is now."""
    first_page = st.ps_queued[a] > 0 and (st.os_queued[a] == 0 or st.ps_queued[a] < st.os_queued[a])
    here = st.task_cpu[t]
    if first_page:
        st.ps_queued[a] = 0
        st.os_queued[a] = min(st.os_queued[a], 1)
        drain_local(st, t, here, DRAIN_PAGE, ret)
    else:
        st.os_queued[a] = 0
        st.ps_queued[a] = min(st.ps_queued[a], 1)
        drain_local(st, t, here, DRAIN_OBJ, ret)


# The steps of drain_all_stock and of the local drain.
drain_step = piece(
    da_begin, da_page, da_obj, da_end, dl_lock, dl_page_slot, dl_page_clear, dl_obj_lock, dl_obj_slot, dl_end,
)  # fmt: skip
