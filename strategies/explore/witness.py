"""From the tasks that step, as a search leaves them, to a scenario that replays: the run with its schedule."""

from __future__ import annotations

from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.run.replay import Run, plain_records, run_scenario, schedule_of
from percpu_fuzz.strategies.run.steps import steps


def witness(scenario: Scenario, variant: Variant, path: tuple[int, ...], invariant: str) -> tuple[Scenario, Run]:
    """The scenario with the schedule of `path`, and its replay; AssertionError if the violation is not at its end.

    After the last step of the path its task runs on, then whoever can, to the end of the case.
    """
    turns = iter(path)
    taken = list(steps(variant, *plain_records(scenario, variant), lambda: next(turns, -1)))
    found = Scenario(scenario.topology, scenario.program, schedule_of(taken))
    run = run_scenario(found, variant)
    broken = run.broken(invariant)
    assert broken is not None, f"{invariant} of {variant.name} does not come back"
    assert broken.step == len(path), f"{invariant} of {variant.name} comes at step {broken.step}, not {len(path)}"
    return found, run
