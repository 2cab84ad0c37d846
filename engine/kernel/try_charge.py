"""try_charge_memcg: stock, counters, reclaim, drain, retries, forced charges."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import hazard
from percpu_fuzz.engine.core.planted import SLIP_ALL_FAIL, SLIP_CHARGE_OWN, SLIP_CONSUME, SLIP_LIMIT, SLIP_SURPLUS
from percpu_fuzz.engine.core.primitives import goto, preempt_on
from percpu_fuzz.engine.core.records import NR_LOG, NR_PAGE_STOCK, Prog, State, Topo
from percpu_fuzz.engine.kernel.drain import below, drain_all_stock
from percpu_fuzz.engine.kernel.page_counter import counter_sub, uncharge
from percpu_fuzz.engine.kernel.page_stock import page_stock_trylock, refill_stock

MEMCG_CHARGE_BATCH = 64
COSTLY_PAGES = 8  # 1 << PAGE_ALLOC_COSTLY_ORDER
OOM_MAX_PAGES = 8  # above it get_order(n * P) > 3: no memcg OOM kill


@compiled
def try_charge(prog: Prog, st: State, t: int, m: int, nr_pages: int, gfp: int, ret: int) -> None:
    """Start try_charge_memcg(m, gfp, nr_pages); the task goes on at `ret` with st.tc_ok[t]."""
    st.tc_memcg[t] = m
    st.tc_pages[t] = nr_pages
    st.tc_batch[t] = max(nr_pages, MEMCG_CHARGE_BATCH)
    st.tc_gfp[t] = gfp
    st.tc_retries[t] = prog.nr_retries
    st.tc_drained[t] = 0
    st.tc_ok[t] = 0
    st.tc_ret[t] = ret
    if nr_pages == 0:
        st.tc_ok[t] = 1
        goto(st, t, labels.TC_DONE)
        return
    goto(st, t, labels.TC_DONE if prog.v_slip == SLIP_ALL_FAIL else labels.TC_CONSUME)


@compiled
def tc_consume(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """consume_stock: a request over the batch, or a held lock, goes straight to the counters."""
    if st.tc_pages[t] > MEMCG_CHARGE_BATCH:
        start_levels(prog, st, t)
        return
    a = st.task_cpu[t]
    if page_stock_trylock(prog, st, t, a):
        goto(st, t, labels.TC_CONSUME_BODY)
        return
    start_levels(prog, st, t)


@compiled
def start_levels(prog: Prog, st: State, t: int) -> None:
    """The counters, from the memcg upward; an injected failure is one after which nothing was left to try."""
    st.nr_charges += 1
    if prog.fail_charge[st.nr_charges % NR_LOG] == 1:
        nomem(st, t)
        return
    st.tc_level[t] = st.tc_memcg[t]
    goto(st, t, labels.TC_LEVEL)


@compiled
def tc_consume_body(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """consume_stock: tc_pages from the memcg's slot of this CPU if it has so many, else the counters; unlock."""
    a = st.task_cpu[t]
    taken = False
    for i in range(NR_PAGE_STOCK):
        if st.ps_memcg[a, i] == st.tc_memcg[t]:
            if st.ps_pages[a, i] >= st.tc_pages[t]:
                if prog.v_slip != SLIP_CONSUME:
                    st.ps_pages[a, i] -= st.tc_pages[t]
                taken = True
            break
    st.ps_owner[a] = 0
    preempt_on(st, t)
    if taken:
        st.tc_ok[t] = 1
        goto(st, t, labels.TC_DONE)
        return
    start_levels(prog, st, t)


