"""What the kernel's functions leave for those who look on: hazards passed, violations, rows touched, live bytes.

Nothing that a variant does depends on it, but that kill_case ends the case. The functions of engine.kernel write it at
the moment it happens, engine.checks reads it after the step. Neither may import the other, so it stands below both:
also L(O), the bytes of live areas by the objcg that they were charged through, which no kernel has as a number.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import NR_LOG, State, Topo

# Invariants by number; I1b has a number of its own.
(
    I1, I1B, I2, I3, I4, I5, I6, I7, I8, I9, I10, I11, I12, I13, I14, I18, I19, I20, I21, I22, I23, I24,
) = range(22)  # fmt: skip
MODEL_INVARIANTS = (
    "I1", "I1b", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I13", "I14", "I18", "I19", "I20",
    "I21", "I22", "I23", "I24",
)  # fmt: skip
OWN_INVARIANTS = ("C1", "C2", "C3", "C4")  # claims and checkers of a variant of one's own (engine.own)
FIRST_OWN = len(MODEL_INVARIANTS)
INVARIANT_NAMES = (*MODEL_INVARIANTS, *OWN_INVARIANTS)


@compiled
def hazard(st: State, number: int) -> None:
    """Mark that the case passed hazard H<number>."""
    st.hazard[number] += 1


@compiled
def touch_cpu(st: State, a: int) -> None:
    """I4 looks at this CPU's stocks after the step; more rows than the log holds make every check look at all.

    Said where a slot gets a holder or more in it: what takes from a slot or empties it breaks nothing.
    """
    for i in range(min(st.dirty_cpu_n, NR_LOG)):
        if st.dirty_cpu[i] == a:
            return
    if st.dirty_cpu_n < NR_LOG:
        st.dirty_cpu[st.dirty_cpu_n] = a
    st.dirty_cpu_n = min(st.dirty_cpu_n + 1, NR_LOG + 1)


@compiled
def touch_objcg(st: State, o: int) -> None:
    """I20 counts this objcg's holders after the step (log as in touch_cpu)."""
    for i in range(min(st.dirty_objcg_n, NR_LOG)):
        if st.dirty_objcg[i] == o:
            return
    if st.dirty_objcg_n < NR_LOG:
        st.dirty_objcg[st.dirty_objcg_n] = o
    st.dirty_objcg_n = min(st.dirty_objcg_n + 1, NR_LOG + 1)


@compiled
def touch_memcg(st: State, m: int) -> None:
    """I19 looks after the step whether an objcg still points at this memcg, now freed (log as in touch_cpu)."""
    for i in range(min(st.dirty_memcg_n, NR_LOG)):
        if st.dirty_memcg[i] == m:
            return
    if st.dirty_memcg_n < NR_LOG:
        st.dirty_memcg[st.dirty_memcg_n] = m
    st.dirty_memcg_n = min(st.dirty_memcg_n + 1, NR_LOG + 1)


@compiled
def touch_area(st: State, r: int) -> None:
    """I6 looks at this area's obj_exts entry after the step; the log is not searched, most steps name one area once."""
    if st.dirty_area_n < NR_LOG:
        st.dirty_area[st.dirty_area_n] = r
    st.dirty_area_n = min(st.dirty_area_n + 1, NR_LOG + 1)


@compiled
def touch_chunk(st: State, c: int) -> None:
    """I7 looks after the step at the pages under this chunk's areas; the chunk may stand in the log twice."""
    if st.dirty_chunk_n < NR_LOG:
        st.dirty_chunk[st.dirty_chunk_n] = c
    st.dirty_chunk_n = min(st.dirty_chunk_n + 1, NR_LOG + 1)


@compiled
def untouch(st: State) -> None:
    """The step has been judged: nothing counts as changed any more."""
    st.dirty_cpu_n = 0
    st.dirty_objcg_n = 0
    st.dirty_memcg_n = 0
    st.dirty_area_n = 0
    st.dirty_chunk_n = 0


@compiled
def violate(st: State, t: int, label: int, invariant: int, want: int, found: int) -> None:
    """Record a violation; an invariant keeps its first step of the case only."""
    if st.violated[invariant] == 0:
        st.violated[invariant] = 1
        st.viol_step[invariant] = st.nr_steps
        st.viol_task[invariant] = t
        st.viol_label[invariant] = label
        st.viol_want[invariant] = want
        st.viol_found[invariant] = found
        passed = 0
        for h in range(1, 26):
            if st.hazard[h] > 0:
                passed |= 1 << h
        st.viol_hazards[invariant] = passed


@compiled
def kill_case(st: State, t: int, invariant: int, want: int, found: int) -> None:
    """A violation that would crash or clamp the kernel: it also ends the case."""
    violate(st, t, st.pc[t], invariant, want, found)
    st.fatal = 1


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


@compiled
def note_pointer(topo: Topo, st: State, t: int, o: int, change: int) -> None:
    """An entry of task->objcgs has become o (change 1), or was o until now (-1): how many there are is kept."""
    m = o // topo.nr_nodes
    if st.x_held[t] < 0 or (st.x_held[t] > 0 and st.x_memcg[t] != m):
        count_pointers(topo, st, t)
        return
    st.x_held[t] += change
    st.x_memcg[t] = m if st.x_held[t] > 0 else 0


@compiled
def count_pointers(topo: Topo, st: State, t: int) -> None:
    """The same by going through the entries."""
    held, m, mixed = 0, 0, False
    for n in range(topo.nr_nodes):
        if st.task_objcg[t, n] >= 0:
            mixed = mixed or (held > 0 and st.task_objcg[t, n] // topo.nr_nodes != m)
            m = st.task_objcg[t, n] // topo.nr_nodes
            held += 1
    st.x_held[t] = -1 if mixed else held
    st.x_memcg[t] = 0 if mixed else m
