"""What the search asks of a model, the same for the engine and the micro-machine: who may step, step, what is broken.

The records of the other kind are there and unused, so that one compiled search serves both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from percpu_fuzz.engine.case.runnable import case_over, runnable
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.strategies.explore.micro import micro_ready, micro_step
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step

ENGINE, MICRO = range(2)
NR_NAMED = len(INVARIANT_NAMES)


class Model(NamedTuple):
    """ENGINE or MICRO, and for each record an array of one."""

    kind: int
    topos: Any
    progs: Any
    states: Any
    micro_progs: Any
    micro_states: Any


@compiled
def may_step(model: Model, t: int) -> bool:
    """Whether task t may take its step now."""
    if model.kind == MICRO:
        return micro_ready(model.micro_progs[0], model.micro_states[0], t)
    return not case_over(model.states[0]) and runnable(model.topos[0], model.progs[0], model.states[0], t)


@compiled
def ready_mask(model: Model) -> int:
    """Every task that may step, as bits; 0 at the end of a case, or where nobody can go on."""
    mask = 0
    if model.kind == MICRO:
        for t in range(model.micro_progs[0].nr_tasks):
            if micro_ready(model.micro_progs[0], model.micro_states[0], t):
                mask |= 1 << t
        return mask
    if case_over(model.states[0]):
        return 0
    for t in range(model.states[0].nr_all):
        if runnable(model.topos[0], model.progs[0], model.states[0], t):
            mask |= 1 << t
    return mask


@compiled
def is_over(model: Model) -> bool:
    """Whether a state in which nobody may step is an end, and not a deadlock."""
    if model.kind == MICRO:
        for t in range(model.micro_progs[0].nr_tasks):
            if model.micro_states[0].place[t] < model.micro_progs[0].nr_places[t]:
                return False
        return True
    return case_over(model.states[0])


@compiled
def label_of(model: Model, t: int) -> int:
    """Where task t stands; the micro-machine has no labels."""
    return 0 if model.kind == MICRO else model.states[0].pc[t]


@compiled
def take_step(model: Model, t: int) -> None:
    """One step with its checks. Queue entries that were served are cleared: they are history, not state."""
    if model.kind == MICRO:
        micro_step(model.micro_progs[0], model.micro_states[0], t)
        return
    st = model.states[0]
    rcu, offline = st.rcu_head, st.off_head
    checked_step(model.topos[0], model.progs[0], st, t, CHECK_TOUCHED)
    if st.rcu_head > rcu:
        st.rcu_kind[rcu] = 0
        st.rcu_row[rcu] = 0
    if st.off_head > offline:
        st.off_queue[offline] = 0


@compiled
def broken_mask(model: Model) -> int:
    """The invariants that are broken on the way to this state, as bits."""
    if model.kind == MICRO:
        return 1 if model.micro_states[0].violated != 0 else 0
    mask = 0
    for i in range(NR_NAMED):
        if model.states[0].violated[i] != 0:
            mask |= 1 << i
    return mask
