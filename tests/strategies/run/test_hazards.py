"""Every hazard of kernel.md 4.2 has a small scenario that passes it: its marker in the engine is hit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from few_cases import few_cases
from places import DATA

from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Finding, Scenario, Switch, load_finding
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.reports.invariants import HAZARD_WORDS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.replay import run_scenario

FOLDER = DATA / "hazards"
HAZARDS = range(1, 26)
KNOWN: dict[str, Variant] = dict(VARIANTS) | {mutant.name: mutant.variant for mutant in catalogue()}


def scenario_of(hazard: int) -> Finding:
    path = FOLDER / f"H{hazard:02d}.json"
    return load_finding(path.read_bytes(), str(path))


def hits(finding: Finding, hazard: int, schedule: bool = True) -> int:
    """How often the scenario passes the hazard; without its schedule, tasks run in turn until they wait."""
    scenario = finding.scenario if schedule else replace(finding.scenario, schedule=())
    return int(run_scenario(scenario, KNOWN[finding.variant]).state.hazard[hazard])


@pytest.mark.parametrize("hazard", HAZARDS)
def test_its_scenario_passes_it(hazard: int) -> None:
    """The marker is hit; where the file says that it takes an interleaving, it is not hit without the schedule."""
    finding = scenario_of(hazard)
    assert hits(finding, hazard) > 0
    assert (hits(finding, hazard, schedule=False) == 0) == finding.origin["needs its schedule"]


def test_the_scenarios_are_small_and_on_the_patch_under_test() -> None:
    """At most five operations each, on v2; hazard 25 alone needs v1, which uses an objcg outside its RCU section."""
    for hazard in HAZARDS:
        finding = scenario_of(hazard)
        assert sum(len(task.ops) for task in finding.scenario.program.tasks) <= 5
        assert finding.variant == ("v1" if hazard == 25 else "v2")
    assert sorted(path.name for path in FOLDER.iterdir()) == [f"H{hazard:02d}.json" for hazard in HAZARDS]
    assert set(HAZARD_WORDS) == {f"H{hazard}" for hazard in HAZARDS}


def test_hazard_25_is_the_bug_of_v1() -> None:
    """Bytes after the last reference are a use after release, no failure injected; v2 and fixed have neither."""
    scenario = scenario_of(25).scenario
    assert not any(scenario.program.fail_trylock)
    broken = run_scenario(scenario, KNOWN["v1"]).violations
    assert [(violation.invariant, violation.label) for violation in broken] == [("I23", "RL_DONE"), ("I19", "RO_LOCK")]
    for name in ("v2", "v2-exts", "fixed"):
        run = run_scenario(scenario, KNOWN[name], lenient=True)
        assert run.state.hazard[25] == 0
        assert run.broken("I19") is None


ALLOC = Op("alloc", memcg=1, size_bytes=64, align=8, gfp=1)
MOVE = Op("move", memcg=2, value=0)
FREE = Op("free")


@pytest.mark.parametrize(
    ("hazard", "ops", "stop"),
    [
        (9, (ALLOC,), ("PO_DONE", 0)),
        (13, (replace(ALLOC, gfp=2),), None),
        (15, (replace(ALLOC, gfp=129), FREE), ("FR_NODE", 0)),
        (15, (replace(ALLOC, gfp=129),), ("PO_STAT", 0)),
        (15, (ALLOC,), ("AL_MUTEX", 0)),
        (21, (Op("node_online", value=0),), None),
    ],
)
def test_markers_are_no_wider_than_their_situation(
    hazard: int, ops: tuple[Op, ...], stop: tuple[str, int] | None
) -> None:
    """A drain after the refund, a failure without a charge, a move in a free, after the entry or of a scope's charge,
    and a node that comes online with nothing accounted: none of them is the hazard.
    """
    machine = scenario_of(21 if hazard == 21 else 17).scenario.topology  # two CPUs, but for hazard 21
    other = Op("drain", memcg=1) if hazard == 9 else MOVE
    tasks = (Task(0, 1, ops=ops), Task(1 if stop else 0, 1, ops=(other,) if stop else ()))
    schedule = (Switch(0, *stop), Switch(1, "FINISHED", 0)) if stop else ()
    program = Program(tasks, (Memcg(0), Memcg(0)))
    assert run_scenario(Scenario(machine, program, schedule), KNOWN["v2"]).state.hazard[hazard] == 0


def test_a_scenario_passes_few_others() -> None:
    """The markers tell situations apart: no scenario passes more than half of them."""
    for hazard in HAZARDS:
        finding = scenario_of(hazard)
        state = run_scenario(finding.scenario, KNOWN[finding.variant]).state
        assert sum(state.hazard[other] > 0 for other in HAZARDS) <= 12


def test_a_campaign_counts_how_often_each_was_passed() -> None:
    """Eight batches of 1,000 cases pass every hazard but 25, which v2 does not have, and count each.

    The rarest is 3, which one hunting case in some thousands passes.
    """
    batches = Batches(make_plan("v2", 5, preset("two-node"), ("nested-refresh",)))
    counts: dict[int, int] = {}
    for stream, k in (*(("hunting", k) for k in range(7)), ("measurement", 0)):
        outcome = few_cases(batches, stream, k, 1000)
        for hazard in HAZARDS:
            counts[hazard] = counts.get(hazard, 0) + outcome.counts[f"hazard.H{hazard}"]
    assert {hazard for hazard in HAZARDS if counts[hazard] == 0} <= {12, 14, 21, 25}  # no isolated CPU on this machine
