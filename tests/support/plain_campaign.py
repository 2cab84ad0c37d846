"""A campaign of a few dozen cases in plain mode: nothing is compiled, every step is ordinary Python."""

from __future__ import annotations

from engine.scenario import Scenario
from strategies.planning import make_plan
from strategies.redraw import redraw
from strategies.replay import Run
from strategies.topologies import preset


def first_case(variant: str, invariant: str, seed: int, cases: int) -> tuple[int, Scenario, Run] | None:
    """The first hunting case on two nodes that breaks an invariant: number, scenario and run; None if none does."""
    plan = make_plan(variant, seed, preset("two-node"))
    for case in range(cases):
        scenario, run = redraw(plan, "hunting", 0, case)
        if run.broken(invariant):
            return case, scenario, run
    return None
