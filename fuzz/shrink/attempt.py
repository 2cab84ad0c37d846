"""The one gate of shrinking: every candidate goes through Gate.attempt, which caches, bounds and only then executes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.records import Record, State, new_record
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.program import FAIL_FIELDS, Program, Task, prog_record
from percpu_fuzz.engine.scenario import Scenario, Switch
from percpu_fuzz.engine.topology import Topology, size_class_of, topo_record
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.shrink.actors import Actor, Cast, cast_of
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.run.recorded_walk import walk_recorded
from percpu_fuzz.strategies.run.replay import schedule_of, set_follow
from percpu_fuzz.strategies.schedulers.record import MOST_SWITCHES, new_sched

MOST_STEPS = 20_000
DEFAULT_EXECUTIONS = 20_000
MACHINES = {"small": "two-node", "wide": "epyc176"}  # a preset of each size class, to load what runs on it

AT_THE_END = ("AT_BARRIER", "FINISHED")  # labels at which what went wrong anywhere is judged


class BudgetSpentError(Exception):
    """No execution or no time is left; the best attempt so far stands."""


class Event(NamedTuple):
    """One step of an attempt: who, in which of its operations, at which label, and where it stood after."""

    actor: Actor
    op: int
    label: int
    after: int


@dataclass(frozen=True)
class Attempt:
    """A scenario that shows the violation, its schedule written down exactly, and every step up to the violation.

    rows: (task, label before, label after, operation), one a step, tasks by their number in `cast`.
    label: where it was judged; at rest and at the end that is not the label of the last step.
    """

    scenario: Scenario
    cast: Cast
    rows: list[tuple[int, int, int, int]]
    label: int

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every step up to the violation, by role. Made when asked for: most attempts are no better than the best."""
        return tuple(Event(self.cast.actor(t), op, label, after) for t, label, after, op in self.rows)

    @cached_property
    def size(self) -> tuple[int, ...]:
        """What shrinking makes smaller, most important first."""
        program, topology = self.scenario.program, self.scenario.topology
        ops = [op for task in program.tasks for op in task.ops]
        return (
            len(ops), len(program.tasks), len(topology.nodes), len(topology.cpus), len(program.memcgs),
            len(self.scenario.schedule), self.oddities(), len(self.rows),
            sum(op.size_bytes + op.gfp + op.value + op.slot + op.memcg + (op.align not in (0, 8)) for op in ops),
            sum(t.cpu + t.memcg + t.irq for t in program.tasks),
        )  # fmt: skip

    def oddities(self) -> int:
        """How many things are not as plain as they could be: faults, pressure, limits, a special machine."""
        program, topology = self.scenario.program, self.scenario.topology
        plain_rows = sum(d not in (10, 20) for row in topology.distances for d in row)
        faults = sum(sum(getattr(program, name)) for name in FAIL_FIELDS)
        table = sum(entry > 0 for entry in program.table) + len(program.table)
        limits = sum(m.max_pages >= 0 for m in program.memcgs) + sum(m.user_pages > 0 for m in program.memcgs)
        cpus = sum(not cpu.online or cpu.isolated for cpu in topology.cpus)
        nodes = sum(not node.online or not node.has_memory for node in topology.nodes)
        rest = (topology.page_size != 4096) + (topology.ext_size != 8) + (topology.first_room_bytes > 0)
        rest += (topology.first_start_bytes > 0) + (topology.reserved_room_bytes > 0) + topology.unit_pages
        return plain_rows + faults + table + limits + cpus + nodes + rest + len(program.pressed_pages)


