"""The invariants: each a named checker that looks at the state from outside.

After every step `check_touched` looks at the rows that the step touched; `check_everything` looks at all rows and must
agree; `check_quiescent` adds what holds only when no operation is between two steps; `check_drained` what holds when
every stock is empty and no area is live; `check_released` what must be left at the very end. I1, I1b, I2, I3, I5, I8,
I18 and I19 are judged where they happen, in the hooks, counters and lookups.
"""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.evidence import I4, I6, I7, I19, I20, violate
from percpu_fuzz.engine.core.hooks import own_holders, ready_follows
from percpu_fuzz.engine.core.records import NR_LOG, NR_OBJ_STOCK, NR_PAGE_STOCK, Prog, State, Topo
from percpu_fuzz.engine.core.stages import ABSENT, FREED, LIVE, MEMCG_ABSENT, MEMCG_FREED, RELEASED
from percpu_fuzz.engine.core.stages import DYING as OBJCG_DYING
from percpu_fuzz.engine.kernel.obj_stock import U16_MAX
from percpu_fuzz.engine.kernel.objcg import ref_row
from percpu_fuzz.engine.kernel.page_stock import STOCK_MAX
from percpu_fuzz.engine.kernel.placement import stamp_area


@compiled
def check_stock(topo: Topo, prog: Prog, st: State, a: int, t: int, label: int) -> None:
    """I4, one CPU: no duplicates, page slots within 0..64 when unlocked, byte slots within what they hold."""
    for i in range(NR_PAGE_STOCK):
        m = st.ps_memcg[a, i]
        if m < 0:
            continue
        for j in range(i):
            if st.ps_memcg[a, j] == m:
                violate(st, t, label, I4, 1, 2)
        if st.ps_owner[a] == 0 and not 0 <= st.ps_pages[a, i] <= STOCK_MAX:
            violate(st, t, label, I4, STOCK_MAX, st.ps_pages[a, i])
    for i in range(NR_OBJ_STOCK):
        o = st.os_objcg[a, i]
        if o < 0:
            continue
        for j in range(i):
            if st.os_objcg[a, j] == o:
                violate(st, t, label, I4, 1, 2)
        if not 0 <= st.os_bytes[a, i] <= U16_MAX or i >= prog.v_obj_slots:
            violate(st, t, label, I4, U16_MAX, st.os_bytes[a, i])


@compiled
def check_entry(topo: Topo, prog: Prog, st: State, r: int, t: int, label: int) -> None:
    """I6, one area: it has an obj_exts entry iff it is accounted, checked while pcpu_lock is free."""
    if st.pcpu_lock != 0 or st.area_used[r] == 0 or st.area_chunk[r] < 0:
        return
    if (st.area_entry[r] >= 0) != (st.area_acct[r] == 1):
        violate(st, t, label, I6, st.area_acct[r], 1 if st.area_entry[r] >= 0 else 0)


@compiled
def check_pages(topo: Topo, prog: Prog, st: State, c: int, t: int, label: int) -> None:
    """I7, one chunk: pages under live areas are populated and lie where they lay."""
    r = st.chunk_head[c]
    while r >= 0:
        if st.area_used[r] == 2:
            stamp = stamp_area(topo, st, r)
            if stamp != st.area_stamp[r]:
                violate(st, t, label, I7, st.area_stamp[r], stamp)
        r = st.area_next[r]


@compiled
def count_holders(topo: Topo, prog: Prog, st: State, row: int) -> int:
    """Who holds a reference that is counted in objcg_ref[row]."""
    first, end = row, row + 1
    if prog.v_refs == 1:
        end = row + topo.nr_nodes
    holders = 1 if st.objcg_state[row] in (LIVE, OBJCG_DYING) else 0
    holders += st.objcg_orig[row]
    for a in range(topo.nr_act):
        for i in range(NR_OBJ_STOCK):
            holders += 1 if (first <= st.os_objcg[a, i]) & (st.os_objcg[a, i] < end) else 0
    for t in range(prog.nr_tasks):
        if prog.v_refs == 1 and st.x_held[t] >= 0 and ready_follows():
            holders += st.x_held[t] if st.x_memcg[t] * topo.nr_nodes == row else 0
        elif prog.v_refs == 1:
            for n in range(topo.nr_nodes):  # from 0 and without a branch, so that it is done eight nodes at a time
                holders += 1 if st.task_objcg[t, n] == row + n else 0
        elif st.task_objcg[t, row % topo.nr_nodes] == row:
            holders += 1
    return holders + count_entries(st, first, end)


@compiled
def count_entries(st: State, first: int, end: int) -> int:
    """Accounted areas whose obj_exts entry names one of the objcgs from first to end - 1.

    Eight rows at a time, without a branch in them: rows beyond the areas in use are left out where there are many.
    """
    entries, left = 0, st.nr_areas
    for begin in range(0, len(st.area_used), 8):
        if left <= 0:
            break
        for r in range(begin, begin + 8):
            left -= 1 if st.area_used[r] != 0 else 0
            named = (st.area_used[r] != 0) & (st.area_acct[r] == 1) & (first <= st.area_entry[r])
            entries += 1 if named & (st.area_entry[r] < end) else 0
    return entries


