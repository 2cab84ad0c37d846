"""The rests of all nodes go back in one uncharge, to the objcg of the node where the task runs.

One call of obj_cgroup_uncharge() instead of one a node. What it breaks: the rest of a page leaves the statistics of the
local node, whichever node the page was accounted on (I14), and the objcgs no longer hold what was charged through them.
"""

from percpu_fuzz.engine.kernel.post_hook import po_node as po_node_of_v2
from percpu_fuzz.own import (
    OWN_1,
    OWN_2,
    Variant,
    account,
    ceil_div,
    goto,
    labels,
    lookup,
    note_live,
    replaces,
    step_at,
    uncharge,
)

VARIANT = Variant("local-rest", "the rests of all nodes in one uncharge, to the local node's objcg")

REST, REST_OBJCG = OWN_1, OWN_2


@replaces
def po_account(topo, prog, st, t):
    """obj_cgroup_account_kmem() of a node's pages; what is over is added up in a spare word of the task."""
    nr_bytes = st.node_bytes[t, st.r_nid[t]]
    pages = ceil_div(nr_bytes, topo.page_size)
    if account(topo, prog, st, t, st.r_nobjcg[t], pages):
        note_live(st, st.r_area[t], st.r_nid[t], st.r_nobjcg[t], nr_bytes)
        st.own_task[t, 0] += pages * topo.page_size - nr_bytes
        goto(st, t, labels.PO_NODE)


@replaces
def po_node(topo, prog, st, t):
    """The next node with bytes; after the last one the rest of all."""
    po_node_of_v2(topo, prog, st, t)
    if st.pc[t] == labels.PO_REFUND and st.own_task[t, 0] > 0:
        goto(st, t, REST)


@step_at(REST, "local obj_cgroup_nid: memcg")
def rest_memcg(topo, prog, st, t):
    """obj_cgroup_nid(objcg, numa_node_id()), first load."""
    st.r_memcg[t] = st.objcg_memcg[st.r_objcg[t]]
    goto(st, t, REST_OBJCG)


@step_at(REST_OBJCG, "uncharge all rests")
def rest_objcg(topo, prog, st, t):
    """Second load, and the one uncharge."""
    o = lookup(topo, st, st.r_memcg[t], topo.act_node[st.task_cpu[t]])
    rest = st.own_task[t, 0]
    st.own_task[t, 0] = 0
    st.r_memcg[t] = 0
    uncharge(topo, prog, st, t, o, rest, labels.PO_REFUND)
