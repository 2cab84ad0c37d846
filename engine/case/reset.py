"""`reset`: a State ready for the first step of a program on a machine. Clears the rows in use, not the record."""

from __future__ import annotations

from percpu_fuzz.engine.case.operations import clear_registers
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.evidence import untouch
from percpu_fuzz.engine.core.hooks import own_reset
from percpu_fuzz.engine.core.records import (
    NR_HAZARDS,
    NR_INVARIANTS,
    NR_LOG,
    NR_OBJ_STOCK,
    NR_PAGE_STOCK,
    Prog,
    State,
    Topo,
)
from percpu_fuzz.engine.core.stages import CHUNK_FIRST, CHUNK_RESERVED, CHUNK_UNUSED, MEMCG_ABSENT
from percpu_fuzz.engine.kernel.chunks import class_of_chunk, move_chunk
from percpu_fuzz.engine.kernel.memcg import NO_LIMIT, make_memcg


@compiled
def reset_case(st: State) -> None:
    """Steps, hazards, violations, the probe, counts and the log of changes: all zero."""
    st.nr_steps = 0
    st.fatal = 0
    st.phase = 0
    st.stirred = 0
    for i in range(NR_HAZARDS):
        st.hazard[i] = 0
    for i in range(NR_INVARIANTS):
        st.violated[i] = 0
        st.viol_step[i] = 0
        st.viol_task[i] = 0
        st.viol_label[i] = 0
        st.viol_want[i] = 0
        st.viol_found[i] = 0
        st.viol_hazards[i] = 0
    st.probe_done = 0
    st.probe_used = 0
    st.probe_precharge = 0
    st.probe_bytes = 0
    st.probe_area_bytes = 0
    st.probe_misplaced = 0
    st.in_flight = 0
    st.in_flight_max = 0
    st.waste_pages = 0
    st.nr_charged = 0
    st.nr_refunded = 0
    st.nr_charge_fail = 0
    st.nr_alloc = 0
    st.nr_free = 0
    st.nr_illegal = 0
    st.alloc_ops = 0
    st.free_ops = 0
    for t in range(st.op_used.shape[0]):
        for op in range(st.op_used.shape[1]):
            st.op_precharge[t, op] = 0
            st.op_used[t, op] = -1
    untouch(st)
    for i in range(NR_LOG):
        st.dirty_cpu[i] = 0
        st.dirty_objcg[i] = 0
        st.dirty_memcg[i] = 0
        st.dirty_area[i] = 0
        st.dirty_chunk[i] = 0


@compiled
def reset_locks(st: State) -> None:
    """No lock is held, nothing is queued, and the counts that injected failures go by start again."""
    st.mutex = 0
    st.pcpu_lock = 0
    st.objcg_lock = 0
    st.charge_mutex = 0
    for i in range(st.rcu_tail):
        st.rcu_kind[i] = 0
        st.rcu_row[i] = 0
    st.rcu_head = 0
    st.rcu_tail = 0
    st.off_head = 0
    st.off_tail = 0
    st.off_nid = 0
    st.off_row = 0
    st.nr_empty_pop = 0
    st.nr_populates = 0
    st.nr_creates = 0
    st.nr_trylocks = 0
    st.nr_charges = 0
    st.nr_searches = 0
    st.dry_node = 0
    st.place_next = 0
    st.balance_queued = 0
    st.atomic_failed = 0
    st.bal_page = 0
    st.bal_todo = 0
    st.stale_n = 0
    for i in range(NR_LOG):
        st.stale_chunk[i] = 0
        st.stale_off[i] = 0
        st.stale_entry[i] = 0


@compiled
def reset_cpus(topo: Topo, st: State) -> None:
    """Acting CPUs are online with empty stocks, interrupts and preemption on; FLUSHING is clear."""
    for a in range(len(st.cpu_online)):
        st.cpu_online[a] = 1 if a < topo.nr_act else 0
        st.cpu_irq[a] = 0
        st.cpu_preempt[a] = 0
        st.cpu_depth[a] = 0
        st.cpu_irqs_off[a] = 0
        st.ps_owner[a] = 0
        st.ps_flushing[a] = 0
        st.ps_queued[a] = 0
        st.ps_next[a] = 0
        st.os_owner[a] = 0
        st.os_flushing[a] = 0
        st.os_queued[a] = 0
        st.os_next[a] = 0
        for i in range(NR_PAGE_STOCK):
            st.ps_memcg[a, i] = -1
            st.ps_pages[a, i] = 0
        for i in range(NR_OBJ_STOCK):
            st.os_objcg[a, i] = -1
            st.os_bytes[a, i] = 0


@compiled
def reset_memcgs(topo: Topo, prog: Prog, st: State) -> None:
    """The program's first memcgs: user pages charged up to root, then memory.max as usage plus headroom in pages."""
    for m in range(st.memcg_rows):
        clear_memcg(st, m)
    for o in range(st.memcg_rows * st.was_nodes):
        clear_objcg(st, o)
    st.memcg_rows = 0
    for m in range(prog.nr_memcgs):
        make_memcg(topo, prog, st, m, prog.memcg_parent0[m], NO_LIMIT)
        pages = prog.memcg_user0[m]
        st.memcg_user[m] = pages
        level = m
        while level >= 0:
            st.memcg_usage[level] += pages
            level = st.memcg_parent[level]
    for m in range(1, prog.nr_memcgs):
        if prog.memcg_max0[m] >= 0:
            st.memcg_max[m] = st.memcg_usage[m] + prog.memcg_max0[m]


