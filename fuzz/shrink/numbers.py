"""A scenario near another one, read from a list of numbers: what a shrinker of numbers needs, whichever it is.

Smaller numbers and fewer of them are plainer scenarios. Lists end with 0; their entries say which entry of the start
they were, so that taking out the numbers of one leaves the others what they are, and their steps in the schedule.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from percpu_fuzz.engine.core.labels import OP_NAMES
from percpu_fuzz.engine.program import FAIL_FIELDS, OP_FIELDS, Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.fuzz.shrink.attempt import Attempt, schedule_from
from percpu_fuzz.fuzz.shrink.candidates import kept_events
from percpu_fuzz.fuzz.shrink.machines import acting_of, even_machines, moved

READ = {
    "nop": (), "barrier": (), "alloc": ("memcg", "slot", "size_bytes", "align", "gfp"), "free": ("slot",),
    "kmem": ("memcg", "slot", "size_bytes", "align", "gfp"), "mkdir": ("memcg", "slot"), "rmdir": ("memcg",),
    "drain": ("memcg",), "set_max": ("memcg", "value"), "charge_user": ("memcg", "value", "gfp"),
    "move": ("value", "memcg"), "migrate": ("value", "slot"), "cpu_dead": ("value",), "cpu_online": ("value",),
    "pressure": ("value", "size_bytes"), "node_online": ("value",),
}  # fmt: skip
NAMES_A_TASK = ("move", "migrate")
LARGEST = 8192  # bytes; an allocation may be made as large as that where the start's are smaller
MOST_GFP = 511


class Source(Protocol):
    """Where numbers come from. `given` is what the start has in this place."""

    def number(self, most: int, given: int) -> int:
        """A number from 0 to most."""

    def group(self, what: str) -> AbstractContextManager[None]:
        """The numbers drawn within belong together."""


@dataclass
class Start:
    """The source of the start itself: every number is the given one, and is written down."""

    numbers: list[int] = field(default_factory=list)

    def number(self, most: int, given: int) -> int:
        """The given number. ValueError if it is not within 0 to most."""
        if not 0 <= given <= most:
            raise ValueError(f"{given} is not within 0 to {most}")
        self.numbers.append(given)
        return given

    def group(self, what: str) -> AbstractContextManager[None]:
        """No matter to the start."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Ranges:
    """How large numbers may get, and what sizes and alignments count in."""

    unit: int
    aligns: tuple[int, ...]
    most: dict[str, int]
    machines: tuple[Topology, ...]
    acting: int


def ranges_of(first: Attempt) -> Ranges:
    """From the start: what it has, and a little above."""
    program, topology = first.scenario.program, first.scenario.topology
    ops = [op for task in program.tasks for op in task.ops]
    acting, memcgs = len(acting_of(topology)), len(program.memcgs)
    unit = 4 if all(op.size_bytes % 4 == 0 for op in ops) else 1  # as the allocator rounds them
    aligns = (8, 0, *sorted({op.align for op in ops} - {0, 8}))  # 8 is the plain one

    def most(name: str, least: int) -> int:
        given: list[int] = [getattr(op, name) for op in ops]
        return max([least, *given])

    bounds = {
        "memcg": most("memcg", memcgs), "slot": most("slot", max(memcgs, acting - 1)), "gfp": MOST_GFP,
        "value": most("value", max(len(program.tasks), acting) - 1), "align": len(aligns) - 1,
        "size_bytes": most("size_bytes", LARGEST) // unit,
    }  # fmt: skip
    return Ranges(unit, aligns, bounds, (*even_machines(topology), topology), acting)


