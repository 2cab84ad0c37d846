"""A schedule, once written down, is the run: replayed, it ends in the same state, byte by byte."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from schedules import replay_schedules

from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.topology import size_class_of
from percpu_fuzz.strategies.draw.topologies import families, preset
from percpu_fuzz.strategies.plan.portfolio import TURNS
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import redraw
from percpu_fuzz.strategies.run.replay import run_scenario, state_hash


def test_random_schedules_replay_to_the_same_state() -> None:
    """Fifty schedules of every scheduler of the portfolio end in equal hashes of the whole state.

    `make exam` takes 1,000, of every family of machines.
    """
    found = replay_schedules(make_plan("v2", 31, preset("two-node")), 50)
    assert found["different"] == []
    assert set(found["by_scheduler"]) == {name for name, _ in TURNS}
    assert found["switches"] > 50 * 10


def test_families_hold_machines_of_one_size_class() -> None:
    """A family runs in one class; a machine of a smaller one would be replayed with other tasks than were walked."""
    for family in families():
        assert len({size_class_of(topology) for topology in family.topologies}) == 1, family.name


def test_another_schedule_ends_elsewhere() -> None:
    """Control: without the first half of its switches a long schedule mostly ends elsewhere or is refused."""
    plan = make_plan("v2", 32, preset("two-node"))
    walks = [redraw(plan.batch_of("measurement", 0), case) for case in range(30)]
    long = [(scenario, run) for scenario, run in walks if len(scenario.schedule) > 30]
    assert len(long) >= 10
    same = 0
    for scenario, run in long:
        cut = replace(scenario, schedule=scenario.schedule[len(scenario.schedule) // 2 :])
        with suppress(ScenarioError):
            same += state_hash(run_scenario(cut, plan.variant).state) == state_hash(run.state)
    assert same <= 2  # where what was cut made no difference
