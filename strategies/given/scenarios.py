"""Hypothesis strategies for schedules and whole scenarios.

from hypothesis import given
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.given.scenarios import scenarios
from percpu_fuzz.strategies.run.replay import run_scenario

@given(scenarios(VARIANTS["v2"]))
def test_no_page_is_lost(scenario):
    assert run_scenario(scenario, VARIANTS["v2"]).broken("I12") is None
"""

from __future__ import annotations

from functools import cache
from itertools import islice

from hypothesis import strategies as st

from percpu_fuzz.engine.case.runnable import runnable
from percpu_fuzz.engine.own.engines import plain_of
from percpu_fuzz.engine.program import Program
from percpu_fuzz.engine.scenario import Scenario, Switch
from percpu_fuzz.engine.topology import Topology, size_class_of
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.given.programs import programs
from percpu_fuzz.strategies.given.topologies import topologies
from percpu_fuzz.strategies.run.replay import plain_records, schedule_of
from percpu_fuzz.strategies.run.steps import steps
from percpu_fuzz.strategies.run.walk import CHECK_NONE

WALK_STEPS_MOST = 20_000
RUNS_MOST = 24


def schedules(topology: Topology, program: Program, variant: Variant) -> st.SearchStrategy[tuple[Switch, ...]]:
    """Interleavings of a program on a variant: who runs, for how many steps, up to RUNS_MOST times; then to the end."""
    runs = st.lists(st.tuples(st.integers(0, 15), st.integers(1, 60)), max_size=RUNS_MOST)
    return runs.map(lambda drawn: walked(Scenario(topology, program), variant, drawn))


def walked(scenario: Scenario, variant: Variant, runs: list[tuple[int, int]]) -> tuple[Switch, ...]:
    """The schedule of a run of the program: of those that can step, number `who` (modulo) steps so many times."""
    topo, prog, state = plain_records(scenario, variant)
    may_step = plain_of(variant, runnable)
    waiting, current, left = list(runs), -1, 0

    def next_task() -> int:
        nonlocal current, left
        ready = [t for t in range(state.nr_all) if may_step(topo, prog, state, t)]
        if ready and (left == 0 or current not in ready) and waiting:
            who, left = waiting.pop(0)
            current = ready[who % len(ready)]
        elif current not in ready:
            current = ready[0] if ready else -1
        left = max(0, left - 1)
        return current

    return schedule_of(list(islice(steps(variant, topo, prog, state, next_task, CHECK_NONE), WALK_STEPS_MOST)))


@cache
def campaign_machines() -> st.SearchStrategy[Topology]:
    """The machines of class small that a campaign's default families have; half of the time, of several with memory."""
    small = [t for family in families() for t in family.topologies if size_class_of(t) == "small"]
    several = [t for t in small if sum(node.pages > 0 for node in t.nodes) > 1]
    return st.sampled_from(small) | st.sampled_from(several)


@st.composite
def scenarios(draw: st.DrawFn, variant: Variant, machines: st.SearchStrategy[Topology] | None = None) -> Scenario:
    """Whole scenarios: a machine, a program for it, an interleaving on the variant.

    machines: by default those of campaigns, and any other of class small.
    """
    topology = draw(campaign_machines() | topologies() if machines is None else machines)
    program = draw(programs(topology))
    return Scenario(topology, program, draw(schedules(topology, program, variant)))
