"""The twin of kept_node.py with the mistake that it invites: what was kept is not renewed with the page.

It starts from v2-exts, where the node statistics are compared with where the bytes lie (I14). Both hooks read the same
stale node, so alloc and free agree (I3 holds) and every sum comes out right but the nodes' own.
"""

from percpu_fuzz.engine.kernel.placement import populate_pages as populate_pages_of_v2
from percpu_fuzz.own import Variant, replaces

VARIANT = Variant("kept-node-stale", "the kept node of a page is the one of its first time", based_on="v2-exts", ext=1)


@replaces
def populate_pages(topo, prog, st, c, first, end):
    """pcpu_populate_chunk; the nodes are kept the first time. Kept: node + 1, or CPUs on node 0 (wide) + 1."""
    done = populate_pages_of_v2(topo, prog, st, c, first, end)
    if done:
        for p in range(first, end):
            if topo.by_count == 1:
                kept = 0
                for n in range(topo.nr_nodes):
                    kept += st.own_count[c, p, n]
                if kept == 0:
                    for n in range(topo.nr_nodes):
                        st.own_count[c, p, n] = st.page_count[c, p, n]
            else:
                for cpu in range(topo.nr_cpus):
                    if st.own_page[c, cpu, p] == 0:
                        st.own_page[c, cpu, p] = st.page_node[c, cpu, p] + 1
    return done


@replaces
def add_page(topo, prog, st, c, p, nr_bytes, walk, out, row):
    """accumulate_pages of one page, from what was kept."""
    if topo.by_count == 1:
        for n in range(topo.nr_nodes):
            out[row, n] += st.own_count[c, p, n] * nr_bytes
    else:
        for cpu in range(topo.nr_cpus):
            out[row, st.own_page[c, cpu, p] - 1] += nr_bytes
