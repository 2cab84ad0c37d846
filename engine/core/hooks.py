"""Where a variant of one's own comes in: functions that do nothing unless a user's file brings what takes their place.

engine.own puts the file's steps, claims and checkers here, in a copy of the engine of its own; in the engine that runs
the shipped variants LLVM leaves nothing of these calls.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import NR_OWN, Prog, State, Topo


@compiled
def own_step(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """Perform the step of one's own at `label`, OWN_1 to OWN_16."""


@compiled
def own_ready(topo: Topo, prog: Prog, st: State, t: int, label: int) -> bool:
    """Whether what the step at `label` waits for is there."""
    return True


@compiled
def own_claims(topo: Topo, prog: Prog, st: State, t: int) -> None:
    """Judge the operation that ends now; its registers are not cleared yet."""


@compiled
def own_check(topo: Topo, prog: Prog, st: State, t: int, label: int) -> None:
    """Look on from outside after task t has taken its step at `label`."""


@compiled
def own_holders(topo: Topo, prog: Prog, st: State, row: int) -> int:
    """References to the objcg (or group) at `row` that the variant's own steps hold; a file may replace this (I20)."""
    return 0


@compiled
def ready_follows() -> bool:
    """Whether who may step, and who holds an objcg, follows from what the model's steps say of it: not where a file
    brings steps of its own.
    """
    return True


@compiled
def ask_everybody() -> bool:
    """What takes the place of ready_follows."""
    return False


@compiled
def own_reset(topo: Topo, st: State) -> None:
    """Clear the spare words. Nobody else writes them, so without steps of one's own they are zero."""


@compiled
def clear_own_words(topo: Topo, st: State) -> None:
    """All spare words that this case or the last one could reach are zero: what takes own_reset's place."""
    for i in range(NR_OWN):
        for t in range(len(st.pc)):
            st.own_task[t, i] = 0
        for a in range(len(st.cpu_online)):
            st.own_cpu[a, i] = 0
        for m in range(len(st.memcg_state)):
            st.own_memcg[m, i] = 0
        for o in range(len(st.memcg_state) * st.was_nodes):
            st.own_objcg[o, i] = 0
        for r in range(len(st.area_used)):
            st.own_area[r, i] = 0
    for c in range(len(st.chunk_state)):
        for p in range(st.was_pages):
            if topo.by_count == 1:
                for n in range(st.was_nodes):
                    st.own_count[c, p, n] = 0
            else:
                for cpu in range(st.was_cpus):
                    st.own_page[c, cpu, p] = 0
