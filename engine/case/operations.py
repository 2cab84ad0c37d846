"""Operations of a program: fetch, begin and end of each; the teardown that follows the last one."""

from __future__ import annotations

from percpu_fuzz.engine.checks.conservation import lay_area
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import blanking, piece
from percpu_fuzz.engine.core.evidence import hazard
from percpu_fuzz.engine.core.hooks import own_claims
from percpu_fuzz.engine.core.primitives import ceil_div, goto
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.core.stages import MEMCG_ABSENT, MEMCG_ONLINE
from percpu_fuzz.engine.kernel.charge_hook import pre_alloc_hook
from percpu_fuzz.engine.kernel.chunks import free_area_row
from percpu_fuzz.engine.kernel.drain import DRAIN_DEAD, drain_all_stock, drain_local
from percpu_fuzz.engine.kernel.memcg import NO_LIMIT, can_rmdir, make_memcg, rmdir
from percpu_fuzz.engine.kernel.page_stock import css_put
from percpu_fuzz.engine.kernel.percpu_alloc import illegal_request
from percpu_fuzz.engine.kernel.try_charge import try_charge
from percpu_fuzz.engine.variant import CHARGE_NODES

LOWER = 16384  # set_max: values from here on are pages below the usage of then
SLOT_TAKEN = -2  # an allocation for this slot is under way


