"""Chunks and areas: slots, aligned first fit, which chunk is tried first.

The alloc bitmap is the chain of a chunk's areas by offset. Every call here is one section under pcpu_lock.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.primitives import ceil_div
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.core.stages import CHUNK_DYNAMIC, CHUNK_FIRST, CHUNK_RESERVED, CHUNK_UNUSED

SLOT_BASE_SHIFT = 5
SLOT_FAIL_THRESHOLD = 3
EMPTY_POP_PAGES_LOW = 2
EMPTY_POP_PAGES_HIGH = 4


@compiled
def slot_of_bytes(nr_bytes: int) -> int:
    """pcpu_size_to_slot: the highest bit's number, 32 bytes and below in the same slot."""
    highest = 0
    while nr_bytes > 0:
        highest += 1
        nr_bytes >>= 1
    return max(highest - SLOT_BASE_SHIFT + 2, 1)


@compiled
def unit_slot(topo: Topo) -> int:
    """pcpu_size_to_slot of the unit size: the last list that goes by hole size; three special ones follow."""
    return slot_of_bytes(topo.unit_pages * topo.page_size)


@compiled
def sidelined_slot(topo: Topo) -> int:
    """pcpu_sidelined_slot: isolated chunks that reclaim is done with; only wholly free ones are searched later."""
    return unit_slot(topo) + 1


@compiled
def free_slot(topo: Topo) -> int:
    """pcpu_free_slot: wholly free dynamic chunks, the last list that a search comes to."""
    return unit_slot(topo) + 2


@compiled
def depopulate_slot(topo: Topo) -> int:
    """pcpu_to_depopulate_slot: isolated chunks that wait for reclaim; no search looks here."""
    return unit_slot(topo) + 3


@compiled
def chunk_start(topo: Topo, st: State, c: int) -> int:
    """Offset of the first byte that areas may take: the first chunk's dynamic region begins inside its first page."""
    if st.chunk_state[c] == CHUNK_FIRST:
        return topo.first_start
    return 0


@compiled
def chunk_end(topo: Topo, st: State, c: int) -> int:
    """One past the last byte that areas of the chunk may take."""
    if st.chunk_state[c] == CHUNK_FIRST:
        return topo.first_start + topo.first_room
    if st.chunk_state[c] == CHUNK_RESERVED:
        return topo.reserved_room
    return topo.unit_pages * topo.page_size


@compiled
def has_exts(st: State, c: int) -> bool:
    """obj_exts exists: not for the first and the reserved chunk."""
    return st.chunk_state[c] == CHUNK_DYNAMIC


@compiled
def largest_hole(topo: Topo, st: State, c: int) -> int:
    """contig_hint in bytes: the longest free stretch between two areas or the chunk's ends, whatever its alignment."""
    largest, start = 0, chunk_start(topo, st, c)
    r = st.chunk_head[c]
    while r >= 0:
        largest = max(largest, st.area_off[r] - start)
        start = st.area_off[r] + st.area_bytes[r]
        r = st.area_next[r]
    return max(largest, chunk_end(topo, st, c) - start)


@compiled
def class_of_chunk(topo: Topo, st: State, c: int) -> int:
    """pcpu_chunk_slot: 0 when full, the free slot when wholly free, else by the largest hole."""
    if st.chunk_state[c] == CHUNK_DYNAMIC and st.chunk_head[c] < 0:
        return free_slot(topo)
    hole = largest_hole(topo, st, c)
    if hole < 4:
        return 0
    return slot_of_bytes(hole)


@compiled
def move_chunk(st: State, c: int, slot: int, front: bool) -> None:
    """Put the chunk at the front or the tail of a slot's list."""
    edge = 0
    for other in range(len(st.chunk_pos)):
        if other != c and st.chunk_state[other] != CHUNK_UNUSED and st.chunk_slot[other] == slot:
            if front:
                edge = min(edge, st.chunk_pos[other] - 1)
            else:
                edge = max(edge, st.chunk_pos[other] + 1)
    st.chunk_pos[c] = edge
    st.chunk_slot[c] = slot


