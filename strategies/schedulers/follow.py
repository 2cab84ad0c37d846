"""Follows a recorded schedule: a task runs until it stops before a label that it has passed so often.

After the last switch, and where a switch runs to the end, the lowest runnable task runs. A switch whose stop cannot be
reached is a failure by its number, never another interleaving.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import State
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def reached(sched: Sched, st: State) -> bool:
    """Whether the switch at hand has run to its stop."""
    t, label = sched.switch_task[sched.at], sched.switch_label[sched.at]
    if label < 0 or t >= st.nr_all or st.pc[t] != label:
        return False
    return sched.passed[t, label] >= sched.switch_passed[sched.at]


@compiled
def lowest(st: State, mask: int) -> int:
    """The runnable task of the lowest number, -1 if there is none."""
    for t in range(st.nr_all):
        if mask >> t & 1:
            return t
    return -1


@compiled
def choose_followed(sched: Sched, st: State, mask: int) -> int:
    """The recorded task, -1 if it cannot run to where it was recorded to stop."""
    while sched.at < sched.nr_switches:
        if reached(sched, st):
            sched.at += 1
            continue
        t = sched.switch_task[sched.at]
        if t < st.nr_all and mask >> t & 1:
            return t
        if sched.lenient == 0 and sched.switch_label[sched.at] >= 0:
            sched.failed = sched.at + 1
            return -1
        if sched.lenient == 0:
            return lowest(st, mask)
        sched.skipped += 1
        sched.at += 1
    return lowest(st, mask)
