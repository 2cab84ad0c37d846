"""Upstream, queued: FLUSHING of a CPU is cleared when its work cannot be queued (isolated), and when the CPU dies.

v2's base sets it and never clears it there, so that later drains skip that stock for good.
"""

from percpu_fuzz.engine.case.operations import begin_cpu_dead as begin_cpu_dead_of_v2
from percpu_fuzz.engine.kernel.drain import da_obj as da_obj_of_v2
from percpu_fuzz.engine.kernel.drain import da_page as da_page_of_v2
from percpu_fuzz.own import Variant, labels, replaces

VARIANT = Variant("flushing-cleared", "as v2, FLUSHING of isolated and of dead CPUs is cleared")


@replaces
def da_page(topo, prog, st, t):
    """The page stock of one CPU."""
    a = st.da_cpu[t]
    before = st.ps_flushing[min(a, topo.nr_act - 1)]
    da_page_of_v2(topo, prog, st, t)
    if a < topo.nr_act and before == 0 and st.ps_queued[a] == 0 and st.pc[t] == labels.DA_OBJ:
        st.ps_flushing[a] = 0


@replaces
def da_obj(topo, prog, st, t):
    """The byte stock of one CPU."""
    a = st.da_cpu[t]
    before = st.os_flushing[a]
    da_obj_of_v2(topo, prog, st, t)
    if before == 0 and st.os_queued[a] == 0 and st.pc[t] == labels.DA_PAGE:
        st.os_flushing[a] = 0


@replaces
def begin_cpu_dead(topo, prog, st, t):
    """A CPU goes offline; its stocks stay until the callback drains them."""
    begin_cpu_dead_of_v2(topo, prog, st, t)
    for a in range(topo.nr_act):
        if st.cpu_online[a] == 0:
            st.ps_flushing[a] = 0
            st.os_flushing[a] = 0
