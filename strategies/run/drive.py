"""Run one task's operations to their end with nobody in between: recorded workloads and recorded hooks."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.case.runnable import runnable
from percpu_fuzz.engine.case.step import step
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.evidence import untouch
from percpu_fuzz.engine.core.labels import FR_UNCHARGE, IDLE, PO_REFUND, PO_REMAINDER, UN_REFILL
from percpu_fuzz.engine.core.records import Prog, State, Topo

WATCH_PAGES, WATCH_REMAINDER, WATCH_FREED = range(3)
PRECHARGE, USED, REFUND = range(3)
# Columns of the row that each operation leaves, and rows of what lies on each node.
ROW_DONE, ROW_PRECHARGE, ROW_USED, ROW_MISPLACED, ROW_BYTES = range(5)
NR_ROW = 5
NODE_PAGES, NODE_PAGES_MOST, NODE_BYTES, NODE_BYTES_MOST = range(4)
NR_NODE = 4


@compiled
def other_ready(topo: Topo, prog: Prog, st: State) -> int:
    """A worker with something to do, -1 if none."""
    for t in range(prog.nr_tasks, st.nr_all):
        if runnable(topo, prog, st, t):
            return t
    return -1


@compiled
def note_operation(st: State, row: Any) -> None:
    """What the operation that just ended left: ROW_DONE is 0 for one that is no allocation."""
    row[ROW_DONE] = st.probe_done
    row[ROW_PRECHARGE] = st.probe_precharge
    row[ROW_USED] = st.probe_used
    row[ROW_MISPLACED] = st.probe_misplaced
    row[ROW_BYTES] = st.probe_bytes


@compiled
def note_nodes(topo: Topo, st: State, memcgs: int, nodes: Any) -> None:
    """KMEM pages and charged bytes by node over the first `memcgs` rows of cgroups, now and at most so far.

    The column behind the last node has the sums of all.
    """
    nodes[NODE_PAGES, topo.nr_nodes] = 0
    nodes[NODE_BYTES, topo.nr_nodes] = 0
    for n in range(topo.nr_nodes):
        pages, held = 0, 0
        for m in range(memcgs):
            pages += st.memcg_kmem[m * topo.nr_nodes + n]
            held += st.objcg_live[m * topo.nr_nodes + n]
        nodes[NODE_PAGES, n] = pages
        nodes[NODE_BYTES, n] = held
        nodes[NODE_PAGES, topo.nr_nodes] += pages
        nodes[NODE_BYTES, topo.nr_nodes] += held
    for n in range(topo.nr_nodes + 1):
        nodes[NODE_PAGES_MOST, n] = max(nodes[NODE_PAGES_MOST, n], nodes[NODE_PAGES, n])
        nodes[NODE_BYTES_MOST, n] = max(nodes[NODE_BYTES_MOST, n], nodes[NODE_BYTES, n])


@compiled_entry
def run_operations(topos: Any, progs: Any, states: Any, rows: Any, nodes: Any, memcgs: int) -> Any:
    """Run task 0's operations in order, workers when they have work; 0, or 1 if nothing could step.

    Every operation in turn is the case's probe, so that rows[i] has what allocation i precharged, used and booked
    amiss. nodes: see note_nodes; looked at after each operation.
    """
    topo, prog, st = topos[0], progs[0], states[0]
    st.op_i[0] = 0
    st.pc[0] = IDLE
    prog.probe_task = 0
    while st.op_i[0] < prog.nr_ops[0]:
        now = st.op_i[0]
        prog.probe_op = now
        untouch(st)
        t = 0
        if not runnable(topo, prog, st, 0):
            t = other_ready(topo, prog, st)
        if t < 0 or st.fatal == 1:
            return 1
        step(topo, prog, st, t)
        if st.op_i[0] != now:
            note_operation(st, rows[now])
            note_nodes(topo, st, memcgs, nodes)
            st.probe_done = 0
    t = other_ready(topo, prog, st)
    while t >= 0:
        untouch(st)
        step(topo, prog, st, t)
        t = other_ready(topo, prog, st)
    note_nodes(topo, st, memcgs, nodes)
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
