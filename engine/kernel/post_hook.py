"""pcpu_memcg_post_alloc_hook, in the patch's order: entry, accumulate, stat, each node, refund."""

from __future__ import annotations

from percpu_fuzz.engine import variant
from percpu_fuzz.engine.core import labels, planted
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import (
    I1,
    I1B,
    I2,
    hazard,
    note_live,
    touch_area,
    touch_objcg,
    violate,
)
from percpu_fuzz.engine.core.primitives import ceil_div, goto, rcu_lock, rcu_unlock
from percpu_fuzz.engine.core.records import NR_LOG, Prog, State, Topo
from percpu_fuzz.engine.kernel.accumulate import accumulate, next_node, pages_of_node
from percpu_fuzz.engine.kernel.charge_hook import unprecharge
from percpu_fuzz.engine.kernel.chunks import has_exts
from percpu_fuzz.engine.kernel.obj_stock import obj_uncharge
from percpu_fuzz.engine.kernel.objcg import kmem_add, objcg_get, objcg_nid, sibling, usable
from percpu_fuzz.engine.kernel.post_each_page import po_page_account
from percpu_fuzz.engine.kernel.precharge import full_size


@compiled
def po_begin(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Success with obj_exts goes on; an area in the first or reserved chunk gets its whole precharge back (H14)."""
    if st.r_charged[t] != 1:
        st.area_entry[st.r_area[t]] = stale_entry(prog, st, st.r_area[t])
        touch_area(st, st.r_area[t])
        goto(st, t, labels.OP_END)
        return
    if has_exts(st, st.area_chunk[st.r_area[t]]):
        goto(st, t, labels.PO_ENTRY)
        return
    hazard(st, 14)
    st.r_charged[t] = 3
    po_undo(topo, prog, st, t)


@compiled
def stale_entry(prog: Prog, st: State, r: int) -> int:
    """What an entry that was never cleared shows to the next area at the same offset (mutant only)."""
    if prog.v_entry == 0 or st.area_chunk[r] < 0:
        return -1
    for i in range(min(st.stale_n, NR_LOG)):
        if st.stale_chunk[i] == st.area_chunk[r] and st.stale_off[i] == st.area_off[r]:
            return st.stale_entry[i]
    return -1


@compiled
def po_undo_begin(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Post hook with chunk NULL: only what the pre hook charged has anything to give back (H13)."""
    if st.r_charged[t] != 1:
        goto(st, t, labels.OP_END)
        return
    hazard(st, 13)
    st.r_charged[t] = 4
    po_undo(topo, prog, st, t)


@compiled
def po_undo(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The failure path: chunk NULL or obj_exts NULL returns what the pre hook charged."""
    if prog.v_charge == variant.CHARGE_BYTES:
        obj_uncharge(st, t, st.r_objcg[t], st.r_full[t], labels.PO_UNDONE)
        return
    pages = st.r_precharge[t]
    if prog.v_refund == 1:
        pages = ceil_div(st.r_full[t], topo.page_size)
    if prog.v_first_refund == 1 and st.r_charged[t] == 3:
        pages = 0
    st.nr_refunded += 1
    unprecharge(topo, prog, st, t, pages, labels.PO_UNDONE)


@compiled
def po_undone(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The failure path ends (no area, or no obj_exts): I2, every precharged page was given back."""
    if prog.v_charge != variant.CHARGE_BYTES and st.r_refunded[t] != st.r_precharge[t]:
        violate(st, t, st.pc[t], I2, st.r_precharge[t], st.r_refunded[t])
    goto(st, t, labels.OP_END)


@compiled
def po_entry(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """1: the reference and the obj_exts entry."""
    o, r = st.r_objcg[t], st.r_area[t]
    if prog.v_get == 0 or st.area_chunk[r] < 0:
        objcg_get(prog, topo, st, t, o)
    if st.fatal == 1:
        return
    if prog.v_slip != planted.SLIP_NO_ENTRY:
        st.area_entry[r] = o
    st.area_acct[r] = 1
    touch_area(st, r)
    touch_objcg(st, o)
    if prog.op_kind[t, st.op_i[t]] == labels.OP_KMEM:
        note_live(st, r, 0, o, st.r_full[t])
        goto(st, t, labels.OP_END)
    else:
        goto(st, t, labels.PO_ACCUMULATE)


@compiled
def po_accumulate(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """2: bytes by node, before any RCU section; single-objcg variants book F on the stored objcg."""
    r = st.r_area[t]
    goto(st, t, labels.PO_STAT)
    if prog.v_charge in (variant.CHARGE_BYTES, variant.CHARGE_SINGLE):
        note_live(st, r, 0, st.r_objcg[t], st.r_full[t])
        return
    accumulate(topo, prog, st, st.area_chunk[r], st.area_off[r], st.area_bytes[r], st.node_bytes, t)
    for n in range(topo.nr_nodes):
        st.l_bytes[r, n] = st.node_bytes[t, n]


@compiled
def po_stat(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """3, 4: MEMCG_PERCPU_B of the stored objcg's memcg."""
    if not usable(prog, topo, st, t, st.r_objcg[t]):
        return
    m = st.objcg_memcg[st.r_objcg[t]]
    if prog.v_slip == planted.SLIP_STAT_PAYLOAD:
        st.memcg_percpu[m] += st.area_bytes[st.r_area[t]] * topo.nr_cpus
    else:
        st.memcg_percpu[m] += st.r_full[t]
    if prog.v_charge == variant.CHARGE_BYTES:
        goto(st, t, labels.OP_END)
        return
    if prog.v_post_rcu == 1:
        rcu_lock(st, t)
    st.r_nid[t] = -1
    if prog.v_charge == variant.CHARGE_SINGLE:
        goto(st, t, labels.PO_ACCOUNT)
        st.r_nobjcg[t] = st.r_objcg[t]
    elif prog.v_charge == variant.CHARGE_PAGES:
        st.r_page[t] = -1
        for n in range(topo.nr_nodes):
            st.node_bytes[t, n] = 0
        goto(st, t, labels.PO_PAGE)
    else:
        goto(st, t, labels.PO_NODE)


@compiled
def po_node(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """5: the next online node with bytes."""
    nid = next_node(topo, prog, st, st.node_bytes, t, st.r_nid[t] + 1)
    if nid >= topo.nr_nodes:
        goto(st, t, labels.PO_REFUND)
        return
    st.r_nid[t] = nid
    goto(st, t, labels.PO_NID_MEMCG)


@compiled
def po_nid_memcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_nid, first load: the stored objcg's memcg. A sibling lookup needs neither load."""
    if prog.v_lookup == variant.LOOKUP_SIBLING:
        st.r_nobjcg[t] = sibling(topo, st, st.r_objcg[t], st.r_nid[t])
        po_account(topo, prog, st, t)
        return
    st.r_memcg[t] = st.objcg_memcg[st.r_objcg[t]]
    goto(st, t, labels.PO_NID_OBJCG)


@compiled
def po_nid_objcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_nid, second load: NULL once this memcg's node was reparented (I18 at the use)."""
    if st.objcg_memcg[st.r_objcg[t]] != st.r_memcg[t]:
        hazard(st, 1)
    st.r_nobjcg[t] = objcg_nid(topo, st, st.r_memcg[t], st.r_nid[t])
    st.r_memcg[t] = 0
    goto(st, t, labels.PO_ACCOUNT)


@compiled
def po_account(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_account_kmem(node's objcg, pages)."""
    o, r = st.r_nobjcg[t], st.r_area[t]
    if prog.v_charge == variant.CHARGE_PAGES:
        po_page_account(topo, prog, st, t)
        return
    if not usable(prog, topo, st, t, o):
        return
    st.r_ops[t] += 1
    nr_bytes = st.r_full[t]
    if prog.v_charge != variant.CHARGE_SINGLE:
        nr_bytes = st.node_bytes[t, st.r_nid[t]]
        note_live(st, r, st.r_nid[t], o, nr_bytes)
    pages = pages_of_node(topo, prog, nr_bytes)
    kmem_add(topo, st, t, o, st.objcg_memcg[o], pages)
    if prog.v_slip == planted.SLIP_ROOT and st.objcg_memcg[o] == 0:
        st.memcg_kmem[o % topo.nr_nodes] -= pages
    st.r_used[t] += pages
    rest = pages * topo.page_size - nr_bytes
    if rest <= 0 or prog.v_remainder == 1:
        after_node(prog, st, t)
    elif prog.v_lookup == variant.LOOKUP_NODEINFO:
        goto(st, t, labels.PO_NID2_MEMCG)
    else:
        goto(st, t, labels.PO_REMAINDER)


@compiled
def after_node(prog: Prog, st: State, t: int) -> None:
    """The stored or looked-up objcg is done with: on to the next node, in split to the refund."""
    st.r_nobjcg[t] = -1
    if prog.v_charge == variant.CHARGE_SINGLE:
        goto(st, t, labels.PO_REFUND)
    else:
        goto(st, t, labels.PO_NODE)


@compiled
def po_nid2_memcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_nid is evaluated a second time for the remainder (H3)."""
    st.r_memcg[t] = st.objcg_memcg[st.r_objcg[t]]
    goto(st, t, labels.PO_NID2_OBJCG)


@compiled
def po_nid2_objcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The remainder's own second load: another objcg than the one accounted is H3, NULL is I18 at the use."""
    if st.objcg_memcg[st.r_objcg[t]] != st.r_memcg[t]:
        hazard(st, 1)
    again = objcg_nid(topo, st, st.r_memcg[t], st.r_nid[t])
    if again != st.r_nobjcg[t]:
        hazard(st, 3)
    st.r_nobjcg[t] = again
    st.r_memcg[t] = 0
    goto(st, t, labels.PO_REMAINDER)


@compiled
def po_remainder(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_uncharge(node's objcg, pages * P - bytes)."""
    o = st.r_nobjcg[t]
    nr_bytes = st.r_full[t]
    if prog.v_charge != variant.CHARGE_SINGLE:
        nr_bytes = st.node_bytes[t, st.r_nid[t]]
    if prog.v_remainder == 2:
        o = st.r_objcg[t]
    if not usable(prog, topo, st, t, o):
        return
    rest = pages_of_node(topo, prog, nr_bytes) * topo.page_size - nr_bytes
    after_node(prog, st, t)
    obj_uncharge(st, t, o, rest, st.pc[t])


@compiled
def po_refund(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """6: the precharged pages that were not used go back; I1, I1b and I2 are judged here."""
    used, precharge = st.r_used[t], st.r_precharge[t]
    st.r_nid[t] = 0
    if prog.v_slip == planted.SLIP_REFUND_BYTES and used < precharge:
        slip_refund_bytes(topo, prog, st, t, used, precharge)
        return
    if used > precharge:
        violate(st, t, st.pc[t], I1, precharge, used)
    judge_tight(topo, prog, st, t, used, precharge)
    if used < precharge and prog.v_store == 0:
        more = 1 if prog.v_slip == planted.SLIP_REFUND_MORE else 0
        unprecharge(topo, prog, st, t, precharge - used + more, labels.PO_DONE)
        return
    goto(st, t, labels.PO_DONE)


@compiled
def slip_refund_bytes(topo: Topo, prog: Prog, st: State, t: int, used: int, precharge: int) -> None:
    """A planted slip: every counter is right in the end, only more was booked than lies anywhere."""
    o = st.r_objcg[t]
    kmem_add(topo, st, t, o, st.objcg_memcg[o], precharge - used)
    st.r_used[t] = precharge
    judge_tight(topo, prog, st, t, precharge, precharge)
    goto(st, t, labels.PO_DONE)
    obj_uncharge(st, t, o, (precharge - used) * topo.page_size, labels.PO_DONE)


@compiled
def judge_tight(topo: Topo, prog: Prog, st: State, t: int, used: int, precharge: int) -> None:
    """I1b: ceil(sum b) <= used <= ceil(F) + K - 1 <= precharge; with v2's own formula a page is always spare."""
    if prog.v_judge & variant.JUDGE_TIGHT == 0:
        return
    total, touched = 0, 0
    for n in range(topo.nr_nodes):
        total += st.node_bytes[t, n]
        touched += 1 if st.node_bytes[t, n] > 0 else 0
    size_bytes = st.area_bytes[st.r_area[t]]
    least = ceil_div(total, topo.page_size)
    most = ceil_div(full_size(topo, size_bytes), topo.page_size) + touched - 1
    if used < least:
        violate(st, t, st.pc[t], I1B, least, used)
    if used > most:
        violate(st, t, st.pc[t], I1B, most, used)
    spare = 1 if prog.v_judge & variant.JUDGE_SPARE else 0
    if most > precharge - spare:
        violate(st, t, st.pc[t], I1B, precharge - spare, most)


@compiled
def po_done(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """7: the RCU section ends; v1's leftover credit goes back after the refund."""
    if st.r_used[t] + st.r_refunded[t] != st.r_precharge[t]:
        violate(st, t, st.pc[t], I2, st.r_precharge[t], st.r_used[t] + st.r_refunded[t])
    rcu_unlock(st, t)
    if st.r_refunded[t] == 0:
        st.in_flight -= st.r_precharge[t]
    if prog.v_charge == variant.CHARGE_PAGES:
        st.r_nid[t] = -1
        goto(st, t, labels.PO_CREDIT)
        return
    goto(st, t, labels.OP_END)


# The steps of the post hook.
post_step = piece(
    po_begin, po_entry, po_accumulate, po_stat, po_node, po_nid_memcg, po_nid_objcg, po_account, po_nid2_memcg,
    po_nid2_objcg, po_remainder, po_refund, po_done, po_undone, PO_UNDO=po_undo_begin,
)  # fmt: skip
