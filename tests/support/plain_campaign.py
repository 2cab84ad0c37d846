"""A campaign of a few dozen cases in plain mode: nothing is compiled, every step is ordinary Python."""

from __future__ import annotations

from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import redraw
from percpu_fuzz.strategies.run.replay import Run


def first_case(variant: str, invariant: str, seed: int, cases: int) -> tuple[int, Scenario, Run] | None:
    """The first hunting case on two nodes that breaks an invariant: number, scenario and run; None if none does."""
    batch = make_plan(variant, seed, preset("two-node")).batch_of("hunting", 0)
    for case in range(cases):
        scenario, run = redraw(batch, case)
        if run.broken(invariant):
            return case, scenario, run
    return None
