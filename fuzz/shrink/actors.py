"""Who takes a step, by role instead of by number: numbers shift when a task or a CPU is taken out of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import size_class_of

PROGRAM, KWORKER, OTHER = range(3)  # OTHER: balance work, offline work, RCU callbacks, the last three numbers


class Actor(NamedTuple):
    """A program task, the kworker of an acting CPU, or one of the three global workers; number within its role."""

    role: int
    number: int


@dataclass(frozen=True, slots=True)
class Cast:
    """How many of each role a scenario has."""

    tasks: int
    acting: int

    def actor(self, t: int) -> Actor:
        """The actor that the engine numbers t."""
        if t < self.tasks:
            return Actor(PROGRAM, t)
        if t < self.tasks + self.acting:
            return Actor(KWORKER, t - self.tasks)
        return Actor(OTHER, t - self.tasks - self.acting)

    def number(self, actor: Actor) -> int | None:
        """The engine's number of an actor, None if this cast has it not."""
        if actor.role == PROGRAM:
            return actor.number if actor.number < self.tasks else None
        if actor.role == KWORKER:
            return self.tasks + actor.number if actor.number < self.acting else None
        return self.tasks + self.acting + actor.number


def cast_of(scenario: Scenario) -> Cast:
    """The cast of a scenario. TopologyError if it fits no size class."""
    most = SIZE_CLASSES[size_class_of(scenario.topology)]["act"]
    return Cast(len(scenario.program.tasks), len(scenario.topology.acting_cpus(most)))
