"""Run one scenario step by step along its schedule, in plain mode: no compilation, every field to be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.core.records import SIZE_CLASSES, Record, State, new_record
from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.own.engines import entry_of, plain_of
from percpu_fuzz.engine.program import prog_record
from percpu_fuzz.engine.scenario import Scenario, Switch
from percpu_fuzz.engine.topology import size_class_of, topo_record
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.run.recorded_walk import walk_recorded
from percpu_fuzz.strategies.run.steps import scheduled, steps
from percpu_fuzz.strategies.schedulers.record import FOLLOW, MOST_SWITCHES, MOST_TASKS, new_sched

REPLAYED_MOST = 1_000_000  # of a replay


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: at which step of the case, in which task's step, what was expected and what was found."""

    invariant: str
    step: int
    task: int
    label: str
    want: int
    found: int


@dataclass(frozen=True, slots=True)
class Taken:
    """One step as it was taken."""

    task: int
    label: str


@dataclass(frozen=True, slots=True)
class Run:
    """A finished replay. state: the plain mirror of the State record as the last step left it.

    skipped: switches of the schedule that this variant has no place for, when it was allowed to leave some out.
    """

    steps: tuple[Taken, ...]
    violations: tuple[Violation, ...]
    state: Any
    skipped: int = 0

    def broken(self, invariant: str) -> Violation | None:
        """The violation of an invariant, None if it holds."""
        return next((v for v in self.violations if v.invariant == invariant), None)


def violations_of(state: Any) -> tuple[Violation, ...]:
    """The violations that a plain state holds, by step."""
    found = [
        Violation(
            name, state.viol_step[i], state.viol_task[i], NAMES[state.viol_label[i]], state.viol_want[i],
            state.viol_found[i],
        )
        for i, name in enumerate(INVARIANT_NAMES)
        if state.violated[i]
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda v: v.step))


def records(scenario: Scenario, variant: Variant, size_class: str | None = None) -> tuple[Record, Record, Record]:
    """(Topo, Prog, State) of a scenario as arrays of one, not yet reset; errors if it fits no size class, or this."""
    size_class = size_class or size_class_of(scenario.topology)
    most = SIZE_CLASSES[size_class]["act"]
    progs = prog_record(scenario.program, size_class, len(scenario.topology.acting_cpus(most)))
    variant.write(progs[0])
    return topo_record(scenario.topology, size_class), progs, new_record(State, size_class)


def plain_records(scenario: Scenario, variant: Variant, size_class: str | None = None) -> tuple[Any, Any, Any]:
    """(topo, prog, state) of a scenario as plain mirrors, reset; errors as of records()."""
    topo, prog, state = (PlainRecord(array[0]) for array in records(scenario, variant, size_class))
    plain_of(variant, reset)(topo, prog, state, True)  # type: ignore[arg-type]
    return topo, prog, state


def follow_array(schedule: tuple[Switch, ...]) -> Any:
    """A Sched (array of one) that follows a schedule. ScenarioError if it is longer than the record holds."""
    if len(schedule) > MOST_SWITCHES:
        raise ScenarioError("schedule", f"{len(schedule)} switches", f"at most {MOST_SWITCHES}")
    for i, switch in enumerate(schedule):
        if switch.label and switch.label not in NAMES:
            raise ScenarioError("schedule", f"switch {i} names the step {switch.label!r}", "a label of docs/MODEL.md")
        if not 0 <= switch.task < MOST_TASKS:
            raise ScenarioError("schedule", f"switch {i} names task {switch.task}", f"0 to {MOST_TASKS - 1}")
    array = new_sched()
    set_follow(array[0], schedule, lenient=False)
    return array


def set_follow(sched: Any, schedule: tuple[Switch, ...], lenient: bool) -> None:
    """A blank Sched follows these switches, at most MOST_SWITCHES of known tasks and labels."""
    sched["kind"], sched["lenient"], sched["nr_switches"] = FOLLOW, int(lenient), len(schedule)
    for i, switch in enumerate(schedule):
        sched["switch_task"][i], sched["switch_passed"][i] = switch.task, switch.passed
        sched["switch_label"][i] = NAMES.index(switch.label) if switch.label else -1


def refuse_lost_schedule(scenario: Scenario, sched: Any) -> None:
    """ScenarioError if the schedule could not be followed to its end."""
    if sched.failed:
        at = sched.failed - 1
        switch = scenario.schedule[at]
        raise ScenarioError(
            "schedule", f"switch {at}: task {switch.task} cannot run to {switch.label}", "a step it reaches"
        )


Watch = Callable[[Any, int, int], None]


def run_scenario(
    scenario: Scenario, variant: Variant, watch: Watch | None = None, lenient: bool = False,
    most_steps: int = REPLAYED_MOST,
) -> Run:  # fmt: skip
    """Replay a scenario on a variant. `watch(state, task, label)` sees the plain state after each step.

    lenient: a switch whose stop this variant never reaches is left out, as another variant has other steps; without
    it such a switch is a ScenarioError.
    """
    topo, prog, state = plain_records(scenario, variant)
    sched: Any = PlainRecord(follow_array(scenario.schedule)[0])
    sched.lenient = int(lenient)
    next_task = scheduled(variant, sched, topo, prog, state, PlainRecord(new_rng()[0]))
    taken: list[Taken] = []
    for step in islice(steps(variant, topo, prog, state, next_task), most_steps):
        taken.append(Taken(step.task, NAMES[step.label]))
        if watch is not None:
            watch(state, step.task, step.label)
    refuse_lost_schedule(scenario, sched)
    return Run(tuple(taken), violations_of(state), state, sched.skipped)


def compiled_violations(scenario: Scenario, variant: Variant) -> tuple[Violation, ...]:
    """The violations of run_scenario on the compiled engine, switches that the variant has no place for left out."""
    topos, progs, states = records(scenario, variant)
    scheds = follow_array(scenario.schedule)
    scheds[0]["lenient"] = 1
    taken = np.zeros((REPLAYED_MOST, 4), dtype=np.int32)  # untouched memory costs nothing
    entry_of(variant, walk_recorded)(topos, progs, states, new_rng(), scheds, -1, taken)
    return violations_of(PlainRecord(states[0]))


def compiled_hash(scenario: Scenario, variant: Variant, steps: int) -> str:
    """state_hash after so many steps of a scenario's schedule on the compiled engine."""
    topos, progs, states = records(scenario, variant)
    taken = np.zeros((steps, 4), dtype=np.int32)
    entry_of(variant, walk_recorded)(topos, progs, states, new_rng(), follow_array(scenario.schedule), -1, taken)
    return state_hash(states[0])


def schedule_of(taken: Sequence[tuple[int, int, int]]) -> tuple[Switch, ...]:
    """The switches of a run given by its steps, each as steps.StepTaken."""
    if not taken:
        return ()
    passed: dict[tuple[int, int], int] = {}
    switches: list[Switch] = []
    task, _, stands_at = taken[0]
    for next_task, label, after in taken:
        if next_task != task:
            switches.append(Switch(task, NAMES[stands_at], passed.get((task, stands_at), 0)))
        task, stands_at, place = next_task, after, (next_task, label)
        passed[place] = passed.get(place, 0) + 1
    return (*switches, Switch(task, "", 0))


def state_hash(state: Any) -> str:
    """SHA-256 (hex) of every byte of a state: a record, or its plain mirror."""
    array = state.to_array() if isinstance(state, PlainRecord) else state
    return hashlib.sha256(array.tobytes()).hexdigest()
