"""The fast sampler: cases drawn and walked as the measurement stream's, without checks, up to the last charge.

What an allocation wastes is fixed once it has ended, so a case ends with the last of its allocations that ask to be
accounted. Up to there draws, steps and whose turn it is are those of `run_cases`: what it leaves of charged
allocations and of the probe is the same, case by case; nothing is looked at on the way, and nothing after.
"""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.case.step import step
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.evidence import untouch
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.strategies.draw.decode import is_accounted
from percpu_fuzz.strategies.draw.rng import Rng
from percpu_fuzz.strategies.run.cases import MOST_STEPS, Machinery, draw_case
from percpu_fuzz.strategies.run.features import begin_trail
from percpu_fuzz.strategies.run.tally import BatchTally, count_case, nr_accounted
from percpu_fuzz.strategies.run.walk import OVERLONG, STUCK
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took
from percpu_fuzz.strategies.schedulers.record import Sched


@compiled
def walk_to_last_charge(topo: Topo, prog: Prog, st: State, rng: Rng, sched: Sched, most_steps: int) -> int:
    """Run a reset case until no allocation can be charged any more; as run_case: 0, STUCK or OVERLONG."""
    asking = nr_accounted(prog)
    begin(sched, st, rng)
    while asking > 0 and not case_over(st):
        if st.nr_steps >= most_steps:
            return OVERLONG
        t = choose(sched, topo, prog, st, rng)
        if t < 0:
            return STUCK
        label, op = st.pc[t], st.op_i[t]
        untouch(st)
        step(topo, prog, st, t)
        took(sched, t, label)
        if t < prog.nr_tasks and st.op_i[t] != op and is_accounted(prog, t, op):
            asking -= 1
    return 0


@compiled_entry
def sample_cases(topos: Any, machinery: Machinery, key: Any, tables: Any, corpus: Any, tally: BatchTally) -> None:
    """Sample as many cases as the tally has rows, under the scheduler that stands in the machinery; corpus: none."""
    prog, st = machinery.progs[0], machinery.states[0]
    rng, sched, trail, values = machinery.rngs[0], machinery.scheds[0], machinery.trails[0], machinery.values
    begin_trail(trail)
    for case in range(len(tally.rows)):
        which = draw_case(topos, machinery.progs, rng, key, case, 0, tables, corpus, machinery.choices, values)
        reset(topos[which], prog, st, False)
        status = walk_to_last_charge(topos[which], prog, st, rng, sched, MOST_STEPS)
        count_case(tally, topos[which], prog, st, trail, values[0], case, status)
