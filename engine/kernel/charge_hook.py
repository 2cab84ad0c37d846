"""The pre hook: pcpu_memcg_pre_alloc_hook, precharge, unprecharge; base's obj_cgroup_charge."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels, planted
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import hazard, note_pointer, touch_objcg
from percpu_fuzz.engine.core.primitives import ceil_div, goto, preempt_on
from percpu_fuzz.engine.core.records import NR_PAGE_STOCK, Prog, State, Topo
from percpu_fuzz.engine.core.stages import MEMCG_ABSENT, MEMCG_FREED
from percpu_fuzz.engine.kernel.obj_stock import note_traffic, obj_stock_trylock, refill_obj_stock
from percpu_fuzz.engine.kernel.objcg import current_objcg, kmem_add, objcg_get, objcg_put, sibling, usable
from percpu_fuzz.engine.kernel.page_stock import css_get, css_put, refill_stock
from percpu_fuzz.engine.kernel.precharge import full_size, nr_precharge_pages
from percpu_fuzz.engine.kernel.try_charge import try_charge
from percpu_fuzz.engine.variant import CHARGE_BYTES, TOTAL_PAYLOAD

POINTER_BYTES = 8


@compiled
def stat_bytes(topo: Topo, prog: Prog, size_bytes: int) -> int:
    """What MEMCG_PERCPU_B takes for an area: F, or the payload in v1."""
    if prog.v_stat == TOTAL_PAYLOAD:
        return size_bytes * topo.nr_cpus
    if prog.v_metadata == 1:
        return size_bytes * topo.nr_cpus + size_bytes // 4 * POINTER_BYTES
    return full_size(topo, size_bytes)


@compiled
def skip_charge(prog: Prog, st: State, t: int) -> None:
    """Nothing to charge: a percpu request goes on to the allocator, a slab object is not modelled further."""
    if prog.op_kind[t, st.op_i[t]] == labels.OP_KMEM:
        goto(st, t, labels.OP_END)
    else:
        goto(st, t, labels.AL_MUTEX)


@compiled
def pre_alloc_hook(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Open the active scope or bring task->objcgs up to date, then look up the objcg to charge."""
    op = st.op_i[t]
    gfp = prog.op_gfp[t, op]
    if gfp & labels.GFP_ACCOUNT == 0 or prog.v_slip == planted.SLIP_UNCHARGED:
        skip_charge(prog, st, t)
        return
    if gfp & labels.OP_OWN:
        if prog.task_irq[t] == 1:
            skip_charge(prog, st, t)
        elif st.task_update[t] == 1 and prog.v_slip != planted.SLIP_MOVED:
            st.task_update[t] = 2
            st.r_nid[t] = 0
            goto(st, t, labels.RF_PUT)
        else:
            goto(st, t, labels.AL_CURRENT)
        return
    m = prog.op_memcg[t, op]
    if st.memcg_state[m] in (MEMCG_ABSENT, MEMCG_FREED) or m == 0:
        skip_charge(prog, st, t)
        return
    hazard(st, 16)
    css_get(st, m)
    st.r_scope[t] = m
    goto(st, t, labels.AL_CURRENT)


