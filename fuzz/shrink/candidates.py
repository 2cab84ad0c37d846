"""Smaller neighbours of a scenario, noun by noun: operations, tasks, cgroups, values, placement and faults."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from percpu_fuzz.engine.program import FAIL_FIELDS, UNLIMITED, Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.fuzz.shrink.actors import PROGRAM, Actor
from percpu_fuzz.fuzz.shrink.attempt import Attempt, Event, schedule_from

NUMBERS = (0, 1, 2, 4, 8, 16, 64, 512, 1024, 2048, 4096)


D = TypeVar("D", Op, Program)


def _set(noun: D, name: str, value: Any) -> D:
    """A copy with one field set by name."""
    return replace(noun, **{name: value})


def with_program(attempt: Attempt, program: Program, events: list[Event]) -> Scenario:
    """A candidate with another program and the schedule that the kept events give."""
    bare = replace(attempt.scenario, program=program, schedule=())
    return replace(bare, schedule=schedule_from(events, bare))


def kept_events(attempt: Attempt, tasks: Sequence[int], ops: Mapping[int, Collection[int]] = {}) -> list[Event]:
    """The steps of the tasks and operations that are left, under the numbers that the tasks have then.

    ops: by task, those that are left of it; tasks that are not there keep all.
    """
    actors = {number: Actor(PROGRAM, place) for place, number in enumerate(tasks)}
    gone = {t: set(range(len(attempt.scenario.program.tasks[t].ops))).difference(kept) for t, kept in ops.items()}
    events = []
    for event in attempt.events:
        role, number = event.actor
        if role == PROGRAM:
            if number not in actors or event.op in gone.get(number, ()):
                continue
            if actors[number] != event.actor:
                event = Event(actors[number], event.op, event.label, event.after)
        events.append(event)
    return events


def without_ops(attempt: Attempt, task: int, keep: list[int]) -> Scenario:
    """Only some of a task's operations; the steps of the others are taken out of the schedule."""
    program = attempt.scenario.program
    ops = tuple(program.tasks[task].ops[i] for i in keep)
    tasks = list(program.tasks)
    tasks[task] = replace(tasks[task], ops=ops)
    events = kept_events(attempt, range(len(tasks)), {task: keep})
    return with_program(attempt, _probed(program, tuple(tasks)), events)


def _probed(program: Program, tasks: tuple[Task, ...]) -> Program:
    """A program with other tasks; no operation is measured any more."""
    return replace(program, tasks=tasks, probe=(-1, -1))


def without_task(attempt: Attempt, task: int) -> Scenario:
    """One task less; tasks after it move up, also where an operation names one."""
    program = attempt.scenario.program
    tasks = tuple(_renamed_task(t, task) for i, t in enumerate(program.tasks) if i != task)
    events = kept_events(attempt, [i for i in range(len(program.tasks)) if i != task])
    return with_program(attempt, _probed(program, tasks), events)


def _renamed_task(task: Task, gone: int) -> Task:
    ops = tuple(replace(op, value=op.value - 1) if op.kind == "move" and op.value > gone else op for op in task.ops)
    return replace(task, ops=ops)


def without_memcg(attempt: Attempt, gone: int) -> Scenario:
    """One cgroup less (numbered from 1): its children and everything in it go to its parent."""
    program = attempt.scenario.program
    parent = program.memcgs[gone - 1].parent

    def renamed(m: int) -> int:
        m = parent if m == gone else m
        return m - (m > gone)

    memcgs = tuple(replace(m, parent=renamed(m.parent)) for i, m in enumerate(program.memcgs, 1) if i != gone)
    tasks = tuple(
        replace(t, memcg=renamed(t.memcg), ops=tuple(replace(op, memcg=renamed(op.memcg)) for op in t.ops))
        for t in program.tasks
    )
    return with_program(attempt, replace(program, memcgs=memcgs, tasks=tasks), list(attempt.events))