@compiled
def relocate(topo: Topo, st: State, c: int) -> None:
    """pcpu_chunk_relocate: only when the computed slot changed; isolated chunks stay where they are."""
    old = st.chunk_class[c]
    new = class_of_chunk(topo, st, c)
    st.chunk_class[c] = new
    if new != old and st.chunk_isolated[c] == 0 and st.chunk_state[c] != CHUNK_RESERVED:
        move_chunk(st, c, new, new > old)


@compiled
def isolate(topo: Topo, st: State, c: int) -> None:
    """pcpu_isolate_chunk: off the counted empties, onto the list to depopulate."""
    if st.chunk_isolated[c] == 0:
        st.chunk_isolated[c] = 1
        st.nr_empty_pop -= st.chunk_empty[c]
    move_chunk(st, c, depopulate_slot(topo), False)


@compiled
def reintegrate(topo: Topo, st: State, c: int) -> None:
    """pcpu_reintegrate_chunk: an isolated chunk goes to the front of its hole's list, its empty pages count again."""
    if st.chunk_isolated[c] == 1:
        st.chunk_isolated[c] = 0
        st.nr_empty_pop += st.chunk_empty[c]
        st.chunk_class[c] = class_of_chunk(topo, st, c)
        move_chunk(st, c, st.chunk_class[c], True)


