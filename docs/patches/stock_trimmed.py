"""Upstream, queued: a page stock above 64 pages is trimmed instead of drained to 0. To how many is not known: KEEP."""

from percpu_fuzz.engine.kernel.page_counter import uncharge as uncharge_pages
from percpu_fuzz.engine.kernel.page_stock import STOCK_MAX, unlock_refill
from percpu_fuzz.own import OWN_1, Variant, replaces, step_at

VARIANT = Variant("stock-trimmed", "as v2, a page stock above 64 pages is trimmed to 32")

KEEP = 32  # pages
TRIMMED = OWN_1


@replaces
def refill_match(prog, st, t, a, i):
    """The memcg's slot grows; what is above KEEP goes back to the counters once it is above the batch."""
    st.ps_pages[a, i] += st.rs_pages[t]
    if st.ps_pages[a, i] <= STOCK_MAX:
        unlock_refill(st, t, a)
        return
    over = st.ps_pages[a, i] - KEEP
    st.ps_pages[a, i] = KEEP
    uncharge_pages(st, t, st.ps_memcg[a, i], over, TRIMMED)


@step_at(TRIMMED, "stock trimmed, unlock")
def trimmed(topo, prog, st, t):
    """The end of refill_stock."""
    unlock_refill(st, t, st.task_cpu[t])
