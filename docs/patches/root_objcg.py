"""Upstream: current_obj_cgroup() gives the root's objcg, not NULL, for root tasks and outside tasks; users test for it.

Nothing that is charged changes: whoever finds the root's objcg charges nothing.
"""

from percpu_fuzz.engine.kernel.charge_hook import al_current as al_current_of_v2
from percpu_fuzz.engine.kernel.charge_hook import skip_charge
from percpu_fuzz.engine.kernel.objcg import current_objcg as current_objcg_of_v2
from percpu_fuzz.own import Variant, replaces

VARIANT = Variant("root-objcg", "as v2, the root's objcg instead of NULL")


@replaces
def current_objcg(topo, st, m, nid):
    """The walk upward; the root's objcg at its end."""
    o = current_objcg_of_v2(topo, st, m, nid)
    if o < 0:
        return st.pn_objcg[nid]
    return o


@replaces
def al_current(topo, prog, st, t):
    """current_obj_cgroup() and the test for the root."""
    al_current_of_v2(topo, prog, st, t)
    if st.r_objcg[t] >= 0 and st.r_objcg[t] < topo.nr_nodes:
        st.r_objcg[t] = -1
        st.r_full[t] = 0
        st.r_precharge[t] = 0
        skip_charge(prog, st, t)
