"""The per-CPU byte stock of objcgs: refill, eviction, drain of a slot."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import I4, hazard, touch_cpu, touch_objcg, violate
from percpu_fuzz.engine.core.planted import SLIP_BOUND, SLIP_DRAIN_KMEM, SLIP_DUPLICATE, SLIP_KEEP, SLIP_MATCH
from percpu_fuzz.engine.core.primitives import goto, preempt_off, preempt_on
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.core.stages import ATOMIC
from percpu_fuzz.engine.kernel.objcg import kmem_add, objcg_get, objcg_put, ref_row, usable
from percpu_fuzz.engine.kernel.page_counter import uncharge
from percpu_fuzz.engine.kernel.page_stock import css_get, css_put, refill_stock, trylock_fails

U16_MAX = 65535


@compiled
def note_traffic(st: State, o: int, mark: int) -> None:
    """Remember whether all of an objcg's stock traffic was on one CPU (I12's W == 0 holds only then)."""
    if st.objcg_moved[o] == 0:
        st.objcg_moved[o] = mark
    elif st.objcg_moved[o] != mark:
        st.objcg_moved[o] = 100


@compiled
def obj_uncharge(st: State, t: int, o: int, nr_bytes: int, ret: int) -> None:
    """obj_cgroup_uncharge: hand bytes to the stock, letting whole pages go back."""
    refill_obj_stock(st, t, o, nr_bytes, 1, ret)


@compiled
def refill_obj_stock(st: State, t: int, o: int, nr_bytes: int, allow_uncharge: int, ret: int) -> None:
    """refill_obj_stock(o, nr_bytes, allow_uncharge), then go on at `ret`."""
    st.ro_objcg[t] = o
    st.ro_bytes[t] = nr_bytes
    st.ro_allow[t] = allow_uncharge
    st.ro_ret[t] = ret
    st.r_ops[t] += 1
    goto(st, t, labels.RO_LOCK)


@compiled
def finish_obj_refill(st: State, t: int) -> int:
    """Clear refill_obj_stock's registers; the label to go on at."""
    ret = st.ro_ret[t]
    st.ro_objcg[t] = -1
    st.ro_bytes[t] = 0
    st.ro_allow[t] = 0
    st.ro_slot[t] = 0
    st.ro_ret[t] = 0
    return ret


@compiled
def obj_stock_trylock(prog: Prog, st: State, t: int, a: int) -> bool:
    """local_trylock of CPU a's byte stock; it fails in an interrupt that came while it was held, or injected (H8)."""
    if st.os_owner[a] != 0 or trylock_fails(prog, st):
        hazard(st, 8)
        return False
    st.os_owner[a] = t + 1
    preempt_off(st, t)
    return True


@compiled
def note_late_bytes(prog: Prog, topo: Topo, st: State, o: int) -> None:
    """H25: release reads nr_charged_bytes once, so bytes that come after the last put are lost."""
    if o < 0:
        return
    row = ref_row(prog, topo, o)
    if st.objcg_state[row] >= ATOMIC and st.objcg_ref[row] <= 0:
        hazard(st, 25)


