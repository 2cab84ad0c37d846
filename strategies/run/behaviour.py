"""What a user can see of a case: which operations succeed, memory.events, memory.current, memory.stat.

Operations run one after the other, the first of each task, then the second of each, workers as soon as they have work:
without interleavings two accountings differ only by what they do. Barriers are passed over. At the end the amounts are
looked at three times: at rest, after every CPU is drained, and after all is freed and drained again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.case.runnable import runnable
from percpu_fuzz.engine.case.step import step
from percpu_fuzz.engine.case.teardown import DRAINED
from percpu_fuzz.engine.checks.conservation import kmem_stat, percpu_stat
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.evidence import untouch
from percpu_fuzz.engine.core.records import SIZE_CLASSES, Prog, State, Topo
from percpu_fuzz.engine.core.stages import MEMCG_ONLINE
from percpu_fuzz.engine.kernel.drain import DRAIN_DEAD, drain_local
from percpu_fuzz.engine.kernel.try_charge import OOM_MAX_PAGES, reclaim_from
from percpu_fuzz.strategies.run.drive import other_ready

# What became of an operation; OOM and KILLED are added to it.
NOTHING, GRANTED, REFUSED, NO_AREA, STOPPED = range(5)
OOM, KILLED = 8, 16
MAX_EVENT, OOM_EVENT, KILL_EVENT = range(3)
AT_REST, AFTER_DRAIN, AFTER_FREE = range(3)
CURRENT, KERNEL, PERCPU = range(3)
GONE = -1  # the amounts of a cgroup that is not there
STEPS_MOST = 1_000_000


class Seen(NamedTuple):
    """results[task, operation]; events[memcg, kind] and amounts[when, memcg, quantity], both with all below a cgroup;
    nodes[when, node]: KMEM pages of all cgroups. Pages, PERCPU in bytes.
    """

    results: Any
    events: Any
    amounts: Any
    nodes: Any


def new_seen(size_class: str) -> Seen:
    """Cleared arrays for a case of a size class."""
    size = SIZE_CLASSES[size_class]
    return Seen(
        np.zeros((size["tasks"], size["ops"]), dtype=np.int64),
        np.zeros((size["memcgs"], 3), dtype=np.int64),
        np.zeros((3, size["memcgs"], 3), dtype=np.int64),
        np.zeros((3, size["nodes"]), dtype=np.int64),
    )


@compiled
def note_events(st: State, t: int, events: Any) -> int:
    """The events of memory.events that the step ahead counts, for a cgroup and all above it; OOM and KILLED."""
    label, m, found = st.pc[t], st.tc_over[t], 0
    if label == labels.TC_RECLAIM:
        while m >= 0:
            events[m, MAX_EVENT] += 1
            m = st.memcg_parent[m]
    elif label == labels.TC_OOM and st.tc_pages[t] <= OOM_MAX_PAGES:
        victim = reclaim_from(st, m)
        found = OOM if victim < 0 else OOM | KILLED
        while m >= 0:
            events[m, OOM_EVENT] += 1
            m = st.memcg_parent[m]
        while victim >= 0:
            events[victim, KILL_EVENT] += 1
            victim = st.memcg_parent[victim]
    return found


@compiled
def result_at_end(prog: Prog, st: State, t: int) -> int:
    """What an operation that is about to end has come to; NOTHING for one that never began or that cannot fail."""
    kind = prog.op_kind[t, st.op_i[t]]
    if (kind != labels.OP_ALLOC and kind != labels.OP_KMEM) or st.r_taken[t] == 0:
        return NOTHING
    if st.r_charged[t] == 2:
        return REFUSED
    return GRANTED if st.r_area[t] >= 0 else NO_AREA


@compiled
def run_operation(topo: Topo, prog: Prog, st: State, t: int, events: Any) -> int:
    """Task t's next operation to its end, and all that workers have to do meanwhile and then; its result."""
    i, result, found = st.op_i[t], NOTHING, 0
    if prog.op_kind[t, i] == labels.OP_BARRIER:
        st.op_i[t] = i + 1
        return NOTHING
    for _ in range(STEPS_MOST):
        who = other_ready(topo, prog, st)
        if who < 0:
            if st.op_i[t] != i:
                return result | found
            who = t
            if not runnable(topo, prog, st, t):
                return STOPPED
        label = st.pc[who]
        if who == t:
            found |= note_events(st, t, events)
            if label == labels.OP_USER_END:
                result = GRANTED if st.tc_ok[t] == 1 else REFUSED
            elif label == labels.OP_END and result == NOTHING:
                result = result_at_end(prog, st, t)
        untouch(st)
        step(topo, prog, st, who)
        if st.fatal == 1:
            return STOPPED
    return STOPPED


