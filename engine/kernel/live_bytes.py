"""L(O): the bytes that live areas charged through each objcg, kept beside the areas for the invariants.

Not part of the kernel's state: nothing that a variant does depends on it.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.base import State, Topo
from percpu_fuzz.engine.core.compiled import compiled


@compiled
def note_live(st: State, r: int, n: int, o: int, nr_bytes: int) -> None:
    """L(O): these bytes of the area were charged through this objcg."""
    st.l_objcg[r, n] = o
    st.l_bytes[r, n] = nr_bytes
    st.objcg_live[o] += nr_bytes


@compiled
def forget_live(topo: Topo, st: State, r: int) -> None:
    """L(O) loses a freed area's bytes, node by node, on the objcgs they were charged through."""
    for n in range(topo.nr_nodes):
        if st.l_objcg[r, n] >= 0:
            st.objcg_live[st.l_objcg[r, n]] -= st.l_bytes[r, n]
        st.l_objcg[r, n] = -1
        st.l_bytes[r, n] = 0
