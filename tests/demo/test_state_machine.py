"""A demonstration: Hypothesis's state machine drives the engine itself, step by step, and looks at it in between.

Rules hand operations to three tasks of a two-node machine and choose who steps next; the engine runs plain, so every
field of its state can be read. The same machine with another variant finds what is wrong with that.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from machines import sizes

from percpu_fuzz.engine.case.runnable import case_over, runnable
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, OP_ALLOC, OP_DRAIN, OP_FREE, OP_RMDIR
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.run.replay import plain_records
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step

TASKS, CPUS, SLOTS = 3, 2, 8
STEPS_MOST = 20_000


class Accounting(RuleBasedStateMachine):
    """Three tasks that charge to one cgroup; each has eight operations, at first none that does anything."""

    variant = VARIANTS["fixed"]

    def __init__(self) -> None:
        super().__init__()
        nothing = (Op("nop"),) * SLOTS
        tasks = tuple(Task(cpu=t % CPUS, ops=nothing) for t in range(TASKS))
        scenario = Scenario(preset("two-node"), Program(tasks, (Memcg(0),)))
        self.topo, self.prog, self.state = plain_records(scenario, self.variant)
        self.given = [0] * TASKS
        self.run_of = {f: plain(f) for f in (runnable, checked_step, case_over)}

    def give(self, t: int, kind: int, **fields: int) -> None:
        """Turn the next operation of task t that it has not begun into another."""
        at = max(self.given[t], self.state.op_i[t] + 1)
        if at >= SLOTS:
            return
        self.prog.op_kind[t, at] = kind
        for name, value in fields.items():
            getattr(self.prog, f"op_{name}")[t, at] = value
        self.given[t] = at + 1

    def step(self, who: int) -> bool:
        """One step of one of the tasks that can take one."""
        ready = [t for t in range(self.state.nr_all) if self.run_of[runnable](self.topo, self.prog, self.state, t)]
        if not ready:
            return False
        self.run_of[checked_step](self.topo, self.prog, self.state, ready[who % len(ready)], CHECK_TOUCHED)
        return True

    @rule(t=st.integers(0, TASKS - 1), size_bytes=sizes(largest_bytes=8192), slot=st.integers(0, 3))
    def alloc(self, t: int, size_bytes: int, slot: int) -> None:
        self.give(t, OP_ALLOC, bytes=size_bytes, align=8, gfp=GFP_ACCOUNT, memcg=1, slot=slot)

    @rule(t=st.integers(0, TASKS - 1), slot=st.integers(0, 3))
    def free(self, t: int, slot: int) -> None:
        self.give(t, OP_FREE, slot=slot)

    @rule(t=st.integers(0, TASKS - 1))
    def drain(self, t: int) -> None:
        self.give(t, OP_DRAIN, memcg=1)

    @rule(t=st.integers(0, TASKS - 1))
    def rmdir(self, t: int) -> None:
        self.give(t, OP_RMDIR, memcg=1)

    @rule(who=st.integers(0, 7), steps=st.integers(1, 40))
    def run(self, who: int, steps: int) -> None:
        for _ in range(steps):
            if self.run_of[case_over](self.state) or not self.step(who):
                break

    @precondition(lambda self: self.state.nr_steps > 0)
    @invariant()
    def nothing_is_broken(self) -> None:
        broken = [name for name, bit in zip(INVARIANT_NAMES, self.state.violated, strict=False) if bit]
        assert broken == []

    def teardown(self) -> None:
        """To the end of the case, in turns; then everything must have been given back."""
        steps = 0
        while not self.run_of[case_over](self.state) and self.step(steps) and steps < STEPS_MOST:
            steps += 1
        self.nothing_is_broken()


class SecondVersion(Accounting):
    """The same rules on the series as posted."""

    variant = VARIANTS["v2"]


def few(examples: int) -> Any:
    return settings(
        max_examples=examples, stateful_step_count=30, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def test_fixed_survives_the_machine() -> None:
    """Nothing is broken on fixed, in whatever order operations and steps come."""
    run_state_machine_as_test(Accounting, settings=few(40))


def test_v2_does_not() -> None:
    """The control: on v2 the same machine comes upon bytes that are left over after an rmdir."""
    with pytest.raises(AssertionError, match=r"I8|I9|I12|I18"):
        run_state_machine_as_test(SecondVersion, settings=settings(few(300), phases=[Phase.generate]))
