"""Run one scenario step by step: record a schedule as it is drawn, or follow a recorded one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.base import INVARIANT_NAMES
from engine.errors import ScenarioError
from engine.labels import NAMES
from engine.program import prog_record
from engine.records import SIZE_CLASSES, State, new_record
from engine.reset import reset
from engine.runnable import case_over, runnable
from engine.scenario import Scenario, Switch
from engine.topology import size_class_of, topo_record
from engine.variant import Variant
from strategies.walk import CHECK_TOUCHED, checked_step


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
    """A finished replay."""

    steps: tuple[Taken, ...]
    violations: tuple[Violation, ...]
    state: Any


def violations_of(state: Any) -> tuple[Violation, ...]:
    """The violations that a state holds, by step."""
    found = [
        Violation(
            INVARIANT_NAMES[i], int(state["viol_step"][i]), int(state["viol_task"][i]),
            NAMES[int(state["viol_label"][i])], int(state["viol_want"][i]), int(state["viol_found"][i]),
        )
        for i in range(len(INVARIANT_NAMES))
        if state["violated"][i]
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda v: v.step))


def records_of(scenario: Scenario, variant: Variant) -> tuple[Any, Any, Any]:
    """(topo, prog, state) records of a scenario, reset; errors if it fits no size class."""
    size_class = size_class_of(scenario.topology)
    topo = topo_record(scenario.topology, size_class)[0]
    most = SIZE_CLASSES[size_class]["act"]
    prog = prog_record(scenario.program, size_class, len(scenario.topology.acting_cpus(most)))[0]
    variant.write(prog)
    state = new_record(State, size_class)[0]
    reset(topo, prog, state, True)
    return topo, prog, state


class FollowSchedule:
    """Chooses as a recorded schedule says; without one, the lowest runnable task runs until it cannot.

    A switch whose stop can no longer be reached (its task blocks for ever or ends first) is an error by name.
    """

    def __init__(self, schedule: tuple[Switch, ...]) -> None:
        self.schedule = schedule
        self.at = 0
        self.passed: Counter[tuple[int, int]] = Counter()

    def choose(self, state: Any, ready: list[int]) -> int:
        while self.at < len(self.schedule) and self._reached(state, self.schedule[self.at]):
            self.at += 1
        if self.at >= len(self.schedule):
            return ready[0]
        switch = self.schedule[self.at]
        if switch.task in ready:
            return switch.task
        if switch.label:
            raise ScenarioError(
                "schedule", f"switch {self.at}: task {switch.task} cannot run to {switch.label}", "a step it reaches"
            )
        return ready[0]

    def _reached(self, state: Any, switch: Switch) -> bool:
        label = int(state["pc"][switch.task]) if switch.task < int(state["nr_all"]) else -1
        return (
            bool(switch.label) and NAMES[label] == switch.label and (self.passed[switch.task, label] >= switch.passed)
        )

    def took(self, task: int, label: int) -> None:
        self.passed[task, label] += 1


def run_scenario(
    scenario: Scenario, variant: Variant, watch: Callable[[Any, int, int], None] | None = None, most_steps: int = 60_000
) -> Run:
    """Replay a scenario on a variant. `watch(state, task, label)` sees the state after each step."""
    topo, prog, state = records_of(scenario, variant)
    scheduler = FollowSchedule(scenario.schedule)
    steps: list[Taken] = []
    while not case_over(state) and len(steps) < most_steps:
        ready = [t for t in range(int(state["nr_all"])) if runnable(topo, prog, state, t)]
        if not ready:
            break
        task = scheduler.choose(state, ready)
        label = int(state["pc"][task])
        checked_step(topo, prog, state, task, CHECK_TOUCHED)
        scheduler.took(task, label)
        steps.append(Taken(task, NAMES[label]))
        if watch is not None:
            watch(state, task, label)
    return Run(tuple(steps), violations_of(state), state)


def schedule_of(taken: list[tuple[int, int, int]]) -> tuple[Switch, ...]:
    """The switches of a run given as (task, its label before the step, the label where it stands after)."""
    passed: Counter[tuple[int, int]] = Counter()
    switches: list[Switch] = []
    for i, (task, label, after) in enumerate(taken):
        passed[task, label] += 1
        if i + 1 < len(taken) and taken[i + 1][0] != task:
            switches.append(Switch(task, NAMES[after], passed[task, after]))
    if taken:
        switches.append(Switch(taken[-1][0], "", 0))
    return tuple(switches)


def state_hash(state: Any) -> int:
    """A hash of every byte of a state record."""
    return hash(np.asarray(state).tobytes())