@dataclass
class Gate:
    """Runs candidates on one variant until one invariant breaks; holds the budget and what was tried before.

    at: the label at which it must break, None for any. Without it shrinking slips from one cause to a simpler one.
    enough: asked before each execution, ends the time as `deadline` does; cut_short: one of the two has ended it.
    """

    variant: Variant
    invariant: str
    executions_left: int = DEFAULT_EXECUTIONS
    deadline: float | None = None
    enough: Callable[[], bool] = lambda: False
    cut_short: bool = False
    at: int | None = None
    executions: int = 0
    tried: dict[Scenario, Attempt | None] = field(default_factory=dict)
    topos: dict[Topology, tuple[str, Record]] = field(default_factory=dict)
    last: tuple[Program, str, int, Record] | None = None
    states: dict[str, Record] = field(default_factory=dict)
    scheds: Record = field(default_factory=new_sched)
    blank: Record = field(default_factory=new_sched)
    rngs: Record = field(default_factory=new_rng)
    taken: Any = field(default_factory=lambda: np.zeros((MOST_STEPS, 4), dtype=np.int32))

    def attempt(self, scenario: Scenario) -> Attempt | None:
        """The violation along the scenario's schedule, stops that it cannot reach left out; None if it does not show.

        BudgetSpentError instead of an execution when the budget is used up.
        """
        if scenario in self.tried:
            return self.tried[scenario]
        self.cut_short = self.executions > 0 and self.late()  # whatever the time, the first one is run
        if self.executions_left <= 0 or self.cut_short:
            raise BudgetSpentError
        self.executions_left -= 1
        self.executions += 1
        found = self.tried[scenario] = self._execute(scenario)
        return found

    def late(self) -> bool:
        """Whether time has ended."""
        return self.enough() or (self.deadline is not None and time.monotonic() >= self.deadline)

    def _execute(self, scenario: Scenario) -> Attempt | None:
        try:
            size_class, topos = self._machine(scenario.topology)
            cast = cast_of(scenario)
            progs = self._program(scenario.program, size_class, cast.acting)
        except InputError:
            return None  # a candidate that no longer is a scenario
        return self._run(scenario, cast, size_class, topos, progs)

    def _run(self, scenario: Scenario, cast: Cast, size_class: str, topos: Record, progs: Record) -> Attempt | None:
        """One execution, on records that are made; None if it does not show what is looked for."""
        self.scheds[:] = self.blank
        set_follow(self.scheds[0], scenario.schedule[:MOST_SWITCHES], lenient=True)
        wanted = INVARIANT_NAMES.index(self.invariant)
        if size_class not in self.states:
            self.states[size_class] = new_record(State, size_class)
        states = self.states[size_class]
        walk = entry_of(self.variant, walk_recorded)
        steps = int(walk(topos, progs, states, self.rngs, self.scheds, wanted, self.taken))
        if not states[0]["violated"][wanted]:
            return None
        label = int(states[0]["viol_label"][wanted])
        if self.at is not None and label != self.at:
            return None
        rows = self.taken[:steps].tolist()
        exact = schedule_of([(t, label, after) for t, label, after, _ in rows])
        return Attempt(Scenario(scenario.topology, scenario.program, exact), cast, rows, label)

    def _program(self, program: Program, size_class: str, acting: int) -> Record:
        """Of the variant. Candidates that differ in machine or schedule come one after the other."""
        if self.last is None or self.last[0] is not program or self.last[1:3] != (size_class, acting):
            progs = prog_record(program, size_class, acting)
            self.variant.write(progs[0])
            self.last = program, size_class, acting, progs
        return self.last[3]

    def _machine(self, topology: Topology) -> tuple[str, Record]:
        if topology not in self.topos:
            size_class = size_class_of(topology)
            self.topos[topology] = size_class, topo_record(topology, size_class)
        return self.topos[topology]


def load(topology: Topology, variant: Variant = VARIANTS["fixed"]) -> None:
    """Compile, or load from the cache, what a Gate runs on machines of this size; processes forked later have it.

    A variant with steps of its own has an engine of its own.
    """
    Gate(variant, "I1").attempt(Scenario(topology, Program((Task(),))))


def schedule_from(events: list[Event], scenario: Scenario) -> tuple[Switch, ...]:
    """The schedule that takes these events in this order, for the cast of a scenario; others' events are left out."""
    cast = cast_of(scenario)
    numbered = [(cast.number(event.actor), event) for event in events]
    return schedule_of([(t, event.label, event.after) for t, event in numbered if t is not None])
