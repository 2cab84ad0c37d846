"""The list of tasks that may step, made anew or kept from step to step, against the rule for one task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from equality import PlainSide

from percpu_fuzz.engine.case.runnable import case_over, list_runnable, runnable
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.walk import CHECK_NONE, checked_step
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took

Lists = tuple[list[int], list[int], list[int]]


def listed_and_ruled(batch: Batch, meddle: Callable[[Any], None] = lambda state: None) -> list[Lists]:
    """Before every step of a case: the tasks as listed, those for which the rule holds, those that were kept.

    meddle: what is done to the state after each step.
    """
    side = PlainSide(batch)
    topo: Any = side.topo
    prog: Any = side.prog
    state: Any = side.state
    rng: Any = side.rng
    found = []
    plain(begin)(side.sched, state, rng)
    while not plain(case_over)(state):
        ready = [-1] * len(state.pc)
        nr_ready = plain(list_runnable)(topo, prog, state, ready)
        ruled = [t for t in range(state.nr_all) if plain(runnable)(topo, prog, state, t)]
        task = plain(choose)(side.sched, topo, prog, state, rng)
        found.append((ready[:nr_ready], ruled, list(side.sched.ready)[: side.sched.nr_ready]))
        if task < 0:
            break
        label = state.pc[task]
        plain(checked_step)(topo, prog, state, task, CHECK_NONE)
        plain(took)(side.sched, task, label)
        meddle(state)
    return found


@pytest.mark.parametrize("variant", ["v2", "fixed", "split"])
def test_the_list_holds_whom_the_rule_allows(variant: str) -> None:
    """Before every step of 20 random cases; among them are waits, idle workers, and several tasks at a time."""
    plan = make_plan(variant, 12)
    steps = [step for k in range(20) for step in listed_and_ruled(plan.batch_of(STREAMS[k % 2], k))]
    for listed, ruled, kept in steps:
        assert listed == ruled == kept
    assert {1, 2, 3} <= {len(listed) for listed, _, _ in steps}
    assert any(0 not in listed for listed, _, _ in steps)


def test_what_is_kept_follows_from_what_steps_stir() -> None:
    """Control: without what steps say of CPUs, locks and work, the kept list is soon another than the rule's."""

    def hush(state: Any) -> None:
        state.stirred = 0

    plan = make_plan("v2", 12)
    steps = [step for k in range(6) for step in listed_and_ruled(plan.batch_of(STREAMS[k % 2], k), hush)]
    assert any(ruled != kept for _, ruled, kept in steps)
