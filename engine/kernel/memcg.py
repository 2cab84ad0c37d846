"""Life of a memcg: mkdir, rmdir, css_offline with reparenting node by node, css_free, RCU callbacks."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels, stages
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import hazard, touch_objcg
from percpu_fuzz.engine.core.planted import SLIP_KILL, SLIP_ORIG, SLIP_POINTER
from percpu_fuzz.engine.core.primitives import HOLDS, WORK, call_rcu, goto, stir
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.kernel.drain import drain_all_stock
from percpu_fuzz.engine.kernel.objcg import objcg_put, ref_row
from percpu_fuzz.engine.kernel.page_stock import css_get, css_put

NO_LIMIT = 1 << 40


@compiled
def make_memcg(topo: Topo, prog: Prog, st: State, m: int, parent: int, max_pages: int) -> None:
    """mkdir: css_online makes an objcg for every possible node, each with its base and its orig_objcg reference."""
    st.memcg_rows = max(st.memcg_rows, m + 1)
    st.memcg_state[m] = stages.MEMCG_ONLINE
    st.memcg_parent[m] = parent
    st.memcg_max[m] = max_pages
    st.memcg_ref[m] = 1
    if parent >= 0:
        css_get(st, parent)
    for n in range(topo.nr_nodes):
        o = m * topo.nr_nodes + n
        st.pn_objcg[o] = o
        st.objcg_memcg[o] = m
        st.objcg_state[o] = stages.LIVE
        if prog.v_refs == 0 or n == 0:
            st.objcg_ref[o] = 2
        st.objcg_orig[o] = 1


@compiled
def can_rmdir(st: State, m: int) -> bool:
    """rmdir is refused while tasks or children are in it."""
    if m <= 0 or st.memcg_state[m] != stages.MEMCG_ONLINE or st.memcg_tasks[m] > 0:
        return False
    for child in range(st.memcg_rows):
        if st.memcg_state[child] == stages.MEMCG_ONLINE and st.memcg_parent[child] == m:
            return False
    return True


@compiled
def rmdir(st: State, m: int) -> None:
    """The css is killed: css_offline follows from a worker."""
    st.memcg_state[m] = stages.MEMCG_DYING
    st.off_queue[st.off_tail] = m
    st.off_tail += 1
    stir(st, WORK)


@compiled
def offline_begin(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """css_offline of the memcg at the queue's head begins; its user pages count as its parent's from here on."""
    m = st.off_queue[st.off_head]
    st.memcg_state[m] = stages.MEMCG_OFFLINING
    st.off_nid = 0
    # A removed memcg's user pages belong to the parent's reparented folios: they stay charged above, not here.
    st.memcg_user[st.memcg_parent[m]] += st.memcg_user[m]
    st.memcg_user[m] = 0
    goto(st, t, labels.OF_NULL)


@compiled
def of_null(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """(a) of one node: pn->objcg = NULL, under objcg_lock with interrupts off; lockless readers see it at once."""
    m = st.off_queue[st.off_head]
    o = m * topo.nr_nodes + st.off_nid
    st.objcg_lock = t + 1
    stir(st, HOLDS)
    st.cpu_irqs_off[st.task_cpu[t]] = 1
    st.cpu_preempt[st.task_cpu[t]] = t + 1
    st.pn_objcg[o] = -1
    if prog.v_slip == SLIP_POINTER:
        st.pn_objcg[o % (topo.nr_nodes * (len(st.memcg_state) - 1)) + topo.nr_nodes] = -1
    st.off_row = 0
    goto(st, t, labels.OF_MOVE)


@compiled
def of_move(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """(c) one inherited objcg a step: objcg->memcg = parent; then the lock is dropped."""
    m = st.off_queue[st.off_head]
    while st.off_row < st.memcg_rows:
        o = st.off_row * topo.nr_nodes + st.off_nid
        st.off_row += 1
        if st.memcg_state[st.off_row - 1] == stages.MEMCG_ABSENT or st.objcg_memcg[o] != m:
            continue
        if prog.v_reparent == 1 and o // topo.nr_nodes != m:
            continue
        st.objcg_memcg[o] = st.memcg_parent[m]
        st.memcg_heir[st.memcg_parent[m]] = 1
        for t_in in range(st.nr_all):
            if st.r_charged[t_in] == 1 and st.r_objcg[t_in] == o:
                hazard(st, 6)
        return
    st.off_row = 0
    st.objcg_lock = 0
    stir(st, HOLDS)
    st.cpu_irqs_off[st.task_cpu[t]] = 0
    st.cpu_preempt[st.task_cpu[t]] = 0
    goto(st, t, labels.OF_KILL)


@compiled
def kill_objcg(st: State, row: int) -> None:
    """percpu_ref_kill: the base reference goes only when the queued callback runs."""
    st.objcg_state[row] = stages.DYING
    call_rcu(st, stages.RCU_KILL, row)


@compiled
def of_kill(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Kill this node's objcg (a shared count: once, after the last node), then the next node."""
    m = st.off_queue[st.off_head]
    last = st.off_nid == topo.nr_nodes - 1
    if prog.v_slip != SLIP_KILL:
        if prog.v_refs == 0:
            kill_objcg(st, m * topo.nr_nodes + st.off_nid)
        elif last:
            kill_objcg(st, m * topo.nr_nodes)
    if last:
        st.off_nid = 0
        goto(st, t, labels.OF_DRAIN)
        return
    st.off_nid += 1
    goto(st, t, labels.OF_NULL)