def simpler_ops(attempt: Attempt) -> Iterator[Scenario]:
    """One number of one operation made smaller or plainer."""
    program = attempt.scenario.program
    for t, task in enumerate(program.tasks):
        for i, op in enumerate(task.ops):
            for simpler in _simpler(op):
                ops = (*task.ops[:i], simpler, *task.ops[i + 1 :])
                yield _with_task(attempt, t, replace(task, ops=ops))


def _simpler(op: Op) -> Iterator[Op]:
    """Sizes stay multiples of 4, as the allocator rounds them; alignment 8 is the plain one."""
    if op.align not in (0, 8):
        yield replace(op, align=8)
    for size_bytes in (*(n for n in NUMBERS if n % 4 == 0), *_less(op.size_bytes, 4)):
        if 0 < size_bytes < op.size_bytes:
            yield replace(op, size_bytes=size_bytes)
    for name in ("gfp", "value", "slot", "memcg"):
        given = getattr(op, name)
        for number in sorted({*NUMBERS, *_less(given, 1)}):
            if 0 <= number < given:
                yield _set(op, name, number)


def _less(given: int, unit: int) -> list[int]:
    """What is left of a number after ever smaller steps, down to one unit: a lowest value is near in few of them."""
    return [given - (unit << k) for k in reversed(range(given.bit_length())) if unit << k <= given]


def _with_task(attempt: Attempt, t: int, task: Task) -> Scenario:
    program = attempt.scenario.program
    tasks = (*program.tasks[:t], task, *program.tasks[t + 1 :])
    return replace(attempt.scenario, program=replace(program, tasks=tasks))


def simpler_tasks(attempt: Attempt) -> Iterator[Scenario]:
    """A task on an earlier CPU, in an earlier cgroup, no interrupt."""
    for t, task in enumerate(attempt.scenario.program.tasks):
        for cpu in range(task.cpu):
            yield _with_task(attempt, t, replace(task, cpu=cpu))
        for memcg in range(task.memcg):
            yield _with_task(attempt, t, replace(task, memcg=memcg))
        if task.irq:
            yield _with_task(attempt, t, replace(task, irq=False))


def simpler_memcgs(attempt: Attempt) -> Iterator[Scenario]:
    """A cgroup without limit or user pages, or a child of root."""
    program = attempt.scenario.program
    for m, memcg in enumerate(program.memcgs):
        for simpler in (
            Memcg(0), replace(memcg, user_pages=0), replace(memcg, max_pages=UNLIMITED), replace(memcg, parent=0),
        ):  # fmt: skip
            if simpler != memcg:
                memcgs = (*program.memcgs[:m], simpler, *program.memcgs[m + 1 :])
                yield replace(attempt.scenario, program=replace(program, memcgs=memcgs))


def simpler_surroundings(attempt: Attempt) -> Iterator[Scenario]:
    """No faults, no pressure, pages where the zonelist begins; else one entry of them less."""
    scenario, program = attempt.scenario, attempt.scenario.program
    none = (0,) * 8
    changes = [
        replace(program, placement="watermark", table=(0,), pressed_pages=()), replace(program, pressed_pages=()),
        replace(program, placement="watermark", table=(0,)),
        *(_set(program, name, none) for name in FAIL_FIELDS), replace(program, nested_refresh=False),
    ]  # fmt: skip
    for length in (1, 2, 3, 4, 6, 8, 16, 32):
        if length < len(program.table):
            changes.append(replace(program, table=program.table[:length]))
    if len(program.table) <= 32:
        for i, entry in enumerate(program.table):
            for smaller in range(min(entry, 3)):
                table = (*program.table[:i], smaller, *program.table[i + 1 :])
                changes.append(replace(program, table=table))
    for name in FAIL_FIELDS:
        row = getattr(program, name)
        changes += [_set(program, name, (*row[:i], 0, *row[i + 1 :])) for i, bit in enumerate(row) if bit]
    for change in changes:
        if change != program:
            yield replace(scenario, program=change)
