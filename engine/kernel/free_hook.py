"""free_percpu and pcpu_memcg_free_hook: one pcpu_lock section with interrupts off; remote CPUs run freely meanwhile."""

from __future__ import annotations

from percpu_fuzz.engine import variant
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import I3, forget_live, hazard, touch_objcg, violate
from percpu_fuzz.engine.core.planted import SLIP_FREE_EXT, SLIP_FREE_WALK, SLIP_NEXT_NODE, SLIP_PUT
from percpu_fuzz.engine.core.primitives import (
    HOLDS,
    WORK,
    ceil_div,
    goto,
    preempt_off,
    preempt_on,
    rcu_lock,
    rcu_unlock,
    stir,
)
from percpu_fuzz.engine.core.records import NR_LOG, Prog, State, Topo
from percpu_fuzz.engine.core.stages import CHUNK_DYNAMIC
from percpu_fuzz.engine.kernel.accumulate import accumulate, add_exts, add_payload, next_node
from percpu_fuzz.engine.kernel.charge_hook import stat_bytes
from percpu_fuzz.engine.kernel.chunks import (
    EMPTY_POP_PAGES_HIGH,
    count_free_chunks,
    drop_area,
    free_slot,
    has_exts,
    isolate,
    release_row,
)
from percpu_fuzz.engine.kernel.obj_stock import obj_uncharge
from percpu_fuzz.engine.kernel.objcg import objcg_nid, objcg_put, sibling, usable
from percpu_fuzz.engine.kernel.post_each_page import page_bytes