@compiled
def of_drain(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """drain_all_stock of the dead memcg: byte slots of its objcgs now resolve to the parent and are not seen."""
    drain_all_stock(st, t, st.off_queue[st.off_head], labels.OF_PUT)


@compiled
def of_put(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """End of css_offline: the id's css reference is dropped, which may queue css_free; the worker is idle again."""
    m = st.off_queue[st.off_head]
    st.memcg_state[m] = stages.MEMCG_OFFLINE
    st.off_head += 1
    css_put(st, m)
    goto(st, t, labels.IDLE)


@compiled
def rcu_ready(st: State) -> bool:
    """The oldest callback may run: no reader began before it was queued."""
    if st.rcu_head >= st.rcu_tail:
        return False
    for t in range(st.nr_all):
        if 0 <= st.task_rcu[t] <= st.rcu_head:
            return False
    return True


@compiled
def rcu_begin(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Run the oldest callback."""
    kind, row = st.rcu_kind[st.rcu_head], st.rcu_row[st.rcu_head]
    st.rcu_head += 1
    if kind == stages.RCU_KILL:
        st.objcg_state[row] = stages.ATOMIC
        objcg_put(prog, topo, st, t, row, labels.IDLE)
    elif kind == stages.RCU_CSS:
        st.r_memcg[t] = row
        st.r_nid[t] = 0
        goto(st, t, labels.CF_NODE)
    else:
        st.objcg_state[row] = stages.FREED


@compiled
def cf_node(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """__mem_cgroup_free drops orig_objcg node by node (a shared count: once)."""
    m, n = st.r_memcg[t], st.r_nid[t]
    o = m * topo.nr_nodes + n
    if n >= topo.nr_nodes:
        goto(st, t, labels.CF_DONE)
        return
    st.r_nid[t] = n + 1
    st.objcg_orig[o] = 0
    touch_objcg(st, o)
    if ref_row(prog, topo, o) == o and prog.v_slip != SLIP_ORIG:
        objcg_put(prog, topo, st, t, o, labels.CF_NODE)


@compiled
def cf_done(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """End of css_free: the css reference on the parent is dropped, which may queue the parent's own css_free."""
    m = st.r_memcg[t]
    st.r_memcg[t] = 0
    st.r_nid[t] = 0
    goto(st, t, labels.IDLE)
    css_put(st, st.memcg_parent[m])


# The steps of css_offline and css_free.
memcg_step = piece(of_null, of_move, of_kill, of_drain, of_put, cf_node, cf_done)
