"""Balance work under pcpu_alloc_mutex: free chunks, reclaim populated pages, keep empties ready."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.evidence import hazard
from percpu_fuzz.engine.core.planted import SLIP_DEPOPULATE
from percpu_fuzz.engine.core.primitives import goto
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.core.stages import CHUNK_DYNAMIC, CHUNK_UNUSED
from percpu_fuzz.engine.kernel.chunks import (
    EMPTY_POP_PAGES_HIGH,
    depopulate_slot,
    free_slot,
    move_chunk,
    next_in_slot,
    reintegrate,
    sidelined_slot,
    slot_of_bytes,
)
from percpu_fuzz.engine.kernel.percpu_alloc import create_chunk
from percpu_fuzz.engine.kernel.placement import depopulate_pages, free_exts, mark_populated, populate_pages


@compiled
def destroy_chunk(topo: Topo, prog: Prog, st: State, c: int) -> None:
    """Depopulate every range and free the chunk with its obj_exts."""
    for p in range(topo.unit_pages):
        if st.page_populated[c, p] == 1:
            depopulate_pages(topo, prog, st, c, p, p + 1)
    free_exts(topo, prog, st, c)
    st.chunk_state[c] = CHUNK_UNUSED
    st.chunk_slot[c] = 0
    st.chunk_class[c] = 0
    st.chunk_pos[c] = 0
    st.chunk_free[c] = 0
    st.chunk_isolated[c] = 0


@compiled
def free_chunks(topo: Topo, prog: Prog, st: State, empty_only: bool) -> None:
    """pcpu_balance_free: all wholly free chunks but the first of the list; or only those without populated pages."""
    position = -(1 << 30)
    kept = next_in_slot(st, free_slot(topo), position)
    c = kept
    while c >= 0:
        position = st.chunk_pos[c]
        following = next_in_slot(st, free_slot(topo), position)
        if c != kept and st.chunk_state[c] == CHUNK_DYNAMIC and (not empty_only or st.chunk_empty[c] == 0):
            hazard(st, 20)
            destroy_chunk(topo, prog, st, c)
        c = following


@compiled
def ba_free(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_balance_free, first pass: wholly free chunks but the first go; reclaim then scans from the top page."""
    free_chunks(topo, prog, st, False)
    st.bal_page = topo.unit_pages
    goto(st, t, labels.BA_RECLAIM)


@compiled
def ba_reclaim(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_reclaim_populated: one page of the chunk on the list to depopulate, from high to low."""
    c = next_in_slot(st, depopulate_slot(topo), -(1 << 30))
    if c < 0:
        st.bal_page = 0
        st.bal_todo = max(0, EMPTY_POP_PAGES_HIGH - st.nr_empty_pop)
        if st.atomic_failed == 1:
            st.atomic_failed = 0
            st.bal_todo = EMPTY_POP_PAGES_HIGH
        goto(st, t, labels.BA_POPULATE)
        return
    if st.bal_page == 0 or st.chunk_empty[c] == 0:
        end_reclaim(topo, st, c, st.chunk_head[c] < 0)
        return
    if st.nr_empty_pop < EMPTY_POP_PAGES_HIGH or st.chunk_head[c] < 0:
        end_reclaim(topo, st, c, True)
        return
    st.bal_page -= 1
    p = st.bal_page
    if st.page_populated[c, p] == 1 and (st.page_areas[c, p] == 0 or prog.v_slip == SLIP_DEPOPULATE):
        hazard(st, 20)
        depopulate_pages(topo, prog, st, c, p, p + 1)


@compiled
def end_reclaim(topo: Topo, st: State, c: int, back: bool) -> None:
    """The scan of one chunk is over: back to the lists that are searched first, or sidelined behind them."""
    st.bal_page = topo.unit_pages
    if back:
        reintegrate(topo, st, c)
    else:
        move_chunk(st, c, sidelined_slot(topo), False)


@compiled
def chunk_to_populate(topo: Topo, st: State) -> int:
    """The most packed chunk with unpopulated pages, -1 if none; sidelined ones come just before the free ones."""
    for slot in range(slot_of_bytes(topo.page_size), free_slot(topo) + 1):
        position = -(1 << 30)
        while True:
            c = next_in_slot(st, slot, position)
            if c < 0:
                break
            position = st.chunk_pos[c]
            if st.chunk_state[c] == CHUNK_DYNAMIC and st.chunk_populated[c] < topo.unit_pages:
                return c
    return -1


@compiled
def ba_populate(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_balance_populated: one range a step until enough empty pages are ready; may create a chunk once."""
    if st.bal_todo <= 0:
        goto(st, t, labels.BA_FREE_EMPTY)
        return
    c = chunk_to_populate(topo, st)
    if c < 0:
        if not create_chunk(topo, prog, st, topo.act_node[st.task_cpu[t]]):
            st.bal_todo = 0
        return
    first = 0
    while st.page_populated[c, first] == 1:
        first += 1
    end = first
    while end < topo.unit_pages and st.page_populated[c, end] == 0 and end - first < st.bal_todo:
        end += 1
    if not populate_pages(topo, prog, st, c, first, end):
        st.bal_todo = 0
        return
    mark_populated(st, c, first, end)
    st.bal_todo -= end - first


@compiled
def ba_free_empty(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_balance_free, last pass: of the free chunks but the first, those without populated pages go; unlock."""
    free_chunks(topo, prog, st, True)
    st.mutex = 0
    goto(st, t, labels.IDLE)


# The steps of balance work.
balance_step = piece(ba_free, ba_reclaim, ba_populate, ba_free_empty)