@compiled
def note_amounts(topo: Topo, st: State, when: int, amounts: Any, nodes: Any) -> None:
    """memory.current, memory.stat's kernel and percpu of each cgroup that is there, and KMEM by node."""
    for x in range(1, st.memcg_rows):
        there = st.memcg_state[x] == MEMCG_ONLINE
        amounts[when, x, CURRENT] = st.memcg_usage[x] if there else GONE
        amounts[when, x, KERNEL] = kmem_stat(topo, st, x) if there else GONE
        amounts[when, x, PERCPU] = percpu_stat(st, x) if there else GONE
    for n in range(topo.nr_nodes):
        nodes[when, n] = 0
        for m in range(st.memcg_rows):
            nodes[when, n] += st.memcg_kmem[m * topo.nr_nodes + n]


@compiled
def run_to(topo: Topo, prog: Prog, st: State, phase: int) -> bool:
    """Task 0 and the workers until task 0 is FINISHED in a phase of the teardown; False if the case ends before."""
    for _ in range(STEPS_MOST):
        if st.pc[0] == labels.FINISHED and st.phase >= phase:
            return True
        who = other_ready(topo, prog, st)
        if who < 0:
            who = 0
            if not runnable(topo, prog, st, 0):
                return False
        untouch(st)
        step(topo, prog, st, who)
        if st.fatal == 1:
            return False
    return False


@compiled
def end_tasks(topo: Topo, prog: Prog, st: State) -> None:
    """Each task finds that it has no operation left."""
    for t in range(prog.nr_tasks):
        if st.pc[t] == labels.IDLE:
            untouch(st)
            step(topo, prog, st, t)


@compiled
def look_at_amounts(topo: Topo, prog: Prog, st: State, seen: Seen) -> bool:
    """The three looks; False if the case ends before the last."""
    end_tasks(topo, prog, st)
    note_amounts(topo, st, AT_REST, seen.amounts, seen.nodes)
    for a in range(topo.nr_act):
        drain_local(st, 0, a, DRAIN_DEAD, labels.FINISHED)
        if not run_to(topo, prog, st, 0):
            return False
    note_amounts(topo, st, AFTER_DRAIN, seen.amounts, seen.nodes)
    if not run_to(topo, prog, st, DRAINED):
        return False
    note_amounts(topo, st, AFTER_FREE, seen.amounts, seen.nodes)
    return True


@compiled_entry
def observe(topos: Any, progs: Any, states: Any, which: int, seen: Seen) -> bool:
    """Run the program on machine `which` and fill `seen`, cleared before; False if the kernel stops in it."""
    topo, prog, st = topos[which], progs[0], states[0]
    reset(topo, prog, st, False)
    nr_ops = 0
    for t in range(prog.nr_tasks):
        nr_ops = max(nr_ops, prog.nr_ops[t])
    for i in range(nr_ops):
        for t in range(prog.nr_tasks):
            if i < prog.nr_ops[t]:
                result = run_operation(topo, prog, st, t, seen.events)
                seen.results[t, i] = result
                if result == STOPPED:
                    return False
    return look_at_amounts(topo, prog, st, seen)
