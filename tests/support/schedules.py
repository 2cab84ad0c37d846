"""Random schedules of random cases, and whether they replay to the state that was walked."""

from __future__ import annotations

from collections import Counter
from typing import Any

from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.portfolio import TURNS
from percpu_fuzz.strategies.plan.redraw import redraw
from percpu_fuzz.strategies.run.replay import run_scenario, state_hash


def replay_schedules(plan: Plan, number: int) -> dict[str, Any]:
    """Walk cases of the hunting batches in turn, replay each from its schedule: equal and different state hashes.

    Every scheduler of the portfolio has its turn. switches: of the schedules, in all.
    """
    different: list[tuple[int, int]] = []
    walked: Counter[str] = Counter()
    switches = 0
    for i in range(number):
        k, case = i % (3 * len(TURNS)), i // (3 * len(TURNS))
        scenario, run = redraw(plan.batch_of("hunting", k), case)
        replayed = run_scenario(scenario, plan.variant)
        if state_hash(replayed.state) != state_hash(run.state) or replayed.violations != run.violations:
            different.append((k, case))
        walked[plan.turn("hunting", k)[0]] += 1
        switches += len(scenario.schedule)
    return {"schedules": number, "different": different, "by_scheduler": dict(walked), "switches": switches}
