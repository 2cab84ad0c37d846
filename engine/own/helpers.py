"""What steps of one's own are written with, beside the engine's own functions: the patch's verbs in one call each."""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.kernel.charge_hook import unprecharge
from percpu_fuzz.engine.kernel.obj_stock import obj_uncharge
from percpu_fuzz.engine.kernel.objcg import current_objcg, kmem_add, objcg_nid, usable


@compiled
def account(topo: Topo, prog: Prog, st: State, t: int, o: int, nr_pages: int) -> bool:
    """obj_cgroup_account_kmem(o, nr_pages), in the post hook: counted as used pages of this allocation.

    False if `o` is NULL (I18) or was released (I19): the case has ended.
    """
    if not usable(prog, topo, st, t, o):
        return False
    st.r_ops[t] += 1
    kmem_add(topo, st, t, o, st.objcg_memcg[o], nr_pages)
    st.r_used[t] += nr_pages
    return True


@compiled
def uncharge_bytes(topo: Topo, prog: Prog, st: State, t: int, o: int, nr_bytes: int, ret: int) -> bool:
    """obj_cgroup_uncharge(o, nr_bytes) through the byte stock, then go on at label `ret`. False as account()."""
    if not usable(prog, topo, st, t, o):
        return False
    obj_uncharge(st, t, o, nr_bytes, ret)
    return True


@compiled
def refill(topo: Topo, prog: Prog, st: State, t: int, nr_pages: int, ret: int) -> None:
    """obj_cgroup_unprecharge(the stored objcg, nr_pages) through the page stock, then go on at label `ret`."""
    unprecharge(topo, prog, st, t, nr_pages, ret)


@compiled
def lookup(topo: Topo, st: State, m: int, nid: int) -> int:
    """memcg->nodeinfo[nid]->objcg as it stands, NULL (-1) included."""
    return objcg_nid(topo, st, m, nid)


@compiled
def climb(topo: Topo, st: State, m: int, nid: int) -> int:
    """The objcg of node `nid` of the first memcg from m upward that has one; -1 at root."""
    return current_objcg(topo, st, m, nid)


@compiled
def touched_nodes(topo: Topo, st: State, t: int) -> int:
    """Nodes on which the operation's area has bytes that are charged."""
    touched = 0
    for n in range(topo.nr_nodes):
        touched += 1 if st.node_bytes[t, n] > 0 else 0
    return touched
