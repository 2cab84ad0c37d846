"""Page counters and memcg_uncharge: one atomic per level, nothing atomic across levels."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.evidence import I5, kill_case
from percpu_fuzz.engine.core.planted import SLIP_UNCHARGE_OWN
from percpu_fuzz.engine.core.primitives import goto
from percpu_fuzz.engine.core.records import Prog, State, Topo


@compiled
def counter_sub(st: State, t: int, m: int, nr_pages: int) -> None:
    """page_counter_cancel of one level. The kernel warns and clamps at 0 on underflow: that ends the case."""
    st.memcg_usage[m] -= nr_pages
    if st.memcg_usage[m] <= st.memcg_max[m]:
        st.memcg_over[m] = 0
    if st.memcg_usage[m] < 0 and m != 0:
        kill_case(st, t, I5, 0, st.memcg_usage[m])


@compiled
def uncharge(st: State, t: int, m: int, nr_pages: int, ret: int) -> None:
    """memcg_uncharge(m, nr_pages): levels follow one step each, then the task goes on at `ret`."""
    if nr_pages == 0 or m == 0:
        goto(st, t, ret)
        return
    st.uc_level[t] = m
    st.uc_pages[t] = nr_pages
    st.uc_ret[t] = ret
    goto(st, t, labels.UC_LEVEL)


@compiled
def uc_level(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """page_counter_cancel of uc_pages at one level, then the parent's; after root's back to the caller."""
    m = st.uc_level[t]
    counter_sub(st, t, m, st.uc_pages[t])
    st.uc_level[t] = st.memcg_parent[m]
    if st.memcg_parent[m] < 0 or prog.v_slip == SLIP_UNCHARGE_OWN:
        goto(st, t, st.uc_ret[t])
        st.uc_level[t] = 0
        st.uc_pages[t] = 0
        st.uc_ret[t] = 0
