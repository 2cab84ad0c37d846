"""Programs and scenarios come back from records and files; a recorded schedule replays to the same last state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from equality import batches_of
from few_cases import drawn_programs
from machines import alloc, alone, free, machine

from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.program import prog_record, program_of
from percpu_fuzz.engine.scenario import Finding, Scenario, Switch, dump_finding, load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan import redraw as redrawing
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import NotRepeatableError, redraw, repeated
from percpu_fuzz.strategies.run.replay import run_scenario, state_hash

SEED = 99


def small_plan(variant: str) -> Plan:
    plan = make_plan(variant, SEED)
    return replace(plan, families=tuple(f for f in families() if f.size_class == "small"))


@pytest.mark.parametrize(("size_class", "count"), [("small", 200), ("wide", 8)])
def test_drawn_programs_come_back(size_class: str, count: int) -> None:
    """Program to record to Program and to a file and back are equal, and every drawn program is accepted.

    The drawn record and the one made from its Program differ in the variant's choices and in values that nothing reads.
    """
    for batch in batches_of(size_class, count, SEED):
        ((which, program),) = drawn_programs(batch, 1)
        topology = batch.family.topologies[which]
        nr_act = len(topology.acting_cpus(SIZE_CLASSES[size_class]["act"]))
        assert program_of(prog_record(program, size_class, nr_act)[0]) == program, batch.k
        scenario = Scenario(topology, program, (Switch(0, "PO_NODE", 2), Switch(1, "", 0)))
        finding = Finding(scenario, "v2", "I18", {"seed": SEED, "batch": batch.k})
        data = dump_finding(finding)
        assert load_finding(data, "file") == finding, batch.k
        assert dump_finding(load_finding(data, "file")) == data


@pytest.mark.parametrize("variant", ["v2", "fixed", "v1", "base", "v2-exts"])
def test_recorded_schedules_replay(variant: str) -> None:
    """Ten random cases of each of five variants: the walk's schedule alone leads to the same state, byte for byte."""
    plan = small_plan(variant)
    for k in range(10):
        scenario, walked = redraw(plan.batch_of(STREAMS[k % 2], k), k % 3)
        again = load_finding(dump_finding(Finding(scenario, variant, "I1")), "file").scenario
        run = run_scenario(again, VARIANTS[variant])
        assert state_hash(run.state) == state_hash(walked.state), k
        assert run.violations == walked.violations


def test_another_schedule_ends_in_another_state() -> None:
    """Control: without its schedule a case with several tasks does not end as it was walked."""
    plan = small_plan("v2")
    different = 0
    for k in range(10):
        scenario, walked = redraw(plan.batch_of("measurement", k), 0)
        run = run_scenario(replace(scenario, schedule=()), VARIANTS["v2"])
        different += state_hash(run.state) != state_hash(walked.state)
    assert different >= 5


def test_a_switch_to_a_label_that_does_not_exist_is_an_error_by_name() -> None:
    """In a file and in a replay: the label is named, no other interleaving is run instead."""
    scenario = replace(alone(machine([0, 1], 2), alloc(0, 64), free(0)), schedule=(Switch(0, "PO_NOWHERE", 1),))
    data = dump_finding(Finding(scenario, "v2", ""))
    with pytest.raises(ScenarioError, match=r"^my\.json: schedule names the step 'PO_NOWHERE'"):
        load_finding(data, "my.json")
    with pytest.raises(ScenarioError, match="PO_NOWHERE"):
        run_scenario(scenario, VARIANTS["v2"])


@pytest.mark.parametrize(
    "switch",
    [Switch(0, "PO_CREDIT", 1), Switch(0, "PO_NODE", 99), Switch(1, "PO_NODE", 1)],
    ids=["step of v1 only", "passed too often", "task that does not exist"],
)
def test_a_switch_that_is_never_reached_is_an_error_by_name(switch: Switch) -> None:
    """A stop that the task cannot come to names the switch, its task and its label."""
    scenario = replace(alone(machine([0, 1], 2), alloc(0, 64), free(0)), schedule=(switch,))
    with pytest.raises(ScenarioError, match=rf"switch 0: task {switch.task} .*{switch.label}"):
        run_scenario(scenario, VARIANTS["v2"])


def test_a_case_that_replays_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that ends a step too soon is not taken for the case; as it is, it is."""
    batch = make_plan("v2", 3).batch_of("measurement", 0)
    scenario, _ = repeated(batch, 1)
    assert scenario.schedule
    right = redrawing.compiled_hash
    monkeypatch.setattr(redrawing, "compiled_hash", lambda s, variant, steps: right(s, variant, steps - 1))
    with pytest.raises(NotRepeatableError, match="case 1 of measurement batch 0 replays differently"):
        repeated(batch, 1)