@compiled
def rf_put(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """current_objcg_update, first half: each old entry is exchanged for NULL and put."""
    nid = st.r_nid[t]
    if nid >= topo.nr_nodes:
        st.r_nid[t] = 0
        goto(st, t, labels.RF_GET)
        return
    st.r_nid[t] = nid + 1
    o = st.task_objcg[t, nid]
    if o >= 0:
        st.task_objcg[t, nid] = -1
        note_pointer(topo, st, t, o, -1)
        if prog.v_slip == planted.SLIP_TASK_PUT:
            touch_objcg(st, o)
            return
        objcg_put(prog, topo, st, t, o, labels.RF_PUT)


@compiled
def rf_get(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Second half: an entry a node from the task's memcg, inside one RCU section.

    Before the series there is one pointer: the objcg of the node where the task runs as it looks, once.
    """
    nid = st.r_nid[t]
    if prog.v_task_objcg == 1:
        nid = topo.act_node[st.task_cpu[t]]
    o = current_objcg(topo, st, st.task_memcg[t], nid)
    if o >= 0:
        objcg_get(prog, topo, st, t, o)
    st.task_objcg[t, nid] = o
    if o >= 0:
        note_pointer(topo, st, t, o, 1)
    st.r_nid[t] = nid + 1
    if st.r_nid[t] >= topo.nr_nodes or prog.v_task_objcg == 1:
        st.r_nid[t] = 0
        if st.task_update[t] == 1:  # moved again meanwhile: the flag is not cleared, all is exchanged once more
            st.task_update[t] = 2
            goto(st, t, labels.RF_PUT)
            return
        st.task_update[t] = 0
        # A refresh nested in a sleeping allocation goes back to it; its borrowed objcg may be gone (H15).
        goto(st, t, labels.AL_MUTEX if st.r_objcg[t] >= 0 else labels.AL_CURRENT)


@compiled
def own_objcg(topo: Topo, prog: Prog, st: State, t: int, nid: int) -> int:
    """task->objcgs[nid], or the one task->objcg of before the series, whichever node it was made for."""
    if prog.v_task_objcg == 1:
        for n in range(topo.nr_nodes):
            if st.task_objcg[t, n] >= 0:
                return st.task_objcg[t, n]
        return -1
    return st.task_objcg[t, nid]


@compiled
def al_current(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """current_obj_cgroup by the node of the CPU: borrowed, no reference taken."""
    op = st.op_i[t]
    nid = topo.act_node[st.task_cpu[t]]
    if prog.op_gfp[t, op] & labels.OP_OWN:
        o = own_objcg(topo, prog, st, t, nid)
    else:
        up = prog.v_slip == planted.SLIP_SCOPE_UP
        o = current_objcg(topo, st, st.memcg_parent[st.r_scope[t]] if up else st.r_scope[t], nid)
    if o < 0:
        skip_charge(prog, st, t)
        return
    size_bytes = ceil_div(prog.op_bytes[t, op], 4) * 4
    st.r_objcg[t] = o
    st.r_full[t] = stat_bytes(topo, prog, size_bytes)
    if prog.op_kind[t, op] == labels.OP_KMEM:
        st.r_full[t] = size_bytes
        goto(st, t, labels.AL_CHARGE_BYTES)
    elif prog.v_charge == CHARGE_BYTES:
        goto(st, t, labels.AL_CHARGE_BYTES)
    else:
        st.r_precharge[t] = nr_precharge_pages(topo, prog, size_bytes)
        goto(st, t, labels.AL_PRECHARGE)


@compiled
def al_precharge(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_precharge: the memcg that the objcg points at now."""
    o = st.r_objcg[t]
    if prog.v_precharge_via == 1:
        o = sibling(topo, st, o, topo.nr_nodes - 1)
    if not usable(prog, topo, st, t, o):
        return
    m = st.objcg_memcg[o]
    css_get(st, m)
    st.r_memcg[t] = m
    st.r_ops[t] += 1
    st.r_from[t] = st.task_cpu[t] + 1
    try_charge(prog, st, t, m, st.r_precharge[t], prog.op_gfp[t, st.op_i[t]], labels.AL_PRECHARGED)


@compiled
def al_precharged(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_precharge returns: css_put; a failure ends the operation, else the pages are in flight from here."""
    css_put(st, st.r_memcg[t])
    st.r_memcg[t] = 0
    if st.tc_ok[t] == 0:
        st.nr_charge_fail += 1
        st.r_charged[t] = 2
        goto(st, t, labels.OP_END)
        return
    st.tc_ok[t] = 0
    st.r_charged[t] = 1
    st.in_flight += st.r_precharge[t]
    st.in_flight_max = max(st.in_flight_max, st.in_flight)
    own = prog.op_gfp[t, st.op_i[t]] & labels.OP_OWN != 0
    if prog.nested_refresh == 1 and own and st.task_update[t] == 1:
        st.task_update[t] = 2
        st.r_nid[t] = 0
        goto(st, t, labels.RF_PUT)
        return
    goto(st, t, labels.AL_MUTEX)
    if prog.v_slip == planted.SLIP_PARK:
        refill_stock(st, t, st.objcg_memcg[st.r_objcg[t]], st.r_precharge[t], labels.AL_MUTEX)


@compiled
def unpark(st: State, t: int, nr_pages: int) -> bool:
    """What was parked is taken out of this CPU's stock again, if it is still there (planted slip)."""
    a, m = st.task_cpu[t], st.objcg_memcg[st.r_objcg[t]]
    for i in range(NR_PAGE_STOCK):
        if st.ps_memcg[a, i] == m and st.ps_pages[a, i] >= nr_pages:
            st.ps_pages[a, i] -= nr_pages
            return True
    return False


@compiled
def al_charge_bytes(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_charge: first from the byte stock."""
    st.r_ops[t] += 1
    if obj_stock_trylock(prog, st, t, st.task_cpu[t]):
        goto(st, t, labels.AL_CHARGE_BYTES_BODY)
        return
    goto(st, t, labels.AL_CHARGE_PAGES)


@compiled
def al_charge_bytes_body(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """consume_obj_stock (base, slab): the bytes from this CPU's slot if it holds enough, else whole pages; unlock."""
    a, o = st.task_cpu[t], st.r_objcg[t]
    goto(st, t, labels.AL_CHARGE_PAGES)
    for i in range(prog.v_obj_slots):
        if st.os_objcg[a, i] == o:
            if st.os_bytes[a, i] >= st.r_full[t]:
                st.os_bytes[a, i] -= st.r_full[t]
                note_traffic(st, o, a + 1)
                charged_bytes(prog, st, t)
            break
    st.os_owner[a] = 0
    preempt_on(st, t)


@compiled
def charged_bytes(prog: Prog, st: State, t: int) -> None:
    """The bytes are paid for: a percpu area goes to the allocator, a slab object is there."""
    st.r_charged[t] = 1
    if prog.op_kind[t, st.op_i[t]] == labels.OP_KMEM:
        goto(st, t, labels.PO_ENTRY)
    else:
        goto(st, t, labels.AL_MUTEX)


@compiled
def al_charge_pages(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_charge_pages(ceil(bytes / P))."""
    o = st.r_objcg[t]
    if not usable(prog, topo, st, t, o):
        return
    m = st.objcg_memcg[o]
    css_get(st, m)
    st.r_memcg[t] = m
    pages = ceil_div(st.r_full[t], topo.page_size)
    try_charge(prog, st, t, m, pages, prog.op_gfp[t, st.op_i[t]], labels.AL_CHARGED_PAGES)


@compiled
def al_charged_pages(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_charge_pages returns (base, slab): KMEM grows by ceil(bytes / P), the rest refills the byte stock."""
    o, m = st.r_objcg[t], st.r_memcg[t]
    css_put(st, m)
    st.r_memcg[t] = 0
    if st.tc_ok[t] == 0:
        st.nr_charge_fail += 1
        st.r_charged[t] = 2
        goto(st, t, labels.OP_END)
        return
    st.tc_ok[t] = 0
    pages = ceil_div(st.r_full[t], topo.page_size)
    kmem_add(topo, st, t, o, m, pages)
    rest = pages * topo.page_size - st.r_full[t]
    charged_bytes(prog, st, t)
    if rest > 0:
        refill_obj_stock(st, t, o, rest, 0, st.pc[t])


@compiled
def unprecharge(topo: Topo, prog: Prog, st: State, t: int, nr_pages: int, ret: int) -> None:
    """obj_cgroup_unprecharge(stored objcg, nr_pages), then go on at `ret`."""
    st.r_refunded[t] += nr_pages
    st.in_flight -= st.r_precharge[t]
    st.r_nid[t] = nr_pages
    st.r_page[t] = ret
    goto(st, t, labels.UN_REFILL)


@compiled
def un_refill(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_unprecharge: r_nid pages to refill_stock of the stored objcg's memcg unless root; on at r_page."""
    o, ret, pages = st.r_objcg[t], st.r_page[t], st.r_nid[t]
    st.r_page[t] = 0
    st.r_nid[t] = 0
    st.r_ops[t] += 1
    if st.r_from[t] != st.task_cpu[t] + 1:
        hazard(st, 7)
    if not usable(prog, topo, st, t, o):
        return
    m = st.objcg_memcg[o]
    if prog.v_slip == planted.SLIP_REFUND_UP and m > 0:
        m = st.memcg_parent[m]
    if prog.v_slip == planted.SLIP_PARK:
        if unpark(st, t, st.r_precharge[t]):
            pages = st.r_refunded[t]
        else:
            pages = 0
    if m == 0 or pages == 0:
        goto(st, t, ret)
        return
    refill_stock(st, t, m, pages, ret)


# The steps of the pre hook, and UN_REFILL: the refund of a precharge.
pre_step = piece(
    rf_put, rf_get, al_current, al_precharge, al_precharged, al_charge_bytes, al_charge_bytes_body, al_charge_pages,
    al_charged_pages, un_refill,
)  # fmt: skip
