"""The loop of a case in plain Python, for whoever looks at each step: replay, redraw, a user's scheduler, a survey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.own.engines import plain_of
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step
from percpu_fuzz.strategies.schedulers.choose import choose, took

NextTask = Callable[[], int]


class StepTaken(NamedTuple):
    """A step that was taken: whose, at which label, and the label at which the task stands now; numbers all."""

    task: int
    label: int
    after: int


def steps(
    variant: Variant, topo: Any, prog: Any, state: Any, next_task: NextTask, checks: int = CHECK_TOUCHED
) -> Iterator[StepTaken]:
    """Take the steps of a reset case on plain records, until it is over or next_task() is -1: nobody."""
    take_step, over = plain_of(variant, checked_step), plain_of(variant, case_over)
    while not over(state):
        task = next_task()
        if task < 0:
            return
        label = state.pc[task]
        take_step(topo, prog, state, task, checks)
        yield StepTaken(task, label, state.pc[task])


def scheduled(variant: Variant, sched: Any, topo: Any, prog: Any, state: Any, rng: Any) -> NextTask:
    """Who steps next by a scheduler that has begun the case."""
    choose_next, note = plain_of(variant, choose), plain_of(variant, took)

    def next_task() -> int:
        task: int = choose_next(sched, topo, prog, state, rng)
        if task >= 0:
            note(sched, task, state.pc[task])
        return task

    return next_task
