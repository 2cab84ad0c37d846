"""The one place where a scheduler is called: begin() before a case, choose() before a step, took() after it.

A new scheduler is a file with its begin and choose, a number in record.py and a line in each of the two functions.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.strategies.draw.rng import Rng
from percpu_fuzz.strategies.schedulers.bounded import begin_bounded, choose_delay, choose_preemption, choose_round_robin
from percpu_fuzz.strategies.schedulers.follow import choose_followed
from percpu_fuzz.strategies.schedulers.kept_ready import list_ready
from percpu_fuzz.strategies.schedulers.pct import begin_pct, choose_pct
from percpu_fuzz.strategies.schedulers.pos import begin_pos, choose_pos
from percpu_fuzz.strategies.schedulers.random_walk import choose_random
from percpu_fuzz.strategies.schedulers.record import (
    DELAY,
    FOLLOW,
    PCT,
    POS,
    PREEMPTION,
    RANDOM,
    ROUND_ROBIN,
    URW,
    Sched,
)
from percpu_fuzz.strategies.schedulers.urw import choose_urw


@compiled
def begin(sched: Sched, st: State, rng: Rng) -> None:
    """Draw what the scheduler needs for a case that was just reset. URW's expected steps stand in `left` already."""
    sched.last = -1
    if sched.kind == PCT:
        begin_pct(sched, st, rng)
    elif sched.kind == POS:
        begin_pos(sched, st, rng)
    elif sched.kind == DELAY or sched.kind == PREEMPTION:
        begin_bounded(sched, rng)


@compiled
def choose(sched: Sched, topo: Topo, prog: Prog, st: State, rng: Rng) -> int:
    """The task to step next, -1 if none can (or a recorded schedule cannot be followed: `failed`)."""
    ready = list_ready(sched, topo, prog, st)
    if ready == 0:
        return -1
    kind = sched.kind
    if kind == RANDOM:
        return choose_random(sched, rng, ready)
    mask = mask_of(sched, ready)
    if kind == PCT:
        return choose_pct(sched, st, mask)
    elif kind == POS:
        return choose_pos(sched, st, rng, mask)
    elif kind == URW:
        return choose_urw(sched, st, rng, mask)
    elif kind == DELAY:
        return choose_delay(sched, st, mask)
    elif kind == PREEMPTION:
        return choose_preemption(sched, st, rng, mask, ready)
    elif kind == ROUND_ROBIN:
        return choose_round_robin(sched, st, mask)
    return choose_followed(sched, st, mask)


@compiled
def mask_of(sched: Sched, nr_ready: int) -> int:
    """The tasks in sched.ready, a bit each."""
    mask = 0
    for i in range(nr_ready):
        mask |= 1 << sched.ready[i]
    return mask


@compiled
def took(sched: Sched, t: int, label: int) -> None:
    """Task t has taken its step at `label`."""
    sched.last = t
    sched.last_label = label
    if sched.kind == FOLLOW:
        sched.passed[t, label] += 1