@compiled
def tc_level(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """page_counter_try_charge, one level: the speculative add."""
    m = st.tc_level[t]
    st.memcg_usage[m] += st.tc_batch[t]
    compared = st.memcg_usage[m]
    if prog.v_slip == SLIP_LIMIT:
        compared -= st.tc_batch[t]
    if compared > st.memcg_max[m]:
        st.tc_over[t] = m
        goto(st, t, labels.TC_UNDO)
        return
    if st.memcg_parent[m] >= 0 and prog.v_slip != SLIP_CHARGE_OWN:
        st.tc_level[t] = st.memcg_parent[m]
        return
    st.tc_ok[t] = 1
    surplus = st.tc_batch[t] - st.tc_pages[t]
    if surplus > 0 and prog.v_slip != SLIP_SURPLUS:
        refill_stock(st, t, st.tc_memcg[t], surplus, labels.TC_DONE)
        return
    goto(st, t, labels.TC_DONE)


@compiled
def tc_undo(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Take the speculative add back at the level that was over its limit."""
    counter_sub(st, t, st.tc_over[t], st.tc_batch[t])
    st.tc_level[t] = st.tc_memcg[t]
    if prog.v_undo == 1 or st.tc_memcg[t] == st.tc_over[t]:
        goto(st, t, labels.TC_FAILED)
        return
    goto(st, t, labels.TC_UNDO_BELOW)


@compiled
def tc_undo_below(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """page_counter_try_charge, error path: one level below the one over its limit gives the batch back."""
    m = st.tc_level[t]
    counter_sub(st, t, m, st.tc_batch[t])
    st.tc_level[t] = st.memcg_parent[m]
    if st.memcg_parent[m] == st.tc_over[t]:
        goto(st, t, labels.TC_FAILED)


@compiled
def tc_failed(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The counters said no: retry without the batch, then see what the gfp flags allow."""
    if st.tc_batch[t] > st.tc_pages[t]:
        st.tc_batch[t] = st.tc_pages[t]
        goto(st, t, labels.TC_CONSUME)
        return
    over = st.tc_over[t]
    if st.memcg_usage[over] + st.tc_pages[t] <= st.memcg_max[over]:
        hazard(st, 19)
    if st.tc_gfp[t] & labels.GFP_NOBLOCK:
        nomem(st, t)
        return
    goto(st, t, labels.TC_RECLAIM)


@compiled
def nomem(st: State, t: int) -> None:
    """The charge fails, unless __GFP_HIGH or __GFP_NOFAIL forces it over every limit."""
    if st.tc_gfp[t] & (labels.GFP_HIGH | labels.GFP_NOFAIL):
        st.tc_level[t] = st.tc_memcg[t]
        goto(st, t, labels.TC_FORCE)
        return
    goto(st, t, labels.TC_DONE)


@compiled
def reclaim_from(st: State, root: int) -> int:
    """A memcg in the subtree of `root` that has reclaimable user pages; -1 if none."""
    for m in range(1, st.memcg_rows):
        if st.memcg_user[m] > 0 and below(st, m, root):
            return m
    return -1


@compiled
def tc_reclaim(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Reclaim user pages below the memcg that was over its limit: one memcg's pages at a time."""
    victim = reclaim_from(st, st.tc_over[t])
    st.tc_reclaimed[t] = 0
    if victim < 0:
        goto(st, t, labels.TC_MARGIN)
        return
    pages = min(st.memcg_user[victim], st.tc_pages[t])
    st.memcg_user[victim] -= pages
    st.tc_reclaimed[t] = pages
    uncharge(st, t, victim, pages, labels.TC_MARGIN)


@compiled
def tc_margin(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """mem_cgroup_margin: room for tc_pages means another try; else the one drain of this call, then the retry rules."""
    over = st.tc_over[t]
    if st.memcg_max[over] - st.memcg_usage[over] >= st.tc_pages[t]:
        goto(st, t, labels.TC_CONSUME)
        return
    if st.tc_drained[t] == 0:
        st.tc_drained[t] = 1
        goto(st, t, labels.TC_DRAIN)
        return
    goto(st, t, labels.TC_AFTER_DRAIN)


@compiled
def tc_drain(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """drain_all_stock of the memcg that was over its limit, then the whole charge again from the stock on."""
    drain_all_stock(st, t, st.tc_over[t], labels.TC_CONSUME)


@compiled
def tc_after_drain(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Retry after progress on a cheap request, else while retries last, else the OOM killer."""
    if st.tc_gfp[t] & labels.GFP_NORETRY:
        nomem(st, t)
    elif st.tc_reclaimed[t] > 0 and st.tc_pages[t] <= COSTLY_PAGES:
        goto(st, t, labels.TC_CONSUME)
    elif st.tc_retries[t] > 0:
        st.tc_retries[t] -= 1
        goto(st, t, labels.TC_CONSUME)
    else:
        goto(st, t, labels.TC_OOM)


@compiled
def tc_oom(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """mem_cgroup_oom: only for cheap requests, and only while there is a victim with user pages."""
    victim = reclaim_from(st, st.tc_over[t])
    if st.tc_pages[t] > OOM_MAX_PAGES or victim < 0:
        nomem(st, t)
        return
    pages = st.memcg_user[victim]
    st.memcg_user[victim] = 0
    st.tc_retries[t] = prog.nr_retries
    uncharge(st, t, victim, pages, labels.TC_CONSUME)


@compiled
def tc_force(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """page_counter_charge: exactly n pages at every level, over the limit if need be."""
    m = st.tc_level[t]
    st.memcg_usage[m] += st.tc_pages[t]
    if st.memcg_usage[m] > st.memcg_max[m]:
        st.memcg_over[m] = 1
    st.tc_level[t] = st.memcg_parent[m]
    if st.memcg_parent[m] < 0:
        st.tc_ok[t] = 1
        goto(st, t, labels.TC_DONE)


@compiled
def tc_done(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """try_charge_memcg returns; tc_ok stays for the caller, the other registers are cleared."""
    goto(st, t, st.tc_ret[t])
    st.tc_memcg[t] = 0
    st.tc_pages[t] = 0
    st.tc_batch[t] = 0
    st.tc_level[t] = 0
    st.tc_over[t] = 0
    st.tc_retries[t] = 0
    st.tc_drained[t] = 0
    st.tc_reclaimed[t] = 0
    st.tc_gfp[t] = 0
    st.tc_ret[t] = 0


# The steps of try_charge_memcg.
try_charge_step = piece(
    tc_consume, tc_consume_body, tc_level, tc_undo, tc_undo_below, tc_failed, tc_reclaim, tc_margin, tc_drain,
    tc_after_drain, tc_oom, tc_force, tc_done,
)  # fmt: skip
