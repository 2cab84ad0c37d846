"""The first version's post hook: a walk over every backing page, each charged on its own, and each node's credit.

It accounts a page when a node's credit runs out and hands the leftovers to the stock after the refund.
"""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import note_live
from percpu_fuzz.engine.core.primitives import ceil_div, goto
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.kernel.obj_stock import obj_uncharge
from percpu_fuzz.engine.kernel.objcg import kmem_add, objcg_nid, usable


@compiled
def page_bytes(topo: Topo, size_bytes: int, i: int) -> int:
    """Bytes of page i of an area, as v1 and v2 count them: from the size alone."""
    return min(topo.page_size, size_bytes - i * topo.page_size)


@compiled
def po_page(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: the next (CPU, page); node_bytes holds each node's credit, and a page is accounted when it runs out."""
    r = st.r_area[t]
    nr_pages = ceil_div(st.area_bytes[r], topo.page_size)
    st.r_page[t] += 1
    while st.r_page[t] < topo.nr_cpus * nr_pages:
        cpu, i = st.r_page[t] // nr_pages, st.r_page[t] % nr_pages
        nid = st.page_node[st.area_chunk[r], cpu, st.area_off[r] // topo.page_size + i]
        need = page_bytes(topo, st.area_bytes[r], i)
        if st.node_bytes[t, nid] < need:
            st.r_nid[t] = nid
            st.node_bytes[t, nid] += topo.page_size - need
            goto(st, t, labels.PO_NID_MEMCG)
            return
        st.node_bytes[t, nid] -= need
        st.r_page[t] += 1
    st.r_page[t] = 0
    goto(st, t, labels.PO_REFUND)


@compiled
def po_page_account(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: obj_cgroup_account_kmem(node's objcg, 1), outside any RCU section."""
    o, r, nid = st.r_nobjcg[t], st.r_area[t], st.r_nid[t]
    if not usable(prog, topo, st, t, o):
        return
    if st.l_objcg[r, nid] < 0:
        note_live(st, r, nid, o, st.l_bytes[r, nid])
    st.r_ops[t] += 1
    st.r_used[t] += 1
    st.r_nobjcg[t] = -1
    kmem_add(topo, st, t, o, st.objcg_memcg[o], 1)
    goto(st, t, labels.PO_PAGE)


@compiled
def po_credit(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: each online node's leftover credit goes to that node's objcg."""
    nid = st.r_nid[t] + 1
    while nid < topo.nr_nodes and (st.node_bytes[t, nid] == 0 or st.node_online[nid] == 0):
        nid += 1
    st.r_nid[t] = nid
    if nid >= topo.nr_nodes:
        goto(st, t, labels.OP_END)
        return
    goto(st, t, labels.PO_CREDIT_MEMCG)


@compiled
def po_credit_memcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: obj_cgroup_nid for a node's leftover credit, first load."""
    st.r_memcg[t] = st.objcg_memcg[st.r_objcg[t]]
    goto(st, t, labels.PO_CREDIT_OBJCG)


@compiled
def po_credit_objcg(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """v1: second load (NULL ends the case, I18); the credit in bytes goes to obj_cgroup_uncharge of that objcg."""
    o = objcg_nid(topo, st, st.r_memcg[t], st.r_nid[t])
    st.r_memcg[t] = 0
    if usable(prog, topo, st, t, o):
        obj_uncharge(st, t, o, st.node_bytes[t, st.r_nid[t]], labels.PO_CREDIT)


# The steps of v1's post hook that no other variant has.
each_page_step = piece(po_page, po_credit, po_credit_memcg, po_credit_objcg)
