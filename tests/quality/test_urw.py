"""URW: every interleaving equally often, in programs whose tasks take fixed numbers of steps and never wait."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from planted_bugs import Walker, charging, machine_record, nops, slab, small
from scipy.special import chdtrc

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.records import State, new_record
from percpu_fuzz.engine.program import Program, prog_record
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.run.walk import expect_steps
from percpu_fuzz.strategies.schedulers.record import new_sched

PROGRAMS: dict[str, tuple[Program, tuple[int, ...]]] = {
    "a charge and two operations": (small(charging(1), nops(2)), (8, 5)),
    "three tasks": (small(nops(1), nops(1), nops(1)), (3, 3, 3)),
    "two tasks of seven steps": (small(nops(3), nops(3)), (7, 7)),
    "a slab object and one operation": (small(slab(1), nops(1)), (18, 3)),
    "four tasks": (small(nops(1), nops(1), nops(0), nops(0)), (3, 3, 1, 1)),
}
PER_CELL = 12


def number_of_interleavings(steps: tuple[int, ...]) -> int:
    return math.factorial(sum(steps)) // math.prod(map(math.factorial, steps))


def p_value(program: Program, steps: tuple[int, ...], scheduler: str, left: tuple[int, ...]) -> float:
    """Chi-square of the interleavings taken against all being equally likely, with 12 expected in each cell."""
    walk = Walker(program, sum(steps), ("urw", scheduler), left)
    walk.use((scheduler, 0))
    cells = number_of_interleavings(steps)
    taken = Counter(tuple(code // 256 for code in walk.run()) for _ in range(PER_CELL * cells))
    assert len(taken) <= cells
    assert all(Counter(row) == Counter(dict(enumerate(steps))) for row in list(taken)[:50])
    counts = np.array([*taken.values(), *[0] * (cells - len(taken))])
    return float(chdtrc(cells - 1, ((counts - PER_CELL) ** 2 / PER_CELL).sum()))


def expected_by_the_engine(program: Program) -> list[int]:
    """What URW is given in a campaign: the steps of each task in a run before the one that counts."""
    topo: Any = PlainRecord(machine_record()[0])
    record = prog_record(program, "small", 2)
    VARIANTS["v2"].write(record[0])
    prog: Any = PlainRecord(record[0])
    state: Any = PlainRecord(new_record(State, "small")[0])
    rng: Any = PlainRecord(new_rng()[0])
    sched: Any = PlainRecord(new_sched()[0])
    plain(reset)(topo, prog, state, True)
    plain(expect_steps)(topo, prog, state, rng, sched, 10_000)
    return list(sched.left)


@pytest.mark.parametrize("name", PROGRAMS)
def test_urw_is_uniform(name: str) -> None:
    """1,000 to 10,000 interleavings, each as likely as any other: p > 0.001 (a right sampler fails 1 in 1,000)."""
    program, steps = PROGRAMS[name]
    assert 1_000 <= number_of_interleavings(steps) <= 10_000
    assert p_value(program, steps, "urw", steps) > 0.001


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_random_walk_is_not(name: str) -> None:
    """Control: a walk that is uniform over choices is far from uniform over interleavings: p < 1e-6."""
    program, steps = PROGRAMS[name]
    assert p_value(program, steps, "random", steps) < 1e-6


def test_a_step_too_many_is_seen() -> None:
    """Control: one task's number of steps too large by six, as when its teardown is counted in: p < 1e-6."""
    program, steps = PROGRAMS["two tasks of seven steps"]
    assert p_value(program, steps, "urw", (steps[0] + 6, steps[1])) < 1e-6


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_engine_expects_the_steps_that_interleave(name: str) -> None:
    """The numbers that URW is given are those of the steps that can interleave, for every task."""
    program, steps = PROGRAMS[name]
    left = expected_by_the_engine(program)
    assert left[: len(steps)] == list(steps)
    assert not any(left[len(steps) : len(steps) + 2])
