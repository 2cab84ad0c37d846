"""The public Hypothesis strategies for scenarios: valid, complete, replayable."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, Phase, find, given, settings, target
from hypothesis import strategies as st

from percpu_fuzz.engine.program import Program
from percpu_fuzz.engine.scenario import Finding, Scenario, dump_finding, load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.choices import LENGTH, NR_TABLE
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.given.programs import choice_lists, fallback_patterns, programs
from percpu_fuzz.strategies.given.scenarios import scenarios
from percpu_fuzz.strategies.given.topologies import topologies
from percpu_fuzz.strategies.run.replay import run_scenario, state_hash

QUICK = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TWO_NODES = st.just(preset("two-node"))


@QUICK
@given(scenarios(VARIANTS["fixed"]))
def test_fixed_upholds_every_invariant(scenario: Scenario) -> None:
    """Whatever is drawn replays to its end on fixed, and nothing is broken."""
    assert run_scenario(scenario, VARIANTS["fixed"]).violations == ()


@QUICK
@given(scenarios(VARIANTS["v2"], TWO_NODES))
def test_scenarios_replay_and_survive_a_file(scenario: Scenario) -> None:
    """A drawn schedule replays to equal state hashes, before and after a trip through its file."""
    again = load_finding(dump_finding(Finding(scenario, "v2", "I12")), "drawn").scenario
    assert again == scenario
    first, second = run_scenario(scenario, VARIANTS["v2"]), run_scenario(again, VARIANTS["v2"])
    assert state_hash(first.state) == state_hash(second.state)


@QUICK
@given(scenarios(VARIANTS["v2"], TWO_NODES))
def test_waste_and_headroom_are_targets(scenario: Scenario) -> None:
    """Search can be steered at the largest waste and at the least that a precharge leaves over (I1b: never below 1)."""
    state = run_scenario(scenario, VARIANTS["v2"]).state
    target(float(state.waste_pages), label="pages precharged in vain")
    if state.probe_done == 1:
        left = state.probe_precharge - state.probe_used
        target(-float(left), label="headroom left, negated")
        assert left >= 1


def test_a_planted_mistake_is_found() -> None:
    """Hypothesis alone, without a campaign, finds a case in which unused precharge is kept; fixed upholds it there."""
    kept = replace(VARIANTS["fixed"], store=1)
    look = settings(QUICK, max_examples=400, phases=[Phase.generate])
    found = find(scenarios(kept, TWO_NODES), lambda s: run_scenario(s, kept).broken("I2") is not None, settings=look)
    assert run_scenario(found, VARIANTS["fixed"], lenient=True).violations == ()


@QUICK
@given(choice_lists(), fallback_patterns())
def test_lists_have_the_layout_of_the_samplers(choices: list[int], pattern: list[int]) -> None:
    """One index a position, and a table of the samplers' length."""
    assert len(choices) == LENGTH
    assert len(pattern) == NR_TABLE


@QUICK
@given(st.data())
def test_programs_fit_their_machine(data: st.DataObject) -> None:
    """A drawn program's tasks stand on acting CPUs and in cgroups that exist, on any machine of class small."""
    topology = data.draw(topologies())
    program: Program = data.draw(programs(topology))
    assert 1 <= len(program.tasks) <= 5
    for task in program.tasks:
        assert 0 <= task.cpu < len(topology.acting_cpus(4))
        assert 0 <= task.memcg <= len(program.memcgs)
