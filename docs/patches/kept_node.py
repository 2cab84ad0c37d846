"""The node of each backing page is kept in the chunk when it is populated, and read instead of walking page tables.

The cover of v2 describes it and did not send it. Same function as v2 as long as what is kept is renewed whenever a page
is depopulated and populated again. Spare words: own_page beside page_node, own_count beside page_count (class wide).
"""

from percpu_fuzz.engine.kernel.placement import populate_pages as populate_pages_of_v2
from percpu_fuzz.own import Variant, replaces

VARIANT = Variant("kept-node", "as v2, the node of each page kept in the chunk when it is populated")


@replaces
def populate_pages(topo, prog, st, c, first, end):
    """pcpu_populate_chunk; then the nodes are kept."""
    done = populate_pages_of_v2(topo, prog, st, c, first, end)
    if done:
        for p in range(first, end):
            if topo.by_count == 1:
                for n in range(topo.nr_nodes):
                    st.own_count[c, p, n] = st.page_count[c, p, n]
            else:
                for cpu in range(topo.nr_cpus):
                    st.own_page[c, cpu, p] = st.page_node[c, cpu, p]
    return done


@replaces
def add_page(topo, prog, st, c, p, nr_bytes, walk, out, row):
    """accumulate_pages of one page, from what was kept."""
    if topo.by_count == 1:
        for n in range(topo.nr_nodes):
            out[row, n] += st.own_count[c, p, n] * nr_bytes
    else:
        for cpu in range(topo.nr_cpus):
            out[row, st.own_page[c, cpu, p]] += nr_bytes
