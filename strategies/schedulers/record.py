"""What a scheduler keeps between two choices: a record of its own, beside the engine's; reset for every case.

One record serves every scheduler, so that one compiled loop runs them all; each names the fields it uses.
"""

from __future__ import annotations

import numpy as np

from percpu_fuzz.engine.core.declare import Grid, Size, Vec, dtype_of, i8, i16, i32, i64, u64
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.core.records import SIZE_CLASSES, Record

MOST_TASKS = max(size["tasks"] for size in SIZE_CLASSES.values())
MOST_CHANGES = 8
MOST_SWITCHES = 8192
SCHED_SIZE: Size = {"tasks": MOST_TASKS, "labels": len(NAMES), "changes": MOST_CHANGES, "switches": MOST_SWITCHES}

SCHEDULERS = ("random", "pct", "pos", "urw", "delay", "preemption", "round-robin", "follow")
RANDOM, PCT, POS, URW, DELAY, PREEMPTION, ROUND_ROBIN, FOLLOW = range(8)


class Sched:
    """Which scheduler, its parameters, and its memory of the case so far."""

    kind: int = i8()
    depth: int = i32()  # PCT: depth d; delay and preemption bounding: how many
    most_steps: int = i64()  # the k over which change points and delays are spread
    last: int = i32()  # the task that stepped last, -1 at the start
    last_label: int = i16()  # where that task was
    ready: Vec = i16("tasks")  # the tasks that may step now, ascending
    nr_ready: int = i32()
    listed: Vec = i16("tasks")  # those with something to do, ascending
    nr_listed: int = i32()
    priority: Vec = u64("tasks")  # PCT: rank, larger first; POS: of the task's next step
    change: Vec = i64("changes")  # steps before which a priority changes, a task is delayed or preempted
    left: Vec = i64("tasks")  # URW: steps each task is expected to take yet
    switch_task: Vec = i8("switches")  # follow: the recorded switches
    switch_label: Vec = i16("switches")  # -1: to the end
    switch_passed: Vec = i32("switches")
    nr_switches: int = i32()
    at: int = i32()
    lenient: int = i8()  # follow: 1 leaves out a switch whose stop cannot be reached (for shrinking)
    skipped: int = i32()  # follow: switches left out so far
    failed: int = i32()  # follow: 1 + the switch that cannot be reached
    passed: Grid = i32("tasks", "labels")  # follow: how often a task stopped at a label so far


def new_sched() -> Record:
    """A cleared record: the uniform random walk."""
    sched: Record = np.zeros(1, dtype=dtype_of(Sched, SCHED_SIZE))
    sched["last"] = -1
    return sched
