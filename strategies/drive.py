"""Run one task's operations to their end with nobody in between: recorded workloads and recorded hooks."""

from __future__ import annotations

from typing import Any

from engine.base import Prog, State, Topo, untouch
from engine.compiled import compiled, compiled_entry
from engine.labels import FR_UNCHARGE, IDLE, PO_REFUND, PO_REMAINDER, UN_REFILL
from engine.runnable import runnable
from engine.step import step

WATCH_PAGES, WATCH_REMAINDER, WATCH_FREED, WATCH_ONCE = range(4)
PRECHARGE, USED, REFUND = range(3)


@compiled
def other_ready(topo: Topo, prog: Prog, st: State) -> int:
    """A worker with something to do, -1 if none."""
    for t in range(prog.nr_tasks, st.nr_all):
        if runnable(topo, prog, st, t):
            return t
    return -1


@compiled_entry
def run_operations(topos: Any, progs: Any, states: Any, waste: Any) -> Any:
    """Run task 0's operations in order, workers when they have work; 0, or 1 if nothing could step.

    waste[k] counts the charged allocations that gave k pages of their precharge back (the last bin takes the rest).
    """
    topo, prog, st = topos[0], progs[0], states[0]
    st.op_i[0] = 0
    st.pc[0] = IDLE
    before = 0
    while st.op_i[0] < prog.nr_ops[0]:
        before, charged = st.waste_pages, st.nr_charged
        untouch(st)
        t = 0
        if not runnable(topo, prog, st, 0):
            t = other_ready(topo, prog, st)
        if t < 0 or st.fatal == 1:
            return 1
        step(topo, prog, st, t)
        if st.nr_charged > charged:
            waste[min(st.waste_pages - before, len(waste) - 1)] += 1
    t = other_ready(topo, prog, st)
    while t >= 0:
        untouch(st)
        step(topo, prog, st, t)
        t = other_ready(topo, prog, st)
    return st.fatal


@compiled_entry
def watch_operations(topos: Any, progs: Any, states: Any, seen: Any, once: Any) -> Any:
    """As run_operations, and note what the hooks hand on: seen[kind, node], once[precharge, used, refund].

    kind: pages accounted, bytes of the remainder given back, bytes uncharged at free. Returns st.fatal.
    """
    topo, prog, st = topos[0], progs[0], states[0]
    st.op_i[0] = 0
    st.pc[0] = IDLE
    while st.op_i[0] < prog.nr_ops[0] and st.fatal == 0:
        label, used, nid = st.pc[0], st.r_used[0], max(st.r_nid[0], 0)
        untouch(st)
        t = 0
        if not runnable(topo, prog, st, 0):
            t = other_ready(topo, prog, st)
        if t < 0:
            return 1
        if t == 0 and label == UN_REFILL:
            once[REFUND] += st.r_nid[0]
        step(topo, prog, st, t)
        if t == 0 and st.r_used[0] > used:
            seen[WATCH_PAGES, nid] += st.r_used[0] - used
        if t == 0 and label == PO_REMAINDER:
            seen[WATCH_REMAINDER, nid] += st.ro_bytes[0]
        if t == 0 and label == FR_UNCHARGE:
            seen[WATCH_FREED, nid] += st.ro_bytes[0]
        if t == 0 and st.r_precharge[0] > 0:
            once[PRECHARGE] = st.r_precharge[0]
        if t == 0 and label == PO_REFUND:
            once[USED] = st.r_used[0]
    return st.fatal
