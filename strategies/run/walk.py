"""The loop around `step`: choose a task, let it step, check what it touched; full checks at quiescent points."""

from __future__ import annotations

from percpu_fuzz.engine.case.runnable import case_over, list_runnable
from percpu_fuzz.engine.case.step import step
from percpu_fuzz.engine.case.teardown import DRAINED, FREEING, OVER
from percpu_fuzz.engine.checks.charging import watch_charge
from percpu_fuzz.engine.checks.conservation import at_rest, check_drained, check_quiescent
from percpu_fuzz.engine.checks.invariants import check_everything, check_released, check_touched
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.evidence import untouch
from percpu_fuzz.engine.core.hooks import own_check
from percpu_fuzz.engine.core.labels import AT_BARRIER, FINISHED, IDLE
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.strategies.draw.rng import Rng
from percpu_fuzz.strategies.run.features import Trail, note_step
from percpu_fuzz.strategies.schedulers.bounded import choose_round_robin
from percpu_fuzz.strategies.schedulers.choose import begin, choose, mask_of, took
from percpu_fuzz.strategies.schedulers.record import Sched

CHECK_NONE, CHECK_TOUCHED, CHECK_ALL = range(3)
STUCK = 1
OVERLONG = 2


@compiled
def checked_step(topo: Topo, prog: Prog, st: State, t: int, checks: int) -> None:
    """One step and the checks that belong after it."""
    label, phase = st.pc[t], st.phase
    untouch(st)
    step(topo, prog, st, t)
    if checks != CHECK_NONE:
        judge_step(topo, prog, st, t, label, phase, checks)


@compiled_entry
def judge_step(topo: Topo, prog: Prog, st: State, t: int, label: int, phase: int, checks: int) -> None:
    """What must hold after task t's step at `label`, and what holds at rest or since the teardown left `phase`."""
    if checks == CHECK_TOUCHED:
        check_touched(topo, prog, st, t, label)
    else:
        check_everything(topo, prog, st, t, label)
    watch_charge(topo, prog, st, t, label)
    own_check(topo, prog, st, t, label)
    if st.pc[t] == IDLE and at_rest(st):
        check_quiescent(topo, prog, st, t, AT_BARRIER)
    if label == FINISHED and st.phase != phase:
        if st.phase == FREEING or st.phase == DRAINED or st.phase == OVER:
            check_everything(topo, prog, st, t, label)
            check_quiescent(topo, prog, st, t, label)
        if st.phase == DRAINED:
            check_drained(topo, prog, st, t, label)
        if st.phase == OVER:
            check_released(topo, prog, st, t, label)


@compiled
def run_case(
    topo: Topo, prog: Prog, st: State, rng: Rng, sched: Sched, trail: Trail, checks: int, most_steps: int
) -> int:
    """Run a reset case to its end: 0, STUCK if no task could step, OVERLONG after most_steps."""
    begin(sched, st, rng)
    while not case_over(st):
        if st.nr_steps >= most_steps:
            return OVERLONG
        t = choose(sched, topo, prog, st, rng)
        if t < 0:
            return STUCK
        label = st.pc[t]
        checked_step(topo, prog, st, t, checks)
        took(sched, t, label)
        if trail.kept == 1:
            note_step(trail, t, label)
    return 0


@compiled
def expect_steps(topo: Topo, prog: Prog, st: State, rng: Rng, sched: Sched, most_steps: int) -> None:
    """Run a reset case in turn, unchecked, and leave in sched.left how many steps each task took: what URW needs."""
    for t in range(len(sched.left)):
        sched.left[t] = 0
    sched.last = -1
    while not case_over(st) and st.nr_steps < most_steps and st.fatal == 0:
        ready = list_runnable(topo, prog, st, sched.ready)
        if ready == 0:
            return
        t = choose_round_robin(sched, st, mask_of(sched, ready))
        if st.pc[t] == FINISHED:
            return  # the teardown begins: nothing interleaves with what task 0 does from here on
        sched.left[t] += 1
        sched.last = t
        untouch(st)
        step(topo, prog, st, t)