@compiled
def clear_memcg(st: State, m: int) -> None:
    """Row m as before a mkdir: absent, no parent, limit and usage 0 pages."""
    st.memcg_state[m] = MEMCG_ABSENT
    st.memcg_parent[m] = -1
    st.memcg_usage[m] = 0
    st.memcg_max[m] = 0
    st.memcg_user[m] = 0
    st.memcg_percpu[m] = 0
    st.memcg_ref[m] = 0
    st.memcg_tasks[m] = 0
    st.memcg_over[m] = 0
    st.memcg_heir[m] = 0
    st.off_queue[m] = 0
    st.x_first[m] = 0
    st.x_want[m] = 0
    st.x_found[m] = 0


@compiled
def clear_objcg(st: State, o: int) -> None:
    """Row o (memcg * nodes + node) as before a mkdir, KMEM of that node included."""
    st.memcg_kmem[o] = 0
    st.pn_objcg[o] = -1
    st.objcg_memcg[o] = -1
    st.objcg_state[o] = 0
    st.objcg_ref[o] = 0
    st.objcg_ncb[o] = 0
    st.objcg_pages[o] = 0
    st.objcg_live[o] = 0
    st.objcg_lost[o] = 0
    st.objcg_moved[o] = 0
    st.objcg_orig[o] = 0


@compiled
def reset_chunks(topo: Topo, st: State) -> None:
    """Chunk rows are emptied as far as this or the last case reaches; two boot chunks are made, given room."""
    for c in range(len(st.chunk_state)):
        st.chunk_isolated[c] = 0
        st.chunk_slot[c] = 0
        st.chunk_class[c] = 0
        st.chunk_pos[c] = 0
        st.chunk_head[c] = -1
        st.chunk_free[c] = 0
        st.chunk_populated[c] = 0
        st.chunk_empty[c] = 0
        for p in range(st.was_pages):
            st.page_populated[c, p] = 0
            st.page_areas[c, p] = 0
            if topo.by_count == 1:
                for n in range(st.was_nodes):
                    st.page_count[c, p, n] = 0
            else:
                for cpu in range(st.was_cpus):
                    st.page_node[c, cpu, p] = 0
        for i in range(st.was_pages * 4):
            st.ext_node[c, i] = 0
        st.chunk_state[c] = CHUNK_UNUSED
    make_boot_chunk(topo, st, 0, CHUNK_FIRST, topo.first_room)
    make_boot_chunk(topo, st, 1, CHUNK_RESERVED, topo.reserved_room)


