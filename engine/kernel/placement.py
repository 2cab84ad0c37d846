"""Which node backs each page: best effort on cpu_to_node, zonelist fallback, populate and depopulate.

Classes small and trace keep the node of each (CPU, page); class wide keeps, for each page, how many CPUs' pages lie on
each node. Both walk possible CPUs in order, pages within a CPU in order, as pcpu_alloc_pages does.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.evidence import touch_chunk
from percpu_fuzz.engine.core.records import NR_LOG, Prog, State, Topo
from percpu_fuzz.engine.core.stages import CHUNK_RESERVED

PLACE_WATERMARK, PLACE_TABLE = range(2)


@compiled
def node_from_zonelist(topo: Topo, st: State, nid: int) -> int:
    """The first node of nid's zonelist above its low watermark, else above min; -1 if none has a page to give."""
    for i in range(topo.nr_nodes):
        n = topo.zonelist[nid, i]
        if n < 0:
            break
        if st.node_free[n] > topo.node_low[n]:
            return n
    for i in range(topo.nr_nodes):
        n = topo.zonelist[nid, i]
        if n < 0:
            break
        if st.node_free[n] > topo.node_min[n]:
            return n
    return -1


@compiled
def node_from_table(topo: Topo, prog: Prog, st: State, nid: int) -> int:
    """The next entry of the program's table: a step along nid's zonelist, modulo its length."""
    length = 0
    while length < topo.nr_nodes and topo.zonelist[nid, length] >= 0:
        length += 1
    step = prog.place_table[st.place_next]
    st.place_next = (st.place_next + 1) % prog.nr_table
    return topo.zonelist[nid, step % length]


@compiled
def alloc_page(topo: Topo, prog: Prog, st: State, nid: int) -> int:
    """alloc_pages_node(nid) for one page: the node it lies on, -1 if there is none."""
    if st.dry_node == nid + 1:
        return -1
    if prog.place_mode == PLACE_TABLE:
        return node_from_table(topo, prog, st, nid)
    n = node_from_zonelist(topo, st, nid)
    if n >= 0:
        st.node_free[n] -= 1
    return n


@compiled
def free_page(prog: Prog, st: State, n: int) -> None:
    """A page goes back to node n; a placement table does not count free pages."""
    if prog.place_mode == PLACE_WATERMARK:
        st.node_free[n] += 1


@compiled
def alloc_by_map(topo: Topo, prog: Prog, st: State, c: int, first: int, end: int) -> bool:
    """pcpu_alloc_pages with the node of each (CPU, page) kept; undone and False at the first failure."""
    for cpu in range(topo.nr_cpus):
        for p in range(first, end):
            n = alloc_page(topo, prog, st, topo.cpu_node[cpu])
            if n < 0:
                undo_by_map(prog, st, c, cpu, p, first, end)
                return False
            st.page_node[c, cpu, p] = n
    return True


@compiled
def undo_by_map(prog: Prog, st: State, c: int, cpu_end: int, page_end: int, first: int, end: int) -> None:
    """pcpu_alloc_pages, error path: all pages of CPUs before cpu_end, and cpu_end's before page_end, go back."""
    for cpu in range(cpu_end + 1):
        stop = page_end if cpu == cpu_end else end
        for p in range(first, stop):
            free_page(prog, st, st.page_node[c, cpu, p])
            st.page_node[c, cpu, p] = 0


@compiled
def add_counts(st: State, c: int, first: int, width: int, begin: int, taken: int, n: int) -> None:
    """Pages number begin .. begin + taken - 1 of a run of CPUs (CPU outer, page inner) lie on node n."""
    for i in range(width):
        before = begin // width + (1 if begin % width > i else 0)
        after = (begin + taken) // width + (1 if (begin + taken) % width > i else 0)
        st.page_count[c, first + i, n] += after - before


@compiled
def alloc_by_count(topo: Topo, prog: Prog, st: State, c: int, first: int, end: int) -> bool:
    """The same walk for class wide: a run of CPUs of one node takes pages in bulk until a node is full."""
    width = end - first
    for i in range(topo.nr_runs):
        need, begin = topo.run_cpus[i] * width, 0
        while begin < need:
            taken = 1
            n = alloc_page(topo, prog, st, topo.run_node[i])
            if n < 0:
                clear_counts(topo, prog, st, c, first, end)
                return False
            if prog.place_mode == PLACE_WATERMARK:
                mark = topo.node_low[n] if st.node_free[n] + 1 > topo.node_low[n] else topo.node_min[n]
                more = max(0, min(need - begin - 1, st.node_free[n] - mark))
                st.node_free[n] -= more
                taken += more
            add_counts(st, c, first, width, begin, taken, n)
            begin += taken
    return True


