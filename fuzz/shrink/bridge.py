"""Hypothesis's shrinker on the numbers of a scenario, after the own one: the one place that uses its inner names.

The own shrinker lowers one number at a time; Hypothesis also lowers several together, and finds lowest values by
bisection. It gets the numbers as a list of bounded integers, seeded through its example database: what is saved under
the secondary key is reused and then shrunk, without a search (under the primary key it would not be shrunk). If a
release moves these names, `polished` gives back what it was given, and a test says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

from engine.program import Program
from engine.scenario import Scenario
from fuzz.shrink.attempt import Attempt, BudgetSpentError, Gate

KEY = b"scenario"
EXECUTIONS = 500
TABLE_MOST = 16
OP_FIELDS = ("gfp", "value", "slot", "memcg")


def numbers_of(program: Program) -> list[int]:
    """The numbers that may become smaller, in a fixed order: of operations, tasks, cgroups, and the placement table."""
    found: list[int] = []
    for task in program.tasks:
        found += [task.cpu, task.memcg]
        for op in task.ops:
            found += [op.size_bytes // 4, *(getattr(op, name) for name in OP_FIELDS)]
    for memcg in program.memcgs:
        found += [memcg.max_pages + 1, memcg.user_pages]
    return found + list(program.table[:TABLE_MOST])


def with_numbers(program: Program, numbers: list[int]) -> Program:
    """The inverse: the same program with other numbers."""
    left = iter(numbers)
    tasks = []
    for task in program.tasks:
        cpu, memcg, ops = next(left), next(left), []
        for op in task.ops:
            fields: dict[str, Any] = {"size_bytes": 4 * next(left) + op.size_bytes % 4}
            fields |= {name: next(left) for name in OP_FIELDS}
            ops.append(replace(op, **fields))
        tasks.append(replace(task, cpu=cpu, memcg=memcg, ops=tuple(ops)))
    memcgs = tuple(replace(m, max_pages=next(left) - 1, user_pages=next(left)) for m in program.memcgs)
    table = tuple(left) + program.table[TABLE_MOST:]
    return replace(program, tasks=tuple(tasks), memcgs=memcgs, table=table)


def polished(gate: Gate, best: Attempt) -> Attempt:
    """The smallest attempt that Hypothesis comes to from `best`; never a larger one, and `best` if it cannot work."""
    smallest = best

    def fails(numbers: tuple[int, ...]) -> bool:
        nonlocal smallest
        program = with_numbers(best.scenario.program, list(numbers))
        found = gate.attempt(Scenario(best.scenario.topology, program, best.scenario.schedule))
        if found is not None and found.size < smallest.size:
            smallest = found
        return found is not None

    # No budget is left, or the inner names have moved: what was found so far stands.
    with suppress(BudgetSpentError, ImportError, AttributeError, TypeError):
        _find(tuple(numbers_of(best.scenario.program)), fails)
    return smallest


def _find(values: tuple[int, ...], fails: Callable[[tuple[int, ...]], bool]) -> None:
    """Let Hypothesis shrink `values`, each between 0 and what it is."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis import strategies as st
    from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
    from hypothesis.errors import NoSuchExample

    database: Any = InMemoryExampleDatabase()
    database.save(KEY + b".secondary", choices_to_bytes(tuple(v for v in values if v)))
    bounded = st.tuples(*(st.integers(0, v) if v else st.just(0) for v in values))
    quiet = settings(
        database=database, phases=[Phase.reuse, Phase.shrink], max_examples=EXECUTIONS, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        find(bounded, fails, settings=quiet, random=Random(0), database_key=KEY)
    except NoSuchExample:
        return
