"""`reset`: a State ready for the first step of a program on a machine. Clears the rows in use, not the record."""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.derived import blanking
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
from percpu_fuzz.engine.core.stages import CHUNK_FIRST, CHUNK_RESERVED
from percpu_fuzz.engine.kernel.chunks import class_of_chunk, move_chunk
from percpu_fuzz.engine.kernel.memcg import NO_LIMIT, make_memcg

# What a field is then is said where it is declared (engine.core.records); lengths in use are kept until the end.
blank_numbers = blanking(State, kept=("was_nodes", "was_cpus", "was_pages", "memcg_rows"))
blank_hazard, blank_invariant = blanking(State, "hazards"), blanking(State, "invariants")
blank_log, blank_callback = blanking(State, "dirty"), blanking(State, "rcu")
blank_operation = blanking(State, "tasks", "ops")
blank_cpu = blanking(State, "act")
blank_page_slot, blank_obj_slot = blanking(State, "act", "page_slots"), blanking(State, "act", "obj_slots")
blank_memcg, blank_objcg = blanking(State, "memcgs"), blanking(State, "objcgs")
blank_node = blanking(State, "nodes")
blank_chunk = blanking(State, "chunks")
blank_page, blank_ext_page = blanking(State, "chunks", "pages"), blanking(State, "chunks", "ext_pages")
blank_slot, blank_area, blank_area_node = (
    blanking(State, "slots"),
    blanking(State, "areas"),
    blanking(State, "areas", "nodes"),
)
blank_task, blank_task_node = blanking(State, "tasks"), blanking(State, "tasks", "nodes")


@compiled
def reset_case(st: State) -> None:
    """Hazards, violations, the probe, counts, locks, queues and the log of changes."""
    for i in range(st.rcu_tail):
        blank_callback(st, i)
    blank_numbers(st)
    for i in range(NR_HAZARDS):
        blank_hazard(st, i)
    for i in range(NR_INVARIANTS):
        blank_invariant(st, i)
    for i in range(NR_LOG):
        blank_log(st, i)
    for t in range(st.op_used.shape[0]):
        for op in range(st.op_used.shape[1]):
            blank_operation(st, t, op)


@compiled
def reset_cpus(topo: Topo, st: State) -> None:
    """Acting CPUs are online with empty stocks, interrupts and preemption on; FLUSHING is clear."""
    for a in range(len(st.cpu_online)):
        blank_cpu(st, a)
        st.cpu_online[a] = 1 if a < topo.nr_act else 0
        for i in range(NR_PAGE_STOCK):
            blank_page_slot(st, a, i)
        for i in range(NR_OBJ_STOCK):
            blank_obj_slot(st, a, i)


@compiled
def reset_memcgs(topo: Topo, prog: Prog, st: State) -> None:
    """The program's first memcgs: user pages charged up to root, then memory.max as usage plus headroom in pages."""
    for m in range(st.memcg_rows):
        blank_memcg(st, m)
    for o in range(st.memcg_rows * st.was_nodes):
        blank_objcg(st, o)
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
def reset_chunks(topo: Topo, st: State) -> None:
    """Chunk rows are emptied as far as this or the last case reaches; two boot chunks are made, given room."""
    for c in range(len(st.chunk_state)):
        blank_chunk(st, c)
        for p in range(st.was_pages):
            blank_page(st, c, p)
            if topo.by_count == 1:
                for n in range(st.was_nodes):
                    st.page_count[c, p, n] = 0
            else:
                for cpu in range(st.was_cpus):
                    st.page_node[c, cpu, p] = 0
        for i in range(st.was_pages * 4):
            blank_ext_page(st, c, i)
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
        blank_slot(st, slot)
    for r in range(len(st.area_used)):
        if whole or st.area_used[r] != 0:
            blank_area(st, r)
            for n in range(st.was_nodes):
                blank_area_node(st, r, n)


@compiled
def reset_tasks(topo: Topo, prog: Prog, st: State) -> None:
    """Program tasks and workers (drain, balance, css_offline, RCU) are idle; task->objcgs await a refresh."""
    st.nr_all = prog.nr_tasks + topo.nr_act + 3
    for t in range(st.nr_all):
        blank_task(st, t)
        which = t - prog.nr_tasks
        st.task_cpu[t] = which if 0 <= which < topo.nr_act else 0
        for n in range(st.was_nodes):
            blank_task_node(st, t, n)
    for t in range(prog.nr_tasks):
        st.task_cpu[t] = prog.task_cpu0[t]
        if prog.task_irq[t] == 0:
            st.task_memcg[t] = prog.task_memcg0[t]
            st.memcg_tasks[prog.task_memcg0[t]] += 1
            st.task_update[t] = 1


@compiled_entry
def reset(topo: Topo, prog: Prog, st: State, whole: bool) -> None:
    """Make `st` the state before the first step. `whole`: the record was never reset, clear every row."""
    st.was_nodes = len(st.node_free) if whole else max(st.was_nodes, topo.nr_nodes)
    st.memcg_rows = len(st.memcg_state) if whole else st.memcg_rows
    st.was_cpus = max(st.was_cpus, topo.nr_cpus)
    st.was_pages = max(st.was_pages, topo.unit_pages)
    reset_case(st)
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


@compiled
def reset_nodes(topo: Topo, prog: Prog, st: State) -> None:
    """Free pages and online nodes as the machine says, or as the program presses."""
    for n in range(st.was_nodes):
        blank_node(st, n)
    for n in range(topo.nr_nodes):
        pressed = prog.pressed == 1 and topo.node_memory[n] == 1
        st.node_free[n] = prog.pressed_pages[n % 4] if pressed else topo.node_free0[n]
        st.node_online[n] = topo.node_online[n]
    st.nr_online_nodes = topo.nr_online_nodes


@compiled_entry
def reset_record(topo: Topo, prog: Prog, st: State, whole: bool) -> None:
    """`reset`, for callers that are not compiled: a file of a user's own may replace `reset`."""
    reset(topo, prog, st, whole)
