"""The per-CPU page stock of memcgs: lock, refill, drain of a slot."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels, planted
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import hazard, touch_cpu, touch_memcg
from percpu_fuzz.engine.core.primitives import call_rcu, goto, preempt_off, preempt_on
from percpu_fuzz.engine.core.records import NR_LOG, NR_PAGE_STOCK, Prog, State, Topo
from percpu_fuzz.engine.core.stages import MEMCG_FREED, MEMCG_OFFLINE, RCU_CSS
from percpu_fuzz.engine.kernel.page_counter import uncharge

STOCK_MAX = 64


@compiled
def trylock_fails(prog: Prog, st: State) -> bool:
    """An injected failure of a local trylock: as data, by how many were tried before."""
    st.nr_trylocks += 1
    return prog.fail_trylock[st.nr_trylocks % NR_LOG] == 1


@compiled
def page_stock_trylock(prog: Prog, st: State, t: int, a: int) -> bool:
    """local_trylock of CPU a's page stock; it fails in an interrupt that came while the lock was held."""
    if st.ps_owner[a] != 0 or trylock_fails(prog, st):
        hazard(st, 8)
        return False
    st.ps_owner[a] = t + 1
    preempt_off(st, t)
    return True


@compiled
def css_get(st: State, m: int) -> None:
    """One css reference more: css_free has to wait for its css_put."""
    st.memcg_ref[m] += 1


@compiled
def css_put(st: State, m: int) -> None:
    """Drop a css reference; the last one queues css_free behind a grace period."""
    st.memcg_ref[m] -= 1
    if st.memcg_ref[m] == 0 and m != 0 and st.memcg_state[m] == MEMCG_OFFLINE:
        st.memcg_state[m] = MEMCG_FREED
        touch_memcg(st, m)
        call_rcu(st, RCU_CSS, m)


@compiled
def refill_stock(st: State, t: int, m: int, nr_pages: int, ret: int) -> None:
    """refill_stock(m, nr_pages), then go on at `ret`."""
    st.rs_memcg[t] = m
    st.rs_pages[t] = nr_pages
    st.rs_ret[t] = ret
    goto(st, t, labels.RS_LOCK)


@compiled
def finish_refill(st: State, t: int) -> int:
    """Clear refill_stock's registers; the label to go on at."""
    ret = st.rs_ret[t]
    st.rs_memcg[t] = 0
    st.rs_pages[t] = 0
    st.rs_slot[t] = 0
    st.rs_evict[t] = 0
    st.rs_ret[t] = 0
    return ret


@compiled
def rs_lock(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """refill_stock: more than MEMCG_CHARGE_BATCH pages, or a failed trylock, go straight to the counters."""
    m, pages = st.rs_memcg[t], st.rs_pages[t]
    if prog.v_slip == planted.SLIP_BIG_REFILL and pages > STOCK_MAX:
        goto(st, t, finish_refill(st, t))
        return
    if pages > STOCK_MAX or not page_stock_trylock(prog, st, t, st.task_cpu[t]):
        uncharge(st, t, m, pages, finish_refill(st, t))
        return
    goto(st, t, labels.RS_BODY)


@compiled
def rs_body(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Add to the memcg's slot, or take an empty one, or start to drain the one to evict."""
    a, m = st.task_cpu[t], st.rs_memcg[t]
    empty = -1
    for i in range(NR_PAGE_STOCK):
        if st.ps_memcg[a, i] == m:
            refill_match(prog, st, t, a, i)
            return
        if empty < 0 and st.ps_memcg[a, i] < 0:
            empty = i
    if empty >= 0:
        take_slot(prog, st, t, a, empty)
        return
    st.rs_slot[t] = st.ps_next[a]
    st.rs_evict[t] = 1
    st.ps_next[a] = (st.ps_next[a] + 1) % NR_PAGE_STOCK
    old = st.ps_memcg[a, st.rs_slot[t]]
    lost = prog.v_slip == planted.SLIP_EVICT
    uncharge(st, t, old, 0 if lost else st.ps_pages[a, st.rs_slot[t]], labels.RS_DRAINED)


@compiled
def refill_match(prog: Prog, st: State, t: int, a: int, i: int) -> None:
    """The memcg's slot grows; above MEMCG_CHARGE_BATCH pages it is drained whole (cut there by the mutant `cap`)."""
    st.ps_pages[a, i] += st.rs_pages[t]
    if st.ps_pages[a, i] > STOCK_MAX and prog.v_slip != planted.SLIP_FAT_SLOT:
        if prog.v_cap == 1:
            st.ps_pages[a, i] = STOCK_MAX
        else:
            st.rs_slot[t] = i
            uncharge(st, t, st.ps_memcg[a, i], st.ps_pages[a, i], labels.RS_DRAINED)
            return
    unlock_refill(st, t, a)


@compiled
def take_slot(prog: Prog, st: State, t: int, a: int, i: int) -> None:
    """An empty slot caches the memcg with these pages and a css reference (H10 if drain work is queued); unlock."""
    css_get(st, st.rs_memcg[t])
    st.ps_memcg[a, i] = st.rs_memcg[t]
    if st.ps_queued[a] > 0:
        hazard(st, 10)
    st.ps_pages[a, i] = st.rs_pages[t]
    if prog.v_slip == planted.SLIP_FRESH and i > 0:
        st.ps_pages[a, i] += st.ps_pages[a, i - 1]
    if prog.v_slip == planted.SLIP_GARBAGE:
        st.ps_pages[a, i] = planted.GARBAGE + 3 * (a % 2)
    unlock_refill(st, t, a)


@compiled
def unlock_refill(st: State, t: int, a: int) -> None:
    """End of refill_stock: the page stock is unlocked; back to the caller."""
    touch_cpu(st, a)
    st.ps_owner[a] = 0
    preempt_on(st, t)
    goto(st, t, finish_refill(st, t))


@compiled
def clear_page_slot(st: State, a: int, i: int) -> None:
    """The end of drain_stock: the pages are uncharged, the slot and its css reference go."""
    old = st.ps_memcg[a, i]
    st.ps_memcg[a, i] = -1
    st.ps_pages[a, i] = 0
    css_put(st, old)


@compiled
def rs_drained(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """drain_stock's end in refill_stock: the slot is cleared; an evicted one goes to the new memcg."""
    a, i = st.task_cpu[t], st.rs_slot[t]
    clear_page_slot(st, a, i)
    if st.rs_evict[t] == 1:
        take_slot(prog, st, t, a, i)
        return
    unlock_refill(st, t, a)


# The steps of refill_stock.
page_stock_step = piece(rs_lock, rs_body, rs_drained)