@compiled
def make_boot_chunk(topo: Topo, st: State, c: int, kind: int, room: int) -> None:
    """The first or the reserved chunk: populated for every possible CPU on its own node, no obj_exts.

    What lies before and behind the room counts as an area for ever: pages that it shares are never empty.
    """
    if room == 0:
        return
    st.chunk_state[c] = kind
    st.chunk_free[c] = room
    start = topo.first_start if kind == CHUNK_FIRST else 0
    pages = min((start + room + topo.page_size - 1) // topo.page_size, topo.unit_pages)
    for p in range(pages):
        st.page_populated[c, p] = 1
        st.chunk_populated[c] += 1
        if p * topo.page_size < start or (p + 1) * topo.page_size > start + room:
            st.page_areas[c, p] = 1
        else:
            st.chunk_empty[c] += 1
            if kind == CHUNK_FIRST:
                st.nr_empty_pop += 1
        place_boot_page(topo, st, c, p)
    st.chunk_class[c] = class_of_chunk(topo, st, c)
    move_chunk(st, c, st.chunk_class[c], True)


@compiled
def place_boot_page(topo: Topo, st: State, c: int, p: int) -> None:
    """Page p of a boot chunk: for each possible CPU on the first node of its zonelist; no node's free pages shrink."""
    if topo.by_count == 1:
        for i in range(topo.nr_runs):
            n = max(topo.zonelist[topo.run_node[i], 0], 0)
            st.page_count[c, p, n] += topo.run_cpus[i]
        return
    for cpu in range(topo.nr_cpus):
        st.page_node[c, cpu, p] = max(topo.zonelist[topo.cpu_node[cpu], 0], 0)


@compiled
def reset_areas(st: State, whole: bool) -> None:
    """No slot holds an area. Rows that the last case left unused are skipped unless `whole`."""
    for slot in range(len(st.slot_area)):
        st.slot_area[slot] = -1
    for r in range(len(st.area_used)):
        if not whole and st.area_used[r] == 0:
            continue
        st.area_used[r] = 0
        st.area_chunk[r] = 0
        st.area_off[r] = 0
        st.area_bytes[r] = 0
        st.area_next[r] = -1
        st.area_entry[r] = -1
        st.area_acct[r] = 0
        st.area_stamp[r] = 0
        for n in range(st.was_nodes):
            st.l_objcg[r, n] = -1
            st.l_bytes[r, n] = 0
    st.nr_areas = 0


@compiled
def reset_tasks(topo: Topo, prog: Prog, st: State) -> None:
    """Program tasks and workers (drain, balance, css_offline, RCU) are idle; task->objcgs await a refresh."""
    st.nr_all = prog.nr_tasks + topo.nr_act + 3
    for t in range(st.nr_all):
        st.pc[t] = labels.IDLE
        st.op_i[t] = 0
        st.task_memcg[t] = 0
        st.task_update[t] = 0
        st.task_rcu[t] = -1
        st.task_pinned[t] = 0
        which = t - prog.nr_tasks
        st.task_cpu[t] = which if 0 <= which < topo.nr_act else 0
        for n in range(st.was_nodes):
            st.task_objcg[t, n] = -1
            st.node_bytes[t, n] = 0
        clear_registers(topo, st, t)
        reset_registers(st, t)
    for t in range(prog.nr_tasks):
        st.task_cpu[t] = prog.task_cpu0[t]
        if prog.task_irq[t] == 0:
            st.task_memcg[t] = prog.task_memcg0[t]
            st.memcg_tasks[prog.task_memcg0[t]] += 1
            st.task_update[t] = 1


@compiled
def reset_registers(st: State, t: int) -> None:
    """Registers of the subroutines, which a case that ended early leaves behind."""
    st.tc_memcg[t] = 0
    st.tc_pages[t] = 0
    st.tc_batch[t] = 0
    st.tc_level[t] = 0
    st.tc_over[t] = 0
    st.tc_retries[t] = 0
    st.tc_drained[t] = 0
    st.tc_reclaimed[t] = 0
    st.tc_gfp[t] = 0
    st.tc_ret[t] = 0
    st.rs_memcg[t] = 0
    st.rs_pages[t] = 0
    st.rs_slot[t] = 0
    st.rs_evict[t] = 0
    st.rs_ret[t] = 0
    st.uc_level[t] = 0
    st.uc_pages[t] = 0
    st.uc_ret[t] = 0
    st.ro_objcg[t] = -1
    st.ro_bytes[t] = 0
    st.ro_allow[t] = 0
    st.ro_slot[t] = 0
    st.ro_ret[t] = 0
    st.up_objcg[t] = -1
    st.up_pages[t] = 0
    st.up_memcg[t] = 0
    st.up_ret[t] = 0
    st.do_cpu[t] = 0
    st.do_slot[t] = 0
    st.do_ret[t] = 0
    st.dl_cpu[t] = 0
    st.dl_slot[t] = 0
    st.dl_both[t] = 0
    st.dl_ret[t] = 0
    st.pt_objcg[t] = -1
    st.pt_node[t] = 0
    st.pt_ret[t] = 0
    st.da_memcg[t] = 0
    st.da_cpu[t] = 0
    st.da_ret[t] = 0
    st.x_memcg[t] = 0
    st.x_held[t] = 0
    st.x_owner[t] = 0
    st.x_objcg[t] = 0
    st.x_cause[t] = 0


@compiled_entry
def reset(topo: Topo, prog: Prog, st: State, whole: bool) -> None:
    """Make `st` the state before the first step. `whole`: the record was never reset, clear every row."""
    st.was_nodes = len(st.node_free) if whole else max(st.was_nodes, topo.nr_nodes)
    st.memcg_rows = len(st.memcg_state) if whole else st.memcg_rows
    st.was_cpus = max(st.was_cpus, topo.nr_cpus)
    st.was_pages = max(st.was_pages, topo.unit_pages)
    reset_case(st)
    reset_locks(st)
    reset_cpus(topo, st)
    reset_memcgs(topo, prog, st)
    reset_nodes(topo, prog, st)
    reset_chunks(topo, st)
    reset_areas(st, whole)
    reset_tasks(topo, prog, st)
    own_reset(topo, st)
    st.was_nodes = topo.nr_nodes
    st.was_cpus = topo.nr_cpus
    st.was_pages = topo.unit_pages
    untouch(st)


@compiled
def reset_nodes(topo: Topo, prog: Prog, st: State) -> None:
    """Free pages and online nodes as the machine says, or as the program presses."""
    for n in range(st.was_nodes):
        st.node_free[n] = 0
        st.node_online[n] = 0
        st.x_bytes[n] = 0
    for n in range(topo.nr_nodes):
        pressed = prog.pressed == 1 and topo.node_memory[n] == 1
        st.node_free[n] = prog.pressed_pages[n % 4] if pressed else topo.node_free0[n]
        st.node_online[n] = topo.node_online[n]
    st.nr_online_nodes = topo.nr_online_nodes


@compiled_entry
def reset_record(topo: Topo, prog: Prog, st: State, whole: bool) -> None:
    """`reset`, for callers that are not compiled: a file of a user's own may replace `reset`."""
    reset(topo, prog, st, whole)