@compiled
def ro_lock(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """A failed trylock parks the sub-page bytes in nr_charged_bytes and uncharges whole pages at once."""
    o, a = st.ro_objcg[t], st.task_cpu[t]
    note_late_bytes(prog, topo, st, o)
    if not usable(prog, topo, st, t, o):
        return
    if obj_stock_trylock(prog, st, t, a):
        note_traffic(st, o, a + 1)
        goto(st, t, labels.RO_BODY)
        return
    note_traffic(st, o, 100)
    if prog.v_trylock == 0:
        st.objcg_ncb[o] += st.ro_bytes[t] % topo.page_size
    pages = st.ro_bytes[t] // topo.page_size
    ret = finish_obj_refill(st, t)
    uncharge_pages(st, t, o, pages, ret)


@compiled
def ro_body(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Find the objcg's slot, an empty one, or the next to evict."""
    a, o = st.task_cpu[t], st.ro_objcg[t]
    empty = -1
    for i in range(prog.v_obj_slots):
        if st.os_objcg[a, i] == o or slip_match(prog, st, a, i, o):
            if prog.v_slip == SLIP_DUPLICATE and i + 1 < prog.v_obj_slots and st.os_objcg[a, i + 1] < 0:
                continue
            st.ro_slot[t] = i
            st.ro_bytes[t] += st.os_bytes[a, i]
            ro_store(topo, prog, st, t)
            return
        if empty < 0 and st.os_objcg[a, i] < 0:
            empty = i
    if empty >= 0:
        st.ro_slot[t] = empty
        ro_insert(topo, prog, st, t)
        return
    st.ro_slot[t] = st.os_next[a]
    st.os_next[a] = (st.os_next[a] + 1) % prog.v_obj_slots
    if st.task_rcu[t] >= 0 and st.os_objcg[a, st.ro_slot[t]] // topo.nr_nodes == o // topo.nr_nodes:
        hazard(st, 22)
    drain_obj_slot(st, t, a, st.ro_slot[t], labels.RO_INSERT)


@compiled
def slip_match(prog: Prog, st: State, a: int, i: int, o: int) -> bool:
    """The stock is matched by memcg (planted slip: what v3 of the multi-slot stock fixed)."""
    if prog.v_slip != SLIP_MATCH or st.os_objcg[a, i] < 0:
        return False
    return st.objcg_memcg[st.os_objcg[a, i]] == st.objcg_memcg[o]


@compiled
def slot_most(prog: Prog) -> int:
    """Bytes that a slot's 16-bit nr_bytes holds at most; above it whole pages are split off."""
    return 2 * U16_MAX if prog.v_slip == SLIP_BOUND else U16_MAX


@compiled
def take_charged_bytes(prog: Prog, st: State, o: int) -> int:
    """xchg(&objcg->nr_charged_bytes, 0), or what a mutant does instead."""
    taken = st.objcg_ncb[o]
    if prog.v_xchg == 1:
        return 0
    if taken != 0:
        hazard(st, 24)
    st.objcg_ncb[o] = 0
    if prog.v_xchg == 2:
        return 0
    return taken


@compiled
def ro_insert(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Cache the objcg in the slot, with a reference and whatever nr_charged_bytes held."""
    a, o = st.task_cpu[t], st.ro_objcg[t]
    objcg_get(prog, topo, st, t, o)
    if st.fatal == 1:
        return
    st.os_objcg[a, st.ro_slot[t]] = o
    if st.os_queued[a] > 0:
        hazard(st, 10)
    st.ro_bytes[t] += take_charged_bytes(prog, st, o)
    if prog.v_xchg == 3:
        st.ro_bytes[t] &= U16_MAX
    st.ro_allow[t] = 1
    ro_store(topo, prog, st, t)


@compiled
def ro_store(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Store the sum; above a page (uncharge allowed) or above what the slot holds, whole pages go back first."""
    a, total = st.task_cpu[t], st.ro_bytes[t]
    pages = 0
    allow = st.ro_allow[t] == 1 and prog.v_slip != SLIP_KEEP
    if (allow and total > topo.page_size) or total > slot_most(prog):
        pages = total // topo.page_size
        total = total % topo.page_size
    st.os_bytes[a, st.ro_slot[t]] = total
    touch_cpu(st, a)
    if pages > 0:
        uncharge_pages(st, t, st.ro_objcg[t], pages, labels.RO_UNLOCK)
        return
    ro_unlock(topo, prog, st, t)


@compiled
def ro_unlock(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """End of refill_obj_stock: unlock. I4: a refill that may uncharge leaves at most min(P, U16_MAX) bytes."""
    a = st.task_cpu[t]
    most, held = min(topo.page_size, U16_MAX), st.os_bytes[a, st.ro_slot[t]]
    if st.ro_allow[t] == 1 and held > most:
        violate(st, t, st.pc[t], I4, most, held)
    st.os_owner[a] = 0
    preempt_on(st, t)
    goto(st, t, finish_obj_refill(st, t))


@compiled
def uncharge_pages(st: State, t: int, o: int, nr_pages: int, ret: int) -> None:
    """obj_cgroup_uncharge_pages(o, nr_pages), then go on at `ret`."""
    if nr_pages == 0:
        goto(st, t, ret)
        return
    st.up_objcg[t] = o
    st.up_pages[t] = nr_pages
    st.up_ret[t] = ret
    goto(st, t, labels.UP_KMEM)


@compiled
def up_kmem(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_uncharge_pages: KMEM of the objcg's memcg and node falls; unless root's, refill_stock follows."""
    o, pages = st.up_objcg[t], st.up_pages[t]
    m = st.objcg_memcg[o]
    css_get(st, m)
    st.up_memcg[t] = m
    kmem_add(topo, st, t, o, m, -pages)
    if m == 0:
        goto(st, t, labels.UP_DONE)
        return
    refill_stock(st, t, m, pages, labels.UP_DONE)


@compiled
def up_done(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """css_put of the memcg that UP_KMEM pinned; back to the caller."""
    css_put(st, st.up_memcg[t])
    goto(st, t, st.up_ret[t])
    st.up_objcg[t] = -1
    st.up_pages[t] = 0
    st.up_memcg[t] = 0
    st.up_ret[t] = 0


@compiled
def drain_obj_slot(st: State, t: int, a: int, i: int, ret: int) -> None:
    """drain_obj_stock_slot of CPU a's slot i, then go on at `ret`."""
    st.do_cpu[t] = a
    st.do_slot[t] = i
    st.do_ret[t] = ret
    goto(st, t, labels.DO_BYTES)


@compiled
def do_bytes(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Whole pages leave KMEM and the counters directly; the page stock is not used."""
    a, i = st.do_cpu[t], st.do_slot[t]
    o = st.os_objcg[a, i]
    pages = st.os_bytes[a, i] // topo.page_size
    st.os_bytes[a, i] = st.os_bytes[a, i] % topo.page_size
    if pages > 0:
        m = st.objcg_memcg[o]
        kmem_add(topo, st, t, o, m, -pages)
        if prog.v_slip == SLIP_DRAIN_KMEM:
            st.memcg_kmem[m * topo.nr_nodes + o % topo.nr_nodes] += pages
        uncharge(st, t, m, pages, labels.DO_REST)
        return
    do_rest(topo, prog, st, t)


@compiled
def do_rest(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """drain_obj_stock_slot: bytes below a page go to nr_charged_bytes, for the next refill that misses or release."""
    a, i = st.do_cpu[t], st.do_slot[t]
    o = st.os_objcg[a, i]
    if prog.v_drain == 0:
        st.objcg_ncb[o] += st.os_bytes[a, i]
    st.os_bytes[a, i] = 0
    goto(st, t, labels.DO_PUT)


@compiled
def do_put(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Clear the slot and drop its reference; the last one runs the release right here, under the stock lock."""
    a, i = st.do_cpu[t], st.do_slot[t]
    o = st.os_objcg[a, i]
    st.os_objcg[a, i] = -1
    ret = st.do_ret[t]
    st.do_cpu[t] = 0
    st.do_slot[t] = 0
    st.do_ret[t] = 0
    if prog.v_evict == 1:
        touch_objcg(st, o)
        goto(st, t, ret)
        return
    if objcg_put(prog, topo, st, t, o, ret):
        hazard(st, 23)


# The steps of the byte stock: refill, uncharge of whole pages, drain of a slot.
obj_stock_step = piece(ro_lock, ro_body, ro_insert, ro_unlock, up_kmem, up_done, do_bytes, do_rest, do_put)