@compiled
def unpopulated_at(topo: Topo, st: State, c: int, off: int, nr_bytes: int) -> int:
    """The last page under [off, off + nr_bytes) that is not populated, -1 if none."""
    last = -1
    for p in range(off // topo.page_size, ceil_div(off + nr_bytes, topo.page_size)):
        if st.page_populated[c, p] == 0:
            last = p
    return last


@compiled
def fit_in_hole(topo: Topo, st: State, c: int, start: int, end: int, nr_bytes: int, align: int, atomic: bool) -> int:
    """The first aligned offset in [start, end) that holds nr_bytes, on populated pages only if atomic; -1 if none."""
    off = ceil_div(start, align) * align
    while off + nr_bytes <= end:
        if not atomic:
            return off
        bad = unpopulated_at(topo, st, c, off, nr_bytes)
        if bad < 0:
            return off
        off = ceil_div((bad + 1) * topo.page_size, align) * align
    return -1


@compiled
def find_fit(topo: Topo, st: State, c: int, nr_bytes: int, align: int, atomic: bool) -> int:
    """Aligned first fit in one chunk: the offset, -1 if none."""
    start = chunk_start(topo, st, c)
    r = st.chunk_head[c]
    while r >= 0:
        off = fit_in_hole(topo, st, c, start, st.area_off[r], nr_bytes, align, atomic)
        if off >= 0:
            return off
        start = st.area_off[r] + st.area_bytes[r]
        r = st.area_next[r]
    return fit_in_hole(topo, st, c, start, chunk_end(topo, st, c), nr_bytes, align, atomic)


@compiled
def next_in_slot(st: State, slot: int, after: int) -> int:
    """The chunk of a slot's list that follows position `after` (exclusive), -1 at the end."""
    best = -1
    for c in range(len(st.chunk_pos)):
        if st.chunk_state[c] in (CHUNK_UNUSED, CHUNK_RESERVED) or st.chunk_slot[c] != slot or st.chunk_pos[c] <= after:
            continue
        if best < 0 or st.chunk_pos[c] < st.chunk_pos[best]:
            best = c
    return best


@compiled
def free_area_row(st: State) -> int:
    """The first area row that nobody uses, -1 if all are in use."""
    for r in range(len(st.area_used)):
        if st.area_used[r] == 0:
            return r
    return -1


@compiled
def count_pages(topo: Topo, st: State, c: int, off: int, nr_bytes: int, step: int) -> None:
    """Add `step` areas to each page under [off, off + nr_bytes), and keep the empty populated pages counted."""
    for p in range(off // topo.page_size, ceil_div(off + nr_bytes, topo.page_size)):
        was_empty = st.page_areas[c, p] == 0
        st.page_areas[c, p] += step
        now_empty = st.page_areas[c, p] == 0
        if st.page_populated[c, p] == 1 and was_empty != now_empty:
            change = 1 if now_empty else -1
            st.chunk_empty[c] += change
            if st.chunk_isolated[c] == 0 and st.chunk_state[c] != CHUNK_RESERVED:
                st.nr_empty_pop += change


@compiled
def link_area(st: State, c: int, r: int) -> None:
    """An area joins its chunk's list, which is sorted by offset."""
    off = st.area_off[r]
    previous, here = -1, st.chunk_head[c]
    while here >= 0 and st.area_off[here] < off:
        previous = here
        here = st.area_next[here]
    st.area_next[r] = here
    if previous < 0:
        st.chunk_head[c] = r
    else:
        st.area_next[previous] = r


@compiled
def unlink_area(st: State, c: int, r: int) -> None:
    """An area leaves its chunk's list; its row keeps offset and bytes for the free hook."""
    if st.chunk_head[c] == r:
        st.chunk_head[c] = st.area_next[r]
    else:
        previous = st.chunk_head[c]
        while st.area_next[previous] != r:
            previous = st.area_next[previous]
        st.area_next[previous] = st.area_next[r]
    st.area_next[r] = -1


@compiled
def take_area(topo: Topo, st: State, c: int, r: int, off: int, nr_bytes: int) -> None:
    """pcpu_alloc_area: the bits are set, the chunk may change its list."""
    st.area_used[r] = 1
    st.area_chunk[r] = c
    st.area_off[r] = off
    st.area_bytes[r] = nr_bytes
    st.area_entry[r] = -1
    st.area_acct[r] = 0
    st.nr_areas += 1
    link_area(st, c, r)
    count_pages(topo, st, c, off, nr_bytes, 1)
    st.chunk_free[c] -= nr_bytes
    relocate(topo, st, c)


@compiled
def alloc_area(topo: Topo, prog: Prog, st: State, nr_bytes: int, align: int, atomic: bool, reserved: bool) -> int:
    """The search of pcpu_alloc under pcpu_lock: the new area's row, -1 without room, -2 without a free row."""
    r = free_area_row(st)
    if r < 0:
        return -2
    if reserved and topo.reserved_room > 0:
        off = find_fit(topo, st, 1, nr_bytes, align, atomic)
        if off < 0:
            return -1
        take_area(topo, st, 1, r, off, nr_bytes)
        return r
    for slot in range(slot_of_bytes(nr_bytes), free_slot(topo) + 1):
        position = -(1 << 30)
        while True:
            c = next_in_slot(st, slot, position)
            if c < 0:
                break
            position = st.chunk_pos[c]
            off = find_fit(topo, st, c, nr_bytes, align, atomic)
            if off >= 0:
                take_area(topo, st, c, r, off, nr_bytes)
                reintegrate(topo, st, c)
                return r
            if slot < SLOT_FAIL_THRESHOLD:
                move_chunk(st, c, 0, True)
    return -1


@compiled
def drop_area(topo: Topo, st: State, r: int) -> None:
    """pcpu_free_area: the bits are cleared; the row stays until the free hook is done with it."""
    c = st.area_chunk[r]
    unlink_area(st, c, r)
    count_pages(topo, st, c, st.area_off[r], st.area_bytes[r], -1)
    st.chunk_free[c] += st.area_bytes[r]
    relocate(topo, st, c)


@compiled
def release_row(st: State, r: int) -> None:
    """Clear an area's row."""
    st.area_used[r] = 0
    st.area_chunk[r] = 0
    st.area_off[r] = 0
    st.area_bytes[r] = 0
    st.area_next[r] = -1
    st.area_entry[r] = -1
    st.area_acct[r] = 0
    st.area_stamp[r] = 0
    st.nr_areas -= 1


@compiled
def count_free_chunks(topo: Topo, st: State) -> int:
    """How many wholly free chunks are listed: a blocking search creates one at 0, a free asks for balance above 1."""
    total = 0
    for c in range(len(st.chunk_pos)):
        if st.chunk_state[c] == CHUNK_DYNAMIC and st.chunk_slot[c] == free_slot(topo):
            total += 1
    return total
