"""The list of tasks that may step, made once before each step, against the rule for one task."""

from __future__ import annotations

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


def listed_and_ruled(batch: Batch) -> list[tuple[list[int], list[int]]]:
    """Before every step of a case: the tasks as listed, and those for which the rule holds."""
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
        found.append((ready[:nr_ready], [t for t in range(state.nr_all) if plain(runnable)(topo, prog, state, t)]))
        task = plain(choose)(side.sched, topo, prog, state, rng)
        if task < 0:
            break
        label = state.pc[task]
        plain(checked_step)(topo, prog, state, task, CHECK_NONE)
        plain(took)(side.sched, task, label)
    return found


@pytest.mark.parametrize("variant", ["v2", "fixed", "split"])
def test_the_list_holds_whom_the_rule_allows(variant: str) -> None:
    """Before every step of 20 random cases; among them are waits, idle workers, and several tasks at a time."""
    plan = make_plan(variant, 12)
    steps = [step for k in range(20) for step in listed_and_ruled(plan.batch_of(STREAMS[k % 2], k))]
    for listed, ruled in steps:
        assert listed == ruled
    assert {1, 2, 3} <= {len(listed) for listed, _ in steps}
    assert any(0 not in listed for listed, _ in steps)