@compiled
def fr_begin(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_lock, interrupts off; the area's bits go, then its entry is read and cleared."""
    slot = st.r_slot[t]
    r = st.slot_area[slot]
    if r < 0:
        goto(st, t, labels.OP_END)
        return
    st.slot_area[slot] = -1
    st.r_area[t] = r
    st.nr_free += 1
    if st.area_chunk[r] < 0:
        slab_free(topo, prog, st, t, r)
        return
    a = st.task_cpu[t]
    st.pcpu_lock = t + 1
    stir(st, HOLDS)
    st.cpu_irqs_off[a] = 1
    preempt_off(st, t)
    rcu_lock(st, t)  # interrupts off: no grace period ends before they are on again
    drop_area(topo, st, r)
    o = st.area_entry[r]
    if o < 0 or not has_exts(st, st.area_chunk[r]):
        forget_live(topo, st, r)  # nothing, unless the entry was lost
        goto(st, t, labels.FR_UNLOCK)
        return
    clear_entry(topo, prog, st, t, r, o)


@compiled
def clear_entry(topo: Topo, prog: Prog, st: State, t: int, r: int, o: int) -> None:
    """pcpu_memcg_free_hook: the obj_exts entry becomes NULL; the hook holds its reference until FR_PUT (H4, H17)."""
    st.r_objcg[t] = o
    st.r_held[t] = 1
    st.area_entry[r] = -1
    st.area_acct[r] = 0
    touch_objcg(st, o)
    if st.objcg_memcg[o] != o // topo.nr_nodes:
        hazard(st, 4)
    if prog.task_irq[t] == 1 or topo.act_node[st.task_cpu[t]] != o % topo.nr_nodes:
        hazard(st, 17)
    if prog.v_entry == 1 and st.stale_n < NR_LOG:
        st.stale_chunk[st.stale_n] = st.area_chunk[r]
        st.stale_off[st.stale_n] = st.area_off[r]
        st.stale_entry[st.stale_n] = o
        st.stale_n += 1
    goto(st, t, labels.FR_ACCUMULATE)


@compiled
def slab_free(topo: Topo, prog: Prog, st: State, t: int, r: int) -> None:
    """A slab object: its exact bytes through the stored objcg, then the reference."""
    o = st.area_entry[r]
    st.r_objcg[t] = o
    st.r_held[t] = 1
    st.area_acct[r] = 0
    forget_live(topo, st, r)
    obj_uncharge(st, t, o, st.area_bytes[r], labels.SL_PUT)


@compiled
def sl_put(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """End of a slab free: the object's entry becomes NULL, obj_cgroup_put drops its reference."""
    r = st.r_area[t]
    st.area_entry[r] = -1
    st.r_held[t] = 0
    objcg_put(prog, topo, st, t, st.r_objcg[t], labels.SL_FREED)


@compiled
def sl_freed(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The slab object's row may be used again; the operation ends."""
    release_row(st, st.r_area[t])
    goto(st, t, labels.OP_END)


@compiled
def fr_accumulate(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The same walk as at alloc (I3); base and split uncharge F on the stored objcg before the stat."""
    r, o = st.r_area[t], st.r_objcg[t]
    st.r_full[t] = stat_bytes(topo, prog, st.area_bytes[r])
    if prog.v_free == variant.FREE_STORED:
        charged = st.r_full[t]
        forget_live(topo, st, r)
        obj_uncharge(st, t, o, charged, labels.FR_STAT)
        return
    accumulate(topo, prog, st, st.area_chunk[r], st.area_off[r], st.area_bytes[r], st.node_bytes, t)
    slip_at_free(topo, prog, st, t, r)
    total = 0
    for n in range(topo.nr_nodes):
        total += st.node_bytes[t, n]
        if st.node_bytes[t, n] != st.l_bytes[r, n]:
            violate(st, t, st.pc[t], I3, st.l_bytes[r, n], st.node_bytes[t, n])
    want = st.area_bytes[r] * topo.nr_cpus
    if prog.v_ext == 1 or prog.v_judge & variant.JUDGE_EXACT:
        want += st.area_bytes[r] // 4 * topo.ext_size
    if total != want:
        violate(st, t, st.pc[t], I3, want, total)
    forget_live(topo, st, r)
    goto(st, t, labels.FR_STAT)


@compiled
def slip_at_free(topo: Topo, prog: Prog, st: State, t: int, r: int) -> None:
    """Planted slips of the walk at free."""
    if prog.v_slip == SLIP_FREE_WALK or prog.v_slip == SLIP_FREE_EXT:
        for n in range(topo.nr_nodes):
            st.node_bytes[t, n] = 0
        walk = variant.WALK_SIZE if prog.v_slip == SLIP_FREE_WALK else prog.v_walk
        add_payload(topo, prog, st, st.area_chunk[r], st.area_off[r], st.area_bytes[r], walk, st.node_bytes, t)
        if prog.v_slip == SLIP_FREE_WALK:
            add_exts(topo, st, st.area_chunk[r], st.area_off[r], st.area_bytes[r], st.node_bytes, t)


@compiled
def fr_stat(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """MEMCG_PERCPU_B falls; v2 opens the RCU section here and keeps it over the uncharges."""
    o = st.r_objcg[t]
    if not usable(prog, topo, st, t, o):
        return
    m = st.objcg_memcg[o]
    if prog.v_stat != 2:
        st.memcg_percpu[m] -= st.r_full[t]
    if prog.v_free == variant.FREE_STORED:
        goto(st, t, labels.FR_PUT)
        return
    st.r_nid[t] = -1
    if prog.v_free == variant.FREE_EACH_PAGE:
        st.r_page[t] = -1
        goto(st, t, labels.FR_PAGE)
        return
    goto(st, t, labels.FR_NODE)


@compiled
def fr_node(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The free hook's loop: the next online node with bytes (a sibling needs no loads); after the last the put."""
    nid = next_node(topo, prog, st, st.node_bytes, t, st.r_nid[t] + 1)
    if nid >= topo.nr_nodes:
        goto(st, t, labels.FR_PUT)
        return
    st.r_nid[t] = nid
    if prog.v_lookup == variant.LOOKUP_NODEINFO:
        goto(st, t, labels.FR_NID_MEMCG)
        return
    if prog.v_slip == SLIP_NEXT_NODE:
        nid = (nid + 1) % topo.nr_nodes
    st.r_nobjcg[t] = sibling(topo, st, st.r_objcg[t], nid)
    goto(st, t, labels.FR_UNCHARGE)


@compiled
def fr_nid_memcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_nid, first load: the stored objcg's memcg of this moment."""
    st.r_memcg[t] = st.objcg_memcg[st.r_objcg[t]]
    goto(st, t, labels.FR_NID_OBJCG)


@compiled
def fr_nid_objcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_nid, second load: NULL (-1) once that memcg's node was reparented (I18 at the use)."""
    if st.objcg_memcg[st.r_objcg[t]] != st.r_memcg[t]:
        hazard(st, 1)
    st.r_nobjcg[t] = objcg_nid(topo, st, st.r_memcg[t], st.r_nid[t])
    st.r_memcg[t] = 0
    goto(st, t, labels.FR_UNCHARGE)


@compiled
def fr_uncharge(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_uncharge of the node's exact bytes."""
    o, nid = st.r_nobjcg[t], st.r_nid[t]
    if not usable(prog, topo, st, t, o):
        return
    st.r_nobjcg[t] = -1
    nr_bytes = st.node_bytes[t, nid]
    if prog.v_free == variant.FREE_PAGES_UP:
        nr_bytes = ceil_div(nr_bytes, topo.page_size) * topo.page_size
    obj_uncharge(st, t, o, nr_bytes, labels.FR_NODE)


@compiled
def fr_page(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: one uncharge for each possible CPU and page, CPU-major."""
    nr_pages = ceil_div(st.area_bytes[st.r_area[t]], topo.page_size)
    st.r_page[t] += 1
    if st.r_page[t] >= topo.nr_cpus * nr_pages:
        goto(st, t, labels.FR_PUT)
        return
    goto(st, t, labels.FR_PAGE_MEMCG)


@compiled
def fr_page_memcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: obj_cgroup_nid for this page, first load."""
    st.r_memcg[t] = st.objcg_memcg[st.r_objcg[t]]
    goto(st, t, labels.FR_PAGE_OBJCG)


@compiled
def fr_page_objcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: second load, by the node of this CPU's page; its bytes, counted from the size alone, go to the byte stock."""
    r = st.r_area[t]
    nr_pages = ceil_div(st.area_bytes[r], topo.page_size)
    cpu, i = st.r_page[t] // nr_pages, st.r_page[t] % nr_pages
    nid = st.page_node[st.area_chunk[r], cpu, st.area_off[r] // topo.page_size + i]
    o = objcg_nid(topo, st, st.r_memcg[t], nid)
    st.r_memcg[t] = 0
    if usable(prog, topo, st, t, o):
        obj_uncharge(st, t, o, page_bytes(topo, st.area_bytes[r], i), labels.FR_PAGE)


@compiled
def fr_put(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_put of the reference that the entry held; a last one runs the release under pcpu_lock."""
    st.r_held[t] = 0
    if prog.v_slip == SLIP_PUT:
        touch_objcg(st, st.r_objcg[t])
        goto(st, t, labels.FR_UNLOCK)
        return
    objcg_put(prog, topo, st, t, st.r_objcg[t], labels.FR_UNLOCK)


@compiled
def fr_unlock(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Whether the chunk is isolated or balance work asked for is decided under the lock."""
    r, a = st.r_area[t], st.task_cpu[t]
    c = st.area_chunk[r]
    release_row(st, r)
    if st.chunk_state[c] == CHUNK_DYNAMIC:
        after_free(topo, st, c)
    st.pcpu_lock = 0
    stir(st, HOLDS)
    st.cpu_irqs_off[a] = 0
    rcu_unlock(st, t)
    preempt_on(st, t)
    goto(st, t, labels.OP_END)


@compiled
def after_free(topo: Topo, st: State, c: int) -> None:
    """free_percpu: a wholly free chunk beside another free one, or too many empty pages, call for balance work."""
    if st.chunk_isolated[c] == 0 and st.chunk_head[c] < 0:
        if count_free_chunks(topo, st) > 1 or st.chunk_slot[c] != free_slot(topo):
            st.balance_queued = 1
            stir(st, WORK)
        return
    many = st.nr_empty_pop > EMPTY_POP_PAGES_HIGH + st.chunk_empty[c] and st.chunk_empty[c] >= topo.unit_pages // 4
    if (st.chunk_isolated[c] == 1 and st.chunk_empty[c] > 0) or (st.chunk_isolated[c] == 0 and many):
        isolate(topo, st, c)
        st.balance_queued = 1
        stir(st, WORK)


# The steps of free_percpu with its hook, and of a slab object's free.
free_step = piece(
    fr_begin, fr_accumulate, fr_stat, fr_node, fr_nid_memcg, fr_nid_objcg, fr_uncharge, fr_page, fr_page_memcg,
    fr_page_objcg, fr_put, fr_unlock, sl_put, sl_freed,
)  # fmt: skip
