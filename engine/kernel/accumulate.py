"""Bytes by node: accumulate_pages of 6/9, the obj_exts slice of 7/9, the exact walk of `fixed`, and the truth.

Pure functions of where pages lie.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Grid
from percpu_fuzz.engine.core.primitives import ceil_div
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.kernel.precharge import full_size
from percpu_fuzz.engine.variant import WALK_EXACT, WALK_NOMINAL


@compiled
def add_page(topo: Topo, prog: Prog, st: State, c: int, p: int, nr_bytes: int, walk: int, out: Grid, row: int) -> None:
    """Add nr_bytes for each possible CPU to the node of its page p of chunk c."""
    if walk == WALK_NOMINAL:
        for i in range(topo.nr_runs):
            out[row, topo.run_node[i]] += nr_bytes * topo.run_cpus[i]
    elif topo.by_count == 1:
        for n in range(topo.nr_nodes):
            out[row, n] += st.page_count[c, p, n] * nr_bytes
    else:
        for cpu in range(topo.nr_cpus):
            out[row, st.page_node[c, cpu, p]] += nr_bytes


@compiled
def add_payload(
    topo: Topo, prog: Prog, st: State, c: int, off: int, size_bytes: int, walk: int, out: Grid, row: int
) -> None:
    """The payload by node. 6/9 counts pages from the size alone, so an area that straddles is booked too early."""
    page_size = topo.page_size
    if walk == WALK_EXACT:
        done = 0
        while done < size_bytes:
            here = min(size_bytes - done, page_size - (off + done) % page_size)
            add_page(topo, prog, st, c, (off + done) // page_size, here, walk, out, row)
            done += here
        return
    nr_pages = ceil_div(size_bytes, page_size)
    for i in range(nr_pages):
        here = page_size
        if i == nr_pages - 1:
            here = size_bytes - (nr_pages - 1) * page_size
        add_page(topo, prog, st, c, off // page_size + i, here, walk, out, row)


@compiled
def add_exts(topo: Topo, st: State, c: int, off: int, size_bytes: int, out: Grid, row: int) -> None:
    """The obj_exts slice of the area, split exactly at page boundaries (7/9)."""
    begin = off // 4 * topo.ext_size
    end = begin + size_bytes // 4 * topo.ext_size
    while begin < end:
        here = min(end - begin, topo.page_size - begin % topo.page_size)
        out[row, st.ext_node[c, begin // topo.page_size]] += here
        begin += here


@compiled
def accumulate(topo: Topo, prog: Prog, st: State, c: int, off: int, size_bytes: int, out: Grid, row: int) -> None:
    """out[row, :] = the bytes by node that the variant charges for an area."""
    for n in range(topo.nr_nodes):
        out[row, n] = 0
    if prog.v_fast == 1 and st.nr_online_nodes == 1:
        for n in range(topo.nr_nodes):
            if st.node_online[n] == 1:
                out[row, n] = full_size(topo, size_bytes)
                return
    add_payload(topo, prog, st, c, off, size_bytes, prog.v_walk, out, row)
    if prog.v_ext == 1:
        add_exts(topo, st, c, off, size_bytes, out, row)


@compiled
def next_node(topo: Topo, prog: Prog, st: State, out: Grid, row: int, nid: int) -> int:
    """The first online node from `nid` on with bytes in out[row, :]; nr_nodes if none."""
    while nid < topo.nr_nodes:
        if out[row, nid] > 0 and st.node_online[nid] == 1:
            if prog.v_nodes == 0 or node_has_cpu(topo, nid):
                return nid
        nid += 1
    return topo.nr_nodes


@compiled
def node_has_cpu(topo: Topo, nid: int) -> bool:
    """Whether cpu_to_node of any possible CPU is this node; a memory-only node has none (choice `nodes` skips it)."""
    for i in range(topo.nr_runs):
        if topo.run_node[i] == nid:
            return True
    return False


@compiled
def pages_of_node(topo: Topo, prog: Prog, nr_bytes: int) -> int:
    """Pages that the post hook accounts for a node's bytes."""
    if prog.v_round == 1:
        return nr_bytes // topo.page_size
    return ceil_div(nr_bytes, topo.page_size)
