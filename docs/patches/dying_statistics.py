"""Upstream: statistics of a dying memcg go to the nearest ancestor that lives, on v2 hierarchies too."""

from percpu_fuzz.engine.core.stages import MEMCG_ONLINE
from percpu_fuzz.engine.kernel.free_hook import fr_stat as fr_stat_of_v2
from percpu_fuzz.engine.kernel.objcg import kmem_add as kmem_add_of_v2
from percpu_fuzz.engine.kernel.post_hook import po_stat as po_stat_of_v2
from percpu_fuzz.own import Variant, replaces, touch_memcg

VARIANT = Variant("dying-statistics", "as v2, statistics of a dying memcg go to the nearest living ancestor")


def living(st, m):
    """The memcg itself, or its nearest ancestor that is online."""
    while st.memcg_state[m] != MEMCG_ONLINE and st.memcg_parent[m] >= 0:
        m = st.memcg_parent[m]
    return m


@replaces
def kmem_add(topo, st, t, o, m, nr_pages):
    """KMEM of the objcg's node."""
    kmem_add_of_v2(topo, st, t, o, living(st, m), nr_pages)


def redirect(st, m, before):
    """What MEMCG_PERCPU_B of m has changed since it was `before` counts for the living one."""
    heir = living(st, m)
    if heir != m:
        st.memcg_percpu[heir] += st.memcg_percpu[m] - before
        st.memcg_percpu[m] = before
        touch_memcg(st, heir)


@replaces
def po_stat(topo, prog, st, t):
    """MEMCG_PERCPU_B grows."""
    m = st.objcg_memcg[st.r_objcg[t]]
    before = st.memcg_percpu[m]
    po_stat_of_v2(topo, prog, st, t)
    redirect(st, m, before)


@replaces
def fr_stat(topo, prog, st, t):
    """MEMCG_PERCPU_B falls."""
    m = st.objcg_memcg[st.r_objcg[t]]
    before = st.memcg_percpu[m]
    fr_stat_of_v2(topo, prog, st, t)
    redirect(st, m, before)
