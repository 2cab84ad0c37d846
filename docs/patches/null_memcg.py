"""Upstream, queued: obj_cgroup_memcg() takes a NULL objcg and gives the root. The oops of I18 becomes silent.

A NULL of obj_cgroup_nid() is then accounted to the root memcg: here the root's objcg of that node stands for it.
"""

from percpu_fuzz.engine.kernel.objcg import objcg_nid as objcg_nid_of_v2
from percpu_fuzz.own import Variant, replaces

VARIANT = Variant("null-memcg", "as v2, a NULL objcg counts for the root")


@replaces
def objcg_nid(topo, st, m, nid):
    """The second load of obj_cgroup_nid(), the root's objcg for NULL."""
    o = objcg_nid_of_v2(topo, st, m, nid)
    if o < 0:
        return nid
    return o
