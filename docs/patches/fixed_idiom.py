"""v2 with the kernel's own idiom for the objcg of another node: climb until one is not NULL, and take a reference.

Used where a folio migrates. One lookup a node serves both the pages and the rest. NULL is gone (I18): the root always
has an objcg. What it does not cure: the free side climbs again, later, and may meet another objcg than the one that was
charged, so that the rest of a page stays with an objcg that is then released (I8).
"""

from percpu_fuzz.engine.kernel.free_hook import fr_node as fr_node_of_v2
from percpu_fuzz.engine.kernel.objcg import objcg_get, objcg_put
from percpu_fuzz.engine.kernel.post_hook import po_node as po_node_of_v2
from percpu_fuzz.own import Variant, climb, goto, labels, replaces

VARIANT = Variant("fixed-idiom", "each lookup climbs and holds", based_on="v2-fast", ext=1, fast=1)


def get_climbing(topo, prog, st, t):
    """The first objcg of r_nid from r_memcg upward, held: own_task[t, 0] is its row + 1."""
    o = climb(topo, st, st.r_memcg[t], st.r_nid[t])
    if o < 0:
        o = st.pn_objcg[st.r_nid[t]]
    st.r_memcg[t] = 0
    st.r_nobjcg[t] = o
    st.own_task[t, 0] = o + 1
    objcg_get(prog, topo, st, t, o)


def put_held(topo, prog, st, t, ret):
    """Drop what get_climbing took, if anything, and go on at `ret`. Whether there was something."""
    o = st.own_task[t, 0] - 1
    if o < 0:
        return False
    st.own_task[t, 0] = 0
    objcg_put(prog, topo, st, t, o, ret)
    return True


@replaces
def own_holders(topo, prog, st, row):
    """I20 counts these references too."""
    held = 0
    for t in range(st.nr_all):
        held += 1 if st.own_task[t, 0] == row + 1 else 0
    return held


@replaces
def po_nid_objcg(topo, prog, st, t):
    """The lookup of the post hook."""
    get_climbing(topo, prog, st, t)
    goto(st, t, labels.PO_ACCOUNT)


@replaces
def po_nid2_memcg(topo, prog, st, t):
    """No second lookup: the rest goes where the pages went."""
    goto(st, t, labels.PO_REMAINDER)


@replaces
def po_node(topo, prog, st, t):
    """The last node's reference goes before the next node."""
    if not put_held(topo, prog, st, t, labels.PO_NODE):
        po_node_of_v2(topo, prog, st, t)


@replaces
def fr_nid_objcg(topo, prog, st, t):
    """The lookup of the free hook."""
    get_climbing(topo, prog, st, t)
    goto(st, t, labels.FR_UNCHARGE)


@replaces
def fr_node(topo, prog, st, t):
    """The same in the free hook."""
    if not put_held(topo, prog, st, t, labels.FR_NODE):
        fr_node_of_v2(topo, prog, st, t)
