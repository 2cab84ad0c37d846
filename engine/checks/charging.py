"""Who pays: I21, that an accounted allocation is charged, to whom, how much and on which nodes; I22, why it may fail.

What must come out is worked out beside the engine: from the program and from which cgroups live at the two moments at
which the kernel looks (RF_GET, AL_CURRENT). It is compared with what is there when the operation ends.
"""

from __future__ import annotations

from percpu_fuzz.engine.checks.conservation import check_dead_cpu, lay_area, misbooked
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.evidence import I21, I22, violate
from percpu_fuzz.engine.core.records import NR_LOG, Prog, State, Topo
from percpu_fuzz.engine.core.stages import MEMCG_ABSENT, MEMCG_FREED, MEMCG_OFFLINING
from percpu_fuzz.engine.kernel.charge_hook import POINTER_BYTES
from percpu_fuzz.engine.kernel.chunks import has_exts
from percpu_fuzz.engine.kernel.drain import below
from percpu_fuzz.engine.kernel.precharge import full_size
from percpu_fuzz.engine.variant import CHARGE_NODES, JUDGE_EXACT, LOOKUP_NODEINFO

NO_ROOM, INJECTED, FAILED = 1, 2, 4  # x_cause


@compiled
def watch_charge(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """After each step of a task of the program: note who has to pay, and judge once its operation is at its end."""
    if t >= prog.nr_tasks or st.phase > 0 or st.fatal == 1:
        return
    if label == labels.IDLE:
        st.x_owner[t] = owner_of(prog, st, t)
    elif label == labels.RF_GET:
        if st.x_objcg[t] == 0:
            st.x_owner[t] = st.task_memcg[t]
    elif label == labels.AL_CURRENT:
        st.x_objcg[t] = objcg_to_find(topo, prog, st, t) + 1
        st.x_owner[t] = 0
    elif labels.TC_CONSUME <= label <= labels.TC_DONE:
        watch_try_charge(prog, st, t, label)
    if st.pc[t] == labels.OP_END:
        judge_operation(topo, prog, st, t, label)


@compiled
def owner_of(prog: Prog, st: State, t: int) -> int:
    """The memcg that the operation which has just begun is to be charged to; 0 for nobody: not accounted, or root."""
    op = st.op_i[t]
    gfp = prog.op_gfp[t, op]
    if st.r_taken[t] == 0 or gfp & labels.GFP_ACCOUNT == 0:
        return 0
    if gfp & labels.OP_OWN:
        return 0 if prog.task_irq[t] == 1 else st.task_memcg[t]
    m = prog.op_memcg[t, op]
    return 0 if st.memcg_state[m] == MEMCG_ABSENT or st.memcg_state[m] == MEMCG_FREED else m


@compiled
def reparented(topo: Topo, st: State, m: int, nid: int) -> bool:
    """The removal of a memcg has come past this node, by where the worker that removes is.

    Where that is a step of a user's own, only the node's pointer says.
    """
    if st.memcg_state[m] != MEMCG_OFFLINING:
        return st.memcg_state[m] > MEMCG_OFFLINING
    at = st.pc[st.nr_all - 2]
    if at >= labels.NR_MODEL:
        return st.pn_objcg[m * topo.nr_nodes + nid] < 0
    if at < labels.OF_NULL or at > labels.OF_KILL:
        return True
    return st.off_nid > nid or (st.off_nid == nid and at != labels.OF_NULL)


@compiled
def objcg_to_find(topo: Topo, prog: Prog, st: State, t: int) -> int:
    """The objcg that current_obj_cgroup has to find now, -1 for none: a task's own as its cgroup was when it last
    looked; of a scope that of the nearest ancestor that still has one for the CPU's node.
    """
    m, nid = st.x_owner[t], topo.act_node[st.task_cpu[t]]
    if prog.op_gfp[t, st.op_i[t]] & labels.OP_OWN == 0:
        while m > 0 and reparented(topo, st, m, nid):
            m = st.memcg_parent[m]
    return m * topo.nr_nodes + nid if m > 0 else -1


@compiled
def watch_try_charge(prog: Prog, st: State, t: int, label: int) -> None:
    """I22: each attempt begins without a cause; a level without room for just what is asked is one, or an injection."""
    if label == labels.TC_CONSUME:
        st.x_cause[t] = 0
    if label <= labels.TC_CONSUME_BODY:
        if st.pc[t] >= labels.TC_FORCE and st.tc_ok[t] == 0 and prog.fail_charge[st.nr_charges % NR_LOG] == 1:
            st.x_cause[t] = INJECTED
    elif label == labels.TC_LEVEL and st.pc[t] == labels.TC_UNDO and st.tc_batch[t] == st.tc_pages[t]:
        m = st.tc_over[t]
        if st.memcg_usage[m] - st.tc_batch[t] + st.tc_pages[t] > st.memcg_max[m]:
            st.x_cause[t] = NO_ROOM
    elif label == labels.TC_DONE and st.tc_ok[t] == 0:
        forced = prog.op_gfp[t, st.op_i[t]] & (labels.GFP_HIGH | labels.GFP_NOFAIL)
        if st.x_cause[t] == 0 or forced != 0:
            violate(st, t, label, I22, 1, 0)
        st.x_cause[t] = FAILED


@compiled
def judge_operation(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The operation is over but for its return: what it made has to be paid for; what was noted of it is forgotten."""
    kind = prog.op_kind[t, st.op_i[t]]
    if kind == labels.OP_CPU_DEAD:
        check_dead_cpu(topo, st, prog.op_value[t, st.op_i[t]] % topo.nr_act, t, label)
    elif (kind == labels.OP_ALLOC or kind == labels.OP_KMEM) and st.r_taken[t] == 1 and st.r_area[t] >= 0:
        judge_payer(topo, prog, st, t, label)
    st.x_owner[t] = 0
    st.x_objcg[t] = 0
    st.x_cause[t] = 0


@compiled
def judge_payer(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I21: the entry of what was made names the objcg that had to be found, or nothing where nobody pays."""
    r = st.r_area[t]
    slab = st.area_chunk[r] < 0
    want, found = st.x_objcg[t] - 1, st.area_entry[r]
    if st.x_owner[t] > 0:
        want = st.x_owner[t] * topo.nr_nodes  # it was never looked up
    if slab:
        want = -1 if st.x_cause[t] == FAILED else want
    elif not has_exts(st, st.area_chunk[r]):
        want = -1
    # Before the series a task has one objcg, made for whichever node it was on when it looked.
    grain = 1
    if prog.v_task_objcg == 1 and prog.op_gfp[t, st.op_i[t]] & labels.OP_OWN:
        grain = topo.nr_nodes
    if (want < 0) != (found < 0) or (want >= 0 and want // grain != found // grain):
        violate(st, t, label, I21, want, found)
    elif want >= 0:
        judge_amount(topo, prog, st, r, t, label)


@compiled
def judge_amount(topo: Topo, prog: Prog, st: State, r: int, t: int, label: int) -> None:
    """I21: as many bytes as the area costs were charged, and where the variant charges by node, where they lie."""
    total, slab = 0, st.area_chunk[r] < 0
    by_node = not slab and prog.v_charge >= CHARGE_NODES
    for n in range(topo.nr_nodes):
        total += st.l_bytes[r, n]
        if st.l_bytes[r, n] != 0 and not pays(topo, prog, st, r, n, by_node):
            violate(st, t, label, I21, st.area_entry[r], st.l_objcg[r, n])
    want = st.area_bytes[r] if slab else bytes_to_charge(topo, prog, st.area_bytes[r])
    if total != want:
        violate(st, t, label, I21, want, total)
    elif by_node and (prog.v_judge & JUDGE_EXACT or not misbooked(topo, prog, st, r)):
        judge_nodes(topo, prog, st, r, t, label)


@compiled
def counts_exts(prog: Prog) -> bool:
    """The obj_exts slice is charged by node too (7/9)."""
    return prog.v_ext == 1 or prog.v_judge & JUDGE_EXACT != 0


@compiled
def bytes_to_charge(topo: Topo, prog: Prog, size_bytes: int) -> int:
    """What a percpu area costs: by node s*C, from 7/9 on F; in one piece F, before 3/9 with 8 bytes a granule."""
    if prog.v_charge >= CHARGE_NODES and not counts_exts(prog):
        return size_bytes * topo.nr_cpus
    if prog.v_charge < CHARGE_NODES and prog.v_metadata == 1 and prog.v_judge & JUDGE_EXACT == 0:
        return size_bytes * topo.nr_cpus + size_bytes // 4 * POINTER_BYTES
    return full_size(topo, size_bytes)


@compiled
def pays(topo: Topo, prog: Prog, st: State, r: int, n: int, by_node: bool) -> bool:
    """The bytes on node n went through the entry's objcg, or by node through its sibling: of its memcg, or, where that
    is looked up by the memcg of the moment, of an ancestor once its memcg is being removed.
    """
    o, entry = st.l_objcg[r, n], st.area_entry[r]
    if not by_node:
        return n == 0 and o == entry
    if o < 0 or o % topo.nr_nodes != n:
        return False
    m, owner = o // topo.nr_nodes, entry // topo.nr_nodes
    if m == owner:
        return True
    return prog.v_lookup == LOOKUP_NODEINFO and st.memcg_state[owner] >= MEMCG_OFFLINING and below(st, owner, m)


@compiled
def judge_nodes(topo: Topo, prog: Prog, st: State, r: int, t: int, label: int) -> None:
    """I21: each node was charged for the bytes that lie on it, page by page of the area and of its obj_exts slice."""
    lay_area(topo, st, r, counts_exts(prog))
    for n in range(topo.nr_nodes):
        if st.x_bytes[n] != st.l_bytes[r, n]:
            violate(st, t, label, I21, st.x_bytes[n], st.l_bytes[r, n])
        st.x_bytes[n] = 0
