"""How many switches of a replay take the CPU from a task that could have gone on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from percpu_fuzz.engine.case.runnable import runnable
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.run.replay import plain_records, run_scenario


def preemptions(scenario: Scenario, variant: Variant, invariant: str) -> int:
    """Preemptive switches up to the step that breaks the invariant; a task that blocks or ends is not preempted."""
    topo, prog, _ = plain_records(scenario, variant)
    may_step = plain(runnable)
    steps: list[tuple[int, bool]] = []

    def watch(state: Any, task: int, _label: int) -> None:
        steps.append((task, bool(may_step(topo, prog, state, task))))

    broken = run_scenario(scenario, variant, watch).broken(invariant)
    last = len(steps) if broken is None else broken.step
    return sum(ready and task != following for (task, ready), (following, _) in pairwise(steps[:last]))
