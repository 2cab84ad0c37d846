"""pcpu_alloc after the pre hook: mutex, search, chunk creation, populate, and every failure path."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.core.primitives import WORK, ceil_div, goto, stir
from percpu_fuzz.engine.core.records import NR_LOG, Prog, State, Topo
from percpu_fuzz.engine.core.stages import CHUNK_DYNAMIC, CHUNK_UNUSED
from percpu_fuzz.engine.kernel.chunks import (
    EMPTY_POP_PAGES_LOW,
    alloc_area,
    class_of_chunk,
    count_free_chunks,
    drop_area,
    free_area_row,
    free_slot,
    move_chunk,
    release_row,
    take_area,
)
from percpu_fuzz.engine.kernel.placement import mark_populated, place_exts, populate_pages, stamp_area


@compiled
def gfp_of(prog: Prog, st: State, t: int) -> int:
    """gfp bits and OP_* marks (engine.core.labels) of the operation that the task is in."""
    return prog.op_gfp[t, st.op_i[t]]


@compiled
def is_atomic(prog: Prog, st: State, t: int) -> bool:
    """!gfpflags_allow_blocking: populated pages only, no new chunk, no pcpu_alloc_mutex."""
    return gfp_of(prog, st, t) & labels.GFP_NOBLOCK != 0


@compiled
def illegal_request(topo: Topo, size_bytes: int, align: int) -> bool:
    """pcpu_alloc refuses: nothing, more than PCPU_MIN_UNIT_SIZE, alignment over a page or not a power of two.

    An alignment below 4 was raised to 4 before.
    """
    align = max(align, 4)
    return size_bytes <= 0 or size_bytes > topo.min_unit_size or align > topo.page_size or align & (align - 1) != 0


@compiled
def al_mutex(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """mutex_lock_killable(pcpu_alloc_mutex); atomic requests do not take it."""
    if is_atomic(prog, st, t):
        goto(st, t, labels.AL_AREA)
        return
    if st.mutex != 0:
        goto(st, t, labels.PO_UNDO)
        return
    st.mutex = t + 1
    stir(st, WORK)
    goto(st, t, labels.AL_AREA)


@compiled
def mutex_ready(prog: Prog, st: State, t: int) -> bool:
    """A waiter runs when the mutex is free, or when it is killed while it waits (not with __GFP_NOFAIL)."""
    if is_atomic(prog, st, t) or st.mutex == 0:
        return True
    gfp = gfp_of(prog, st, t)
    return gfp & labels.OP_KILLED != 0 and gfp & labels.GFP_NOFAIL == 0


@compiled
def place_area(topo: Topo, st: State, c: int, off: int, size_bytes: int) -> int:
    """A recorded allocation: its area is known (chunk c; none if it failed); a free row for it, or -2."""
    r = free_area_row(st)
    if r < 0 or c < 0:
        return -2
    take_area(topo, st, c, r, off, size_bytes)
    return r


@compiled
def search_fails(prog: Prog, st: State) -> bool:
    """An injected failure of a search that must not block: as data, by how many there were before."""
    st.nr_searches += 1
    return prog.fail_space[st.nr_searches % NR_LOG] == 1


@compiled
def al_area(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The search, one pcpu_lock section."""
    op = st.op_i[t]
    atomic = is_atomic(prog, st, t)
    size_bytes = ceil_div(prog.op_bytes[t, op], 4) * 4
    align = max(prog.op_align[t, op], 4) if prog.op_kind[t, op] != labels.OP_PLACE else prog.op_align[t, op]
    reserved = gfp_of(prog, st, t) & labels.OP_RESERVED != 0
    if prog.op_kind[t, op] == labels.OP_PLACE:
        r = place_area(topo, st, prog.op_value[t, op], align, size_bytes)
    elif atomic and search_fails(prog, st):
        r = -1
    else:
        r = alloc_area(topo, prog, st, size_bytes, align, atomic, reserved)
    if r >= 0:
        st.r_area[t] = r
        st.r_nid[t] = 0
        if st.nr_empty_pop < EMPTY_POP_PAGES_LOW:
            st.balance_queued = 1
            stir(st, WORK)
        goto(st, t, labels.AL_UNLOCK if atomic else labels.AL_POPULATE)
    elif atomic or r == -2 or (reserved and topo.reserved_room > 0) or count_free_chunks(topo, st) > 0:
        goto(st, t, labels.AL_NO_AREA)
    else:
        goto(st, t, labels.AL_CREATE)