@compiled
def begin_operation(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Start the task's next operation."""
    if st.op_i[t] >= prog.nr_ops[t]:
        goto(st, t, labels.FINISHED)
        return
    kind = prog.op_kind[t, st.op_i[t]]
    st.r_slot[t] = prog.op_slot[t, st.op_i[t]]
    goto(st, t, labels.OP_END)
    if kind in (labels.OP_ALLOC, labels.OP_KMEM, labels.OP_PLACE):
        begin_alloc(topo, prog, st, t, kind)
    elif kind == labels.OP_FREE:
        goto(st, t, labels.FR_BEGIN)
    elif kind == labels.OP_BARRIER:
        goto(st, t, labels.AT_BARRIER)
    elif kind == labels.OP_CHARGE_USER:
        begin_user(prog, st, t)
    elif kind == labels.OP_SETMAX:
        begin_set_max(prog, st, t)
    elif kind == labels.OP_DRAIN:
        drain_all_stock(st, t, prog.op_memcg[t, st.op_i[t]], labels.OP_END)
    elif kind == labels.OP_CPU_DEAD:
        begin_cpu_dead(topo, prog, st, t)
    else:
        simple_operation(topo, prog, st, t, kind)


@compiled
def begin_alloc(topo: Topo, prog: Prog, st: State, t: int, kind: int) -> None:
    """Illegal requests end before any hook; a slot in use makes the operation a no-op."""
    op = st.op_i[t]
    if st.slot_area[prog.op_slot[t, op]] != -1:
        return
    size_bytes = ceil_div(prog.op_bytes[t, op], 4) * 4
    if illegal_request(topo, size_bytes, 4 if kind == labels.OP_PLACE else prog.op_align[t, op]):
        st.nr_illegal += 1
        return
    if kind == labels.OP_KMEM:
        r = free_area_row(st)
        if r < 0:
            return
        st.area_used[r] = 1
        st.area_chunk[r] = -1
        st.area_bytes[r] = size_bytes
        st.nr_areas += 1
        st.r_area[t] = r
    st.slot_area[prog.op_slot[t, op]] = SLOT_TAKEN
    st.r_taken[t] = 1
    pre_alloc_hook(topo, prog, st, t)


@compiled
def begin_user(prog: Prog, st: State, t: int) -> None:
    """A page fault: op_value pages of user memory through try_charge, under a css reference until OP_END."""
    op = st.op_i[t]
    m = prog.op_memcg[t, op]
    if m <= 0 or st.memcg_state[m] != MEMCG_ONLINE or prog.op_value[t, op] <= 0:
        return
    st.memcg_ref[m] += 1
    st.r_scope[t] = m
    try_charge(prog, st, t, m, prog.op_value[t, op], prog.op_gfp[t, op], labels.OP_USER_END)


@compiled
def op_user_end(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Charged user pages count for the memcg, or for its nearest ancestor whose css_offline has not begun."""
    m = st.r_scope[t]
    if st.tc_ok[t] == 1:
        heir = m
        while st.memcg_state[heir] > 2:
            heir = st.memcg_parent[heir]
        st.memcg_user[heir] += prog.op_value[t, st.op_i[t]]
    st.tc_ok[t] = 0
    goto(st, t, labels.OP_END)


@compiled
def begin_set_max(prog: Prog, st: State, t: int) -> None:
    """memory.max: op_value is headroom over the usage of now, in pages; a lower limit drains once (H19)."""
    op = st.op_i[t]
    m = prog.op_memcg[t, op]
    if m <= 0 or st.memcg_state[m] != MEMCG_ONLINE:
        return
    headroom = prog.op_value[t, op]
    if headroom >= LOWER and headroom != 32767:
        headroom = LOWER - headroom
    st.memcg_max[m] = NO_LIMIT if headroom == 32767 else max(st.memcg_usage[m] + headroom, 0)
    st.memcg_over[m] = 0
    if st.memcg_usage[m] > st.memcg_max[m]:
        st.memcg_over[m] = 1
        hazard(st, 19)
        goto(st, t, labels.OP_MAX_DRAIN)


@compiled
def op_max_drain(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """memory_max_write: usage is above the new limit, so the memcg's stocks are drained once; nothing is reclaimed."""
    drain_all_stock(st, t, prog.op_memcg[t, st.op_i[t]], labels.OP_END)


@compiled
def begin_cpu_dead(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Take a CPU down: its tasks and its worker move away, then its stocks are drained from here."""
    a = prog.op_value[t, st.op_i[t]] % topo.nr_act
    if a == st.task_cpu[t] or st.cpu_online[a] == 0 or not cpu_quiet(prog, st, a):
        return
    occupied = 0
    for i in range(5):
        occupied += 1 if st.os_objcg[a, i] >= 0 else 0
    if occupied > 1:
        hazard(st, 18)
    st.cpu_online[a] = 0
    for other in range(st.nr_all):
        if st.task_cpu[other] == a:
            st.task_cpu[other] = st.task_cpu[t]
    drain_local(st, t, a, DRAIN_DEAD, labels.OP_END)


@compiled
def cpu_quiet(prog: Prog, st: State, a: int) -> bool:
    """No task on the CPU holds a lock, runs an interrupt or is pinned there; no interrupt source is bound to it."""
    if st.cpu_depth[a] > 0 or st.cpu_irq[a] != 0 or st.cpu_irqs_off[a] != 0:
        return False
    for t in range(st.nr_all):
        if st.task_cpu[t] == a and (st.task_pinned[t] == 1 or (t < prog.nr_tasks and prog.task_irq[t] == 1)):
            return False
    return True


@compiled
def simple_operation(topo: Topo, prog: Prog, st: State, t: int, kind: int) -> None:
    """Operations that are one step."""
    op = st.op_i[t]
    m, value = prog.op_memcg[t, op], prog.op_value[t, op]
    if kind == labels.OP_MKDIR:
        parent = prog.op_slot[t, op]
        if m > 0 and st.memcg_state[m] == MEMCG_ABSENT and st.memcg_state[parent] == MEMCG_ONLINE and parent != m:
            make_memcg(topo, prog, st, m, parent, NO_LIMIT)
    elif kind == labels.OP_RMDIR:
        if can_rmdir(st, m):
            rmdir(st, m)
    elif kind == labels.OP_MOVE:
        move_task(prog, st, value % prog.nr_tasks, m)
    elif kind == labels.OP_MIGRATE:
        migrate(topo, prog, st, t, value % prog.nr_tasks, prog.op_slot[t, op] % topo.nr_act)
    elif kind == labels.OP_CPU_ONLINE:
        bring_online(prog, st, value % topo.nr_act)
    elif kind == labels.OP_PRESSURE:
        set_pressure(topo, st, value % topo.nr_nodes, prog.op_bytes[t, op])
    elif kind == labels.OP_NODE_ONLINE:
        node_online(st, value % topo.nr_nodes)


@compiled
def bring_online(prog: Prog, st: State, a: int) -> None:
    """A CPU comes back only after its dead callback (hotplug is serialized); its worker is bound to it again."""
    for t in range(st.nr_all):
        if st.dl_both[t] == DRAIN_DEAD and st.dl_cpu[t] == a:
            return
    st.cpu_online[a] = 1
    if st.pc[prog.nr_tasks + a] == labels.IDLE:
        st.task_cpu[prog.nr_tasks + a] = a


@compiled
def set_pressure(topo: Topo, st: State, n: int, free_pages: int) -> None:
    """Other users fill or leave a node: so many pages are free from now on."""
    if topo.node_memory[n] == 1:
        st.node_free[n] = free_pages


@compiled
def accounted_areas(st: State) -> int:
    """How many live percpu areas stand between their post hook and their free hook."""
    total = 0
    for r in range(len(st.area_used)):
        if st.area_used[r] == 2 and st.area_chunk[r] >= 0 and st.area_acct[r] == 1:
            total += 1
    return total


@compiled
def node_online(st: State, n: int) -> None:
    """A node comes online; if it is the second while an accounted area lives, that is H21 (fast path, then a walk)."""
    if st.node_online[n] == 0:
        if st.nr_online_nodes == 1 and accounted_areas(st) > 0:
            hazard(st, 21)
        st.node_online[n] = 1
        st.nr_online_nodes += 1


@compiled
def borrows(prog: Prog, st: State, who: int) -> bool:
    """An allocation of the task's own cgroup holds an objcg of task->objcgs that no entry keeps yet."""
    if st.r_objcg[who] < 0 or st.op_i[who] >= prog.nr_ops[who]:
        return False
    kind, r = prog.op_kind[who, st.op_i[who]], st.r_area[who]
    own = prog.op_gfp[who, st.op_i[who]] & labels.OP_OWN != 0
    return kind in (labels.OP_ALLOC, labels.OP_KMEM) and own and (r < 0 or st.area_entry[r] < 0)


@compiled
def move_task(prog: Prog, st: State, who: int, m: int) -> None:
    """Move a task to another cgroup: its objcgs are refreshed only at its next accounted allocation."""
    if st.memcg_state[m] != MEMCG_ONLINE or prog.task_irq[who] == 1 or st.pc[who] == labels.FINISHED:
        return
    st.memcg_tasks[st.task_memcg[who]] -= 1
    st.memcg_tasks[m] += 1
    st.task_memcg[who] = m
    st.task_update[who] = 1
    if borrows(prog, st, who):
        hazard(st, 15)


@compiled
def migrate(topo: Topo, prog: Prog, st: State, t: int, who: int, a: int) -> None:
    """Another CPU takes the task, if nothing pins it where it is."""
    here = st.task_cpu[who]
    if st.cpu_online[a] == 0 or prog.task_irq[who] == 1 or st.task_pinned[who] == 1 or st.pc[who] == labels.FINISHED:
        return
    if st.cpu_preempt[here] == who + 1:
        return
    st.task_cpu[who] = a


@compiled
def end_operation(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Hand over what the operation made, measure it, clear its registers."""
    own_claims(topo, prog, st, t)
    if st.phase > 0:
        clear_registers(topo, st, t)
        goto(st, t, labels.FINISHED)
        return
    op = st.op_i[t]
    kind = prog.op_kind[t, op]
    if kind in (labels.OP_ALLOC, labels.OP_KMEM, labels.OP_PLACE):
        finish_alloc(topo, prog, st, t, kind)
    elif kind == labels.OP_FREE and st.r_objcg[t] >= 0:
        st.free_ops += st.r_ops[t]
    if st.r_scope[t] >= 0:
        css_put(st, st.r_scope[t])
    clear_registers(topo, st, t)
    if st.cpu_irq[st.task_cpu[t]] == t + 1:
        st.cpu_irq[st.task_cpu[t]] = 0
    st.op_i[t] = op + 1
    goto(st, t, labels.IDLE)


@compiled
def finish_alloc(topo: Topo, prog: Prog, st: State, t: int, kind: int) -> None:
    """The slot gets its area or none, an uncharged slab object's row goes; waste in pages and the probe are noted."""
    op, r = st.op_i[t], st.r_area[t]
    if kind == labels.OP_KMEM and r >= 0 and st.r_charged[t] != 1:
        st.area_used[r] = 0
        st.area_chunk[r] = 0
        st.area_bytes[r] = 0
        st.nr_areas -= 1
        r = -1
    if st.r_taken[t] == 1:
        st.slot_area[prog.op_slot[t, op]] = r
    if r >= 0 and kind == labels.OP_KMEM:
        st.area_used[r] = 2
    if kind != labels.OP_KMEM and st.r_charged[t] == 1:
        st.nr_charged += 1
        st.alloc_ops += st.r_ops[t]
        st.waste_pages += max(st.r_precharge[t] - st.r_used[t], 0)
        st.op_precharge[t, op] = st.r_precharge[t]
        st.op_used[t, op] = st.r_used[t]
    if t == prog.probe_task and op == prog.probe_op:
        measure_probe(topo, prog, st, t)


@compiled
def measure_probe(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The one allocation of the case that distributions are made of.

    probe_done: 1 charged, 2 its charge failed, 3 refunded as it lies in a boot chunk, 4 failed after the charge; never
    charged: 5 with an area, 6 without.
    """
    if st.r_charged[t] == 1:
        st.probe_done = 1
        st.probe_precharge = st.r_precharge[t]
        st.probe_used = st.r_used[t]
        r, total, misplaced = st.r_area[t], 0, 0
        if prog.v_charge >= CHARGE_NODES:
            lay_area(topo, st, r, prog.v_ext == 1)
        for n in range(topo.nr_nodes):
            total += max(st.l_bytes[r, n], 0)
            if prog.v_charge >= CHARGE_NODES:
                misplaced += max(st.l_bytes[r, n] - st.x_bytes[n], 0)
            st.x_bytes[n] = 0
        st.probe_bytes = total
        st.probe_area_bytes = st.area_bytes[r]
        st.probe_misplaced = misplaced
    elif st.r_charged[t] == 0:
        st.probe_done = 5 if st.r_area[t] >= 0 else 6
    else:
        st.probe_done = st.r_charged[t]


blank_registers = blanking(State, "tasks", only="r_")


@compiled
def clear_registers(topo: Topo, st: State, t: int) -> None:
    """Registers of an operation become 0 (-1 for rows): equal situations between operations have equal bytes."""
    blank_registers(st, t)
    st.tc_ok[t] = 0
    for n in range(topo.nr_nodes):
        st.node_bytes[t, n] = 0


# The steps that end an operation, and the drain after a lower limit.
operation_step = piece(op_max_drain, op_user_end, OP_END=end_operation)