class Reading:
    """One scenario, read from a source: machine, cgroups, tasks, surroundings, then the schedule that they leave."""

    def __init__(self, first: Attempt, ranges: Ranges, source: Source) -> None:
        self.first, self.ranges, self.source = first, ranges, source
        self.program = first.scenario.program
        self.memcgs: list[int] = []  # which of the start's cgroups are left, numbered from 1
        self.tasks: list[int] = []
        self.ops: dict[int, set[int]] = {}

    def scenario(self) -> Scenario | None:
        """None where the machine cannot hold it."""
        machine = self.ranges.machines[self._number(len(self.ranges.machines) - 1, len(self.ranges.machines) - 1)]
        memcgs = self._memcgs()
        drawn = self._tasks()
        tasks = tuple(replace(task, ops=tuple(map(self._renamed, task.ops))) for task in drawn)
        program = replace(self._surroundings(), tasks=tasks, memcgs=memcgs, probe=(-1, -1))
        bare = Scenario(self.first.scenario.topology, program)
        events = kept_events(self.first, self.tasks, self.ops)
        if machine is self.first.scenario.topology:
            return self._scheduled(replace(bare, schedule=schedule_from(events, bare)))
        elsewhere = moved(bare, events, machine)
        return None if elsewhere is None else self._scheduled(elsewhere)

    def _number(self, most: int, given: int) -> int:
        return self.source.number(most, given) if most > 0 else 0

    def _flag(self, given: bool) -> bool:
        return self._number(1, int(given)) == 1

    def _which(self, count: int, met: int) -> int:
        """Which entry of a list of the start comes next, from 1 on; 0 ends the list."""
        return self._number(count, met + 1 if met < count else 0)

    def _memcgs(self) -> tuple[Memcg, ...]:
        given = self.program.memcgs
        drawn: list[Memcg] = []
        while which := self._which(len(given), len(self.memcgs)):
            old = given[which - 1]
            with self.source.group("cgroup"):
                limit = self._number(old.max_pages + 1, old.max_pages + 1) - 1
                parent, user = self._number(which - 1, old.parent), self._number(old.user_pages, old.user_pages)
            self.memcgs.append(which)
            drawn.append(Memcg(parent, limit, user))
        return tuple(replace(memcg, parent=self._memcg(memcg.parent)) for memcg in drawn)

    def _memcg(self, m: int) -> int:
        """The number of a cgroup of the start: for one that is gone its parent's, for a later one what is left."""
        given = self.program.memcgs
        if m > len(given):
            return m - len(given) + len(self.memcgs)
        while m and m not in self.memcgs:
            m = given[m - 1].parent
        return self.memcgs.index(m) + 1 if m else 0

    def _tasks(self) -> list[Task]:
        given = self.program.tasks
        drawn = []
        while which := self._which(len(given), len(self.tasks)):
            old = given[which - 1]
            with self.source.group("task"):
                cpu, irq = self._number(self.ranges.acting - 1, old.cpu), self._flag(old.irq)
                memcg = self._memcg(self._number(len(self.program.memcgs), old.memcg))
                ops = self._ops(which - 1, old.ops)
            self.tasks.append(which - 1)
            drawn.append(Task(cpu, memcg, irq, ops))
        return drawn

    def _ops(self, task: int, given: tuple[Op, ...]) -> tuple[Op, ...]:
        drawn: list[Op] = []
        kept = self.ops.setdefault(task, set())
        while which := self._which(len(given), len(drawn)):
            kept.add(which - 1)
            with self.source.group("operation"):
                drawn.append(self._op(given[which - 1]))
        return tuple(drawn)

    def _op(self, old: Op) -> Op:
        """The fields that the kind does not read stay 0."""
        kind = OP_NAMES[self._number(len(OP_NAMES) - 1, OP_NAMES.index(old.kind))]
        fields: dict[str, int] = {}
        for name in READ.get(kind, tuple(name for name, _ in OP_FIELDS)):
            given = getattr(old, name)
            if name == "align":
                fields[name] = self.ranges.aligns[self._number(self.ranges.most[name], self.ranges.aligns.index(given))]
            elif name == "size_bytes":
                fields[name] = self._number(self.ranges.most[name], given // self.ranges.unit) * self.ranges.unit
            else:
                fields[name] = self._number(self.ranges.most[name], given)
        return Op(kind, **fields)

    def _renamed(self, op: Op) -> Op:
        """With the numbers that cgroups and tasks have now."""
        op = replace(op, memcg=self._memcg(op.memcg))
        if op.kind == "mkdir":
            op = replace(op, slot=self._memcg(op.slot))
        if op.kind in NAMES_A_TASK and op.value in self.tasks:
            op = replace(op, value=self.tasks.index(op.value))
        return op

    def _surroundings(self) -> Program:
        """Placement, pressure, failures: each with a number that takes all of it away."""
        given = self.program
        changed: dict[str, Any] = {"nested_refresh": self._flag(given.nested_refresh)}
        if self._flag((given.placement, given.table) != ("watermark", (0,))):
            changed["placement"] = ("watermark", "table")[self._flag(given.placement == "table")]
            changed["table"] = self._table(given.table) or (0,)
        else:
            changed |= {"placement": "watermark", "table": (0,)}
        pressed = self._flag(given.pressed_pages != ())
        changed["pressed_pages"] = self._row(given.pressed_pages or (0,) * 4) if pressed else ()
        if self._flag(any(any(getattr(given, name)) for name in FAIL_FIELDS)):
            for name in FAIL_FIELDS:
                row = getattr(given, name)
                changed[name] = self._row(row) if self._flag(any(row)) else (0,) * 8
        else:
            changed |= dict.fromkeys(FAIL_FIELDS, (0,) * 8)
        return replace(given, **changed)

    def _table(self, given: tuple[int, ...]) -> tuple[int, ...]:
        entries: list[int] = []
        most = max(given) + 1
        while entry := self._number(most, given[len(entries)] + 1 if len(entries) < len(given) else 0):
            entries.append(entry - 1)
        return tuple(entries)

    def _row(self, given: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self._number(max(given), entry) for entry in given)

    def _scheduled(self, scenario: Scenario) -> Scenario:
        """Some of the switches, some of them sooner."""
        switches = []
        for switch in scenario.schedule:
            if self._flag(True):
                switches.append(replace(switch, passed=self._number(switch.passed, switch.passed)))
        return replace(scenario, schedule=tuple(switches))
