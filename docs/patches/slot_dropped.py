"""Upstream: consume_stock() that takes a slot to 0 pages clears it and drops its css reference. v2's base keeps it."""

from percpu_fuzz.engine.core.sizes import NR_PAGE_STOCK
from percpu_fuzz.engine.kernel.page_stock import clear_page_slot
from percpu_fuzz.engine.kernel.try_charge import tc_consume_body as tc_consume_body_of_v2
from percpu_fuzz.own import Variant, replaces

VARIANT = Variant("slot-dropped", "as v2, a page stock's slot that falls to 0 pages is given up")


@replaces
def tc_consume_body(topo, prog, st, t):
    """consume_stock; then the memcg's slot on this CPU, if nothing is left in it."""
    a, m, before = st.task_cpu[t], st.tc_memcg[t], st.tc_ok[t]
    tc_consume_body_of_v2(topo, prog, st, t)
    if before == 0 and st.tc_ok[t] == 1:
        for i in range(NR_PAGE_STOCK):
            if st.ps_memcg[a, i] == m and st.ps_pages[a, i] == 0:
                clear_page_slot(st, a, i)