@compiled
def create_chunk(topo: Topo, prog: Prog, st: State, nid: int) -> bool:
    """pcpu_create_chunk with its obj_exts; False without memory or without a row."""
    st.nr_creates += 1
    if prog.fail_create[st.nr_creates % NR_LOG] == 1:
        return False
    for c in range(2, len(st.chunk_pos)):
        if st.chunk_state[c] == CHUNK_UNUSED:
            if not place_exts(topo, prog, st, c, nid):
                return False
            st.chunk_state[c] = CHUNK_DYNAMIC
            st.chunk_head[c] = -1
            st.chunk_free[c] = topo.unit_pages * topo.page_size
            st.chunk_class[c] = class_of_chunk(topo, st, c)
            move_chunk(st, c, free_slot(topo), True)
            return True
    return False


@compiled
def al_create(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_create_chunk, its obj_exts from the task's node on; then the search again, or failure without memory."""
    if create_chunk(topo, prog, st, topo.act_node[st.task_cpu[t]]):
        goto(st, t, labels.AL_AREA)
        return
    goto(st, t, labels.AL_NO_AREA)


@compiled
def next_clear_range(topo: Topo, st: State, t: int) -> int:
    """The next range of unpopulated pages under the area, from page r_nid on: first << 16 | end, -1 if none."""
    r = st.r_area[t]
    c = st.area_chunk[r]
    end = ceil_div(st.area_off[r] + st.area_bytes[r], topo.page_size)
    first = max(st.area_off[r] // topo.page_size, st.r_nid[t])
    while first < end and st.page_populated[c, first] == 1:
        first += 1
    if first >= end:
        return -1
    stop = first
    while stop < end and st.page_populated[c, stop] == 0:
        stop += 1
    return first << 16 | stop


@compiled
def al_populate(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_populate_chunk of one clear range, pcpu_lock dropped."""
    span = next_clear_range(topo, st, t)
    if span < 0:
        goto(st, t, labels.AL_UNLOCK)
        return
    c = st.area_chunk[st.r_area[t]]
    if populate_pages(topo, prog, st, c, span >> 16, span & 0xFFFF):
        goto(st, t, labels.AL_POP_MARK)
        return
    goto(st, t, labels.AL_POP_FAIL)


@compiled
def al_pop_mark(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """pcpu_chunk_populated for the range that was just backed, one pcpu_lock section; the next clear range follows."""
    span = next_clear_range(topo, st, t)
    mark_populated(st, st.area_chunk[st.r_area[t]], span >> 16, span & 0xFFFF)
    st.r_nid[t] = span & 0xFFFF
    goto(st, t, labels.AL_POPULATE)


@compiled
def al_pop_fail(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """The area goes back; ranges populated before stay."""
    drop_area(topo, st, st.r_area[t])
    release_row(st, st.r_area[t])
    st.r_area[t] = -1
    st.r_nid[t] = 0
    goto(st, t, labels.AL_NO_AREA)


@compiled
def al_no_area(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Failure: atomic requests ask for balance work, others let the mutex go; then the post hook with chunk NULL."""
    if is_atomic(prog, st, t):
        st.atomic_failed = 1
        st.balance_queued = 1
        stir(st, WORK)
    else:
        st.mutex = 0
        stir(st, WORK)
    goto(st, t, labels.PO_UNDO)


@compiled
def al_unlock(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Every page is there: the area is live."""
    if not is_atomic(prog, st, t):
        st.mutex = 0
        stir(st, WORK)
    r = st.r_area[t]
    st.r_nid[t] = 0
    st.area_used[r] = 2
    st.area_stamp[r] = stamp_area(topo, st, r)
    st.nr_alloc += 1
    goto(st, t, labels.PO_BEGIN)


# The steps of pcpu_alloc between its hooks.
alloc_step = piece(al_mutex, al_area, al_create, al_populate, al_pop_mark, al_pop_fail, al_unlock, al_no_area)