@compiled
def in_free_hook(prog: Prog, st: State, row: int, nr_nodes: int) -> int:
    """References held by free hooks that have cleared the entry and not yet put it, plus slab frees."""
    held = 0
    for t in range(prog.nr_tasks):
        o = st.r_objcg[t]
        if o >= 0 and st.r_held[t] == 1:
            if o == row or (prog.v_refs == 1 and o // nr_nodes * nr_nodes == row):
                held += 1
    return held


@compiled
def check_refs(topo: Topo, prog: Prog, st: State, o: int, t: int, label: int) -> None:
    """I20, one objcg: its count equals its holders."""
    row = ref_row(prog, topo, o)
    if st.objcg_state[row] == 0:
        return
    holders = count_holders(topo, prog, st, row) + in_free_hook(prog, st, row, topo.nr_nodes)
    holders += own_holders(topo, prog, st, row)
    if st.objcg_ref[row] != holders:
        violate(st, t, label, I20, holders, st.objcg_ref[row])


@compiled
def check_freed(topo: Topo, prog: Prog, st: State, m: int, t: int, label: int) -> None:
    """I19, one memcg: once its last css reference is gone no unreleased objcg points at it."""
    if st.memcg_state[m] != MEMCG_FREED:
        return
    for o in range(topo.nr_nodes, st.memcg_rows * topo.nr_nodes):
        if st.objcg_memcg[o] == m and ABSENT < st.objcg_state[ref_row(prog, topo, o)] < RELEASED:
            violate(st, t, label, I19, 0, o)


@compiled
def check_touched(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The incremental checks after a step.

    What others touched while a free held pcpu_lock could not be judged then: all rows are when it lets go.
    """
    if not ready_follows():
        check_unmarked(topo, prog, st, t, label)
    touched = st.dirty_cpu_n | st.dirty_objcg_n | st.dirty_memcg_n | st.dirty_area_n | st.dirty_chunk_n
    if touched == 0 and label != labels.FR_UNLOCK:
        return
    if max(st.dirty_cpu_n, st.dirty_objcg_n, st.dirty_memcg_n, st.dirty_area_n, st.dirty_chunk_n) > NR_LOG:
        check_everything(topo, prog, st, t, label)
        return
    for i in range(st.dirty_cpu_n):
        check_stock(topo, prog, st, st.dirty_cpu[i], t, label)
    for i in range(st.dirty_area_n):
        check_entry(topo, prog, st, st.dirty_area[i], t, label)
    if label == labels.FR_UNLOCK:
        for r in range(len(st.area_used)):
            check_entry(topo, prog, st, r, t, label)
    for i in range(st.dirty_chunk_n):
        check_pages(topo, prog, st, st.dirty_chunk[i], t, label)
    for i in range(st.dirty_objcg_n):
        check_refs(topo, prog, st, st.dirty_objcg[i], t, label)
    for i in range(st.dirty_memcg_n):
        check_freed(topo, prog, st, st.dirty_memcg[i], t, label)


@compiled
def check_unmarked(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """After a step of an engine of one's own, whose steps may mark too little: all stocks and entries, which are few;
    everything where an operation ends.
    """
    if label == labels.OP_END:
        check_everything(topo, prog, st, t, label)
    else:
        check_stocks_and_entries(topo, prog, st, t, label)


@compiled
def check_stocks_and_entries(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I4 of all CPUs and I6 of all areas."""
    for a in range(topo.nr_act):
        check_stock(topo, prog, st, a, t, label)
    for r in range(len(st.area_used)):
        check_entry(topo, prog, st, r, t, label)


@compiled
def check_everything(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """The same checkers over all rows."""
    check_stocks_and_entries(topo, prog, st, t, label)
    for c in range(len(st.chunk_state)):
        if st.chunk_state[c] != 0:
            check_pages(topo, prog, st, c, t, label)
    for m in range(1, st.memcg_rows):
        if st.memcg_state[m] != MEMCG_ABSENT:
            check_freed(topo, prog, st, m, t, label)
            for n in range(1 if prog.v_refs == 1 else topo.nr_nodes):  # one count for all nodes: judged once
                check_refs(topo, prog, st, m * topo.nr_nodes + n, t, label)


@compiled
def check_released(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """I20 at the end: after every release no reference is left."""
    for m in range(1, st.memcg_rows):
        for n in range(topo.nr_nodes):
            o = m * topo.nr_nodes + n
            if st.memcg_state[m] != MEMCG_ABSENT and ref_row(prog, topo, o) == o and st.objcg_state[o] != FREED:
                violate(st, t, label, I20, 0, st.objcg_ref[o])
