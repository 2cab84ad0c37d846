"""obj_cgroups: lookup, references, KMEM accounting, release."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import I8, I18, I19, I23, hazard, kill_case, touch_objcg, violate
from percpu_fuzz.engine.core.primitives import call_rcu, goto
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.core.stages import ABSENT, ATOMIC, FREED, MEMCG_OFFLINING, RCU_FREE, RELEASED
from percpu_fuzz.engine.kernel.page_counter import uncharge


@compiled
def ref_row(prog: Prog, topo: Topo, o: int) -> int:
    """The row that holds the reference count: the objcg's own, or the first of its memcg's group."""
    if prog.v_refs == 1:
        return (o // topo.nr_nodes) * topo.nr_nodes
    return o


@compiled
def usable(prog: Prog, topo: Topo, st: State, t: int, o: int) -> bool:
    """False, with the violation recorded, if `o` is NULL (I18) or was released before (I19)."""
    if o < 0:
        kill_case(st, t, I18, 0, -1)
        return False
    state = st.objcg_state[ref_row(prog, topo, o)]
    if state in (RELEASED, FREED, ABSENT):
        kill_case(st, t, I19, ATOMIC, state)
        return False
    return True


@compiled
def objcg_get(prog: Prog, topo: Topo, st: State, t: int, o: int) -> None:
    """obj_cgroup_get, on the count of ref_row; NULL (I18) or a released objcg (I19) ends the case."""
    if usable(prog, topo, st, t, o):
        st.objcg_ref[ref_row(prog, topo, o)] += 1
    touch_objcg(st, max(o, 0))


@compiled
def objcg_put(prog: Prog, topo: Topo, st: State, t: int, o: int, ret: int) -> bool:
    """Drop one reference and go on at `ret`; the last one releases first. True if it does."""
    row = ref_row(prog, topo, o)
    st.objcg_ref[row] -= 1
    touch_objcg(st, o)
    if st.objcg_ref[row] > 0 or st.objcg_state[row] != ATOMIC:
        goto(st, t, ret)
        return False
    st.pt_objcg[t] = row
    st.pt_node[t] = 0
    st.pt_ret[t] = ret
    goto(st, t, labels.RL_NODE)
    return True


@compiled
def kmem_add(topo: Topo, st: State, t: int, o: int, m: int, nr_pages: int) -> None:
    """KMEM of (memcg, the objcg's node) += nr_pages, and C(O) with it."""
    st.memcg_kmem[m * topo.nr_nodes + o % topo.nr_nodes] += nr_pages
    st.objcg_pages[o] += nr_pages


@compiled
def rl_node(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """obj_cgroup_release of one objcg: whole pages of nr_charged_bytes are uncharged, a rest is lost (I8)."""
    o = st.pt_objcg[t] + st.pt_node[t]
    rest = st.objcg_ncb[o] % topo.page_size
    pages = st.objcg_ncb[o] // topo.page_size
    if rest != 0:
        violate(st, t, st.pc[t], I8, 0, rest)
        st.objcg_lost[o] += rest
    if prog.v_release == 1:
        pages = 0
    st.objcg_ncb[o] = 0
    st.pt_node[t] += 1
    if prog.v_refs == 0 or st.pt_node[t] >= topo.nr_nodes:
        goto(st, t, labels.RL_DONE)
    if pages > 0:
        m = st.objcg_memcg[o]
        kmem_add(topo, st, t, o, m, -pages)
        uncharge(st, t, m, pages, st.pc[t])


@compiled
def rl_done(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """End of obj_cgroup_release, once objcg_lock is free: kfree_rcu waits a grace period; I23 if bytes live (H5)."""
    row = st.pt_objcg[t]
    for o in range(row, row + (topo.nr_nodes if prog.v_refs == 1 else 1)):
        if st.objcg_live[o] != 0:
            hazard(st, 5)
            violate(st, t, st.pc[t], I23, 0, st.objcg_live[o])
    st.objcg_state[row] = RELEASED
    call_rcu(st, RCU_FREE, row)
    goto(st, t, st.pt_ret[t])
    st.pt_objcg[t] = -1
    st.pt_node[t] = 0
    st.pt_ret[t] = 0


@compiled
def current_objcg(topo: Topo, st: State, m: int, nid: int) -> int:
    """The walk from a memcg upward to the first that still has an objcg for `nid`; -1 at root."""
    while m > 0:
        o = st.pn_objcg[m * topo.nr_nodes + nid]
        if o >= 0:
            return o
        m = st.memcg_parent[m]
    return -1


@compiled
def objcg_nid(topo: Topo, st: State, m: int, nid: int) -> int:
    """The second load of obj_cgroup_nid(): memcg->nodeinfo[nid]->objcg as it stands, NULL (-1) included."""
    if st.memcg_state[m] == MEMCG_OFFLINING:
        hazard(st, 2)
    return st.pn_objcg[m * topo.nr_nodes + nid]


@compiled
def sibling(topo: Topo, st: State, o: int, nid: int) -> int:
    """The objcg of node `nid` that was made with `o` for the same memcg (variant fixed)."""
    if st.memcg_state[o // topo.nr_nodes] == MEMCG_OFFLINING:
        hazard(st, 2)
    return (o // topo.nr_nodes) * topo.nr_nodes + nid


# The steps of obj_cgroup_release.
release_step = piece(rl_node, rl_done)