@compiled
def clear_counts(topo: Topo, prog: Prog, st: State, c: int, first: int, end: int) -> None:
    """Class wide: pages [first, end) of all CPUs go back to the nodes that page_count names."""
    for p in range(first, end):
        for n in range(topo.nr_nodes):
            if prog.place_mode == PLACE_WATERMARK:
                st.node_free[n] += st.page_count[c, p, n]
            st.page_count[c, p, n] = 0


@compiled
def populate_pages(topo: Topo, prog: Prog, st: State, c: int, first: int, end: int) -> bool:
    """pcpu_populate_chunk before the pages are marked: False if any page (or the mapping) failed; none is kept then."""
    st.nr_populates += 1
    if prog.fail_populate[st.nr_populates % NR_LOG] == 1:
        return False
    dry = prog.fail_node[st.nr_populates % NR_LOG]
    st.dry_node = (dry - 1) % topo.nr_nodes + 1 if dry > 0 else 0
    if topo.by_count == 1:
        done = alloc_by_count(topo, prog, st, c, first, end)
    else:
        done = alloc_by_map(topo, prog, st, c, first, end)
    st.dry_node = 0
    return done


@compiled
def mark_populated(st: State, c: int, first: int, end: int) -> None:
    """pcpu_chunk_populated, under pcpu_lock."""
    for p in range(first, end):
        st.page_populated[c, p] = 1
        st.chunk_populated[c] += 1
        if st.page_areas[c, p] == 0:
            st.chunk_empty[c] += 1
            if st.chunk_isolated[c] == 0 and st.chunk_state[c] != CHUNK_RESERVED:
                st.nr_empty_pop += 1
    touch_chunk(st, c)


@compiled
def depopulate_pages(topo: Topo, prog: Prog, st: State, c: int, first: int, end: int) -> None:
    """pcpu_depopulate_chunk and pcpu_chunk_depopulated of pages that no area touches."""
    for p in range(first, end):
        st.page_populated[c, p] = 0
        st.chunk_populated[c] -= 1
        if st.page_areas[c, p] == 0:
            st.chunk_empty[c] -= 1
            if st.chunk_isolated[c] == 0 and st.chunk_state[c] != CHUNK_RESERVED:
                st.nr_empty_pop -= 1
    if topo.by_count == 1:
        clear_counts(topo, prog, st, c, first, end)
    else:
        for cpu in range(topo.nr_cpus):
            for p in range(first, end):
                free_page(prog, st, st.page_node[c, cpu, p])
                st.page_node[c, cpu, p] = 0
    touch_chunk(st, c)


@compiled
def place_exts(topo: Topo, prog: Prog, st: State, c: int, nid: int) -> bool:
    """The obj_exts vector of a new chunk: vmalloc pages from the creating CPU's node on; False if one fails."""
    pages = topo.unit_pages * topo.ext_size // 4
    for i in range(pages):
        n = alloc_page(topo, prog, st, nid)
        if n < 0:
            for j in range(i):
                free_page(prog, st, st.ext_node[c, j])
                st.ext_node[c, j] = 0
            return False
        st.ext_node[c, i] = n
    return True


@compiled
def free_exts(topo: Topo, prog: Prog, st: State, c: int) -> None:
    """A destroyed chunk's obj_exts pages go back to their nodes: unit_pages * ext_size / 4 of them."""
    pages = topo.unit_pages * topo.ext_size // 4
    for i in range(pages):
        free_page(prog, st, st.ext_node[c, i])
        st.ext_node[c, i] = 0


@compiled
def stamp_page(topo: Topo, st: State, c: int, p: int) -> int:
    """A number that changes when the node of any CPU's page p changes, or the page goes away."""
    total = 0
    if st.page_populated[c, p] == 0:
        return -1
    if topo.by_count == 1:
        for n in range(topo.nr_nodes):
            total = (total * 31 + st.page_count[c, p, n] * (n + 7)) % 1000003
        return total
    for cpu in range(topo.nr_cpus):
        total = (total * 31 + st.page_node[c, cpu, p] + 1) % 1000003
    return total


@compiled
def stamp_area(topo: Topo, st: State, r: int) -> int:
    """The stamps of all pages under an area, as one number; -1 if one of them is not populated."""
    c = st.area_chunk[r]
    total = 0
    last = (st.area_off[r] + st.area_bytes[r] - 1) // topo.page_size
    for p in range(st.area_off[r] // topo.page_size, last + 1):
        stamp = stamp_page(topo, st, c, p)
        if stamp < 0:
            return -1
        total = (total * 131 + stamp) % 1000000007
    return total
