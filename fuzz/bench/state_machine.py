"""A state machine of Hypothesis over the engine, step by step: what the hunting stream is measured against.

Rules hand operations to three tasks of a two-node machine and choose who steps next. The engine runs plain, so every
field of its state can be read in between.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

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

RULED_TASKS, RULED_CPUS, RULED_SLOTS = 3, 2, 8
RULED_STEPS = 20_000
can_step, take_step, is_over = plain(runnable), plain(checked_step), plain(case_over)
RULED_SIZES = st.one_of(
    st.integers(1, 2048).map(lambda granules: granules * 4),
    st.builds(lambda page, granules: page + 4 * granules, st.sampled_from((2048, 4096)), st.integers(-2, 2)),
)  # bytes, as the allocator rounds them; a third within a granule or two of a page or half a page


class Accounting(RuleBasedStateMachine):
    """Three tasks that charge to one cgroup; each has eight operations, at first none that does anything.

    variant: what accounts. wanted: the invariants that must hold; others may be broken.
    """

    variant = VARIANTS["fixed"]
    wanted = frozenset(INVARIANT_NAMES)

    def __init__(self) -> None:
        super().__init__()
        nothing = (Op("nop"),) * RULED_SLOTS
        tasks = tuple(Task(cpu=t % RULED_CPUS, ops=nothing) for t in range(RULED_TASKS))
        scenario = Scenario(preset("two-node"), Program(tasks, (Memcg(0),)))
        self.topo, self.prog, self.state = plain_records(scenario, self.variant)
        self.given = [0] * RULED_TASKS

    def give(self, t: int, kind: int, **fields: int) -> None:
        """Turn the next operation of task t that it has not begun into another."""
        at = max(self.given[t], self.state.op_i[t] + 1)
        if at >= RULED_SLOTS:
            return
        self.prog.op_kind[t, at] = kind
        for name, value in fields.items():
            getattr(self.prog, f"op_{name}")[t, at] = value
        self.given[t] = at + 1

    def step(self, who: int) -> bool:
        """One step of one of the tasks that can take one."""
        ready = [t for t in range(self.state.nr_all) if can_step(self.topo, self.prog, self.state, t)]
        if not ready:
            return False
        take_step(self.topo, self.prog, self.state, ready[who % len(ready)], CHECK_TOUCHED)
        return True

    @rule(t=st.integers(0, RULED_TASKS - 1), size_bytes=RULED_SIZES, slot=st.integers(0, 3))
    def alloc(self, t: int, size_bytes: int, slot: int) -> None:
        self.give(t, OP_ALLOC, bytes=size_bytes, align=8, gfp=GFP_ACCOUNT, memcg=1, slot=slot)

    @rule(t=st.integers(0, RULED_TASKS - 1), slot=st.integers(0, 3))
    def free(self, t: int, slot: int) -> None:
        self.give(t, OP_FREE, slot=slot)

    @rule(t=st.integers(0, RULED_TASKS - 1))
    def drain(self, t: int) -> None:
        self.give(t, OP_DRAIN, memcg=1)

    @rule(t=st.integers(0, RULED_TASKS - 1))
    def rmdir(self, t: int) -> None:
        self.give(t, OP_RMDIR, memcg=1)

    @rule(who=st.integers(0, 7), steps=st.integers(1, 40))
    def run(self, who: int, steps: int) -> None:
        for _ in range(steps):
            if is_over(self.state) or not self.step(who):
                break

    @invariant()
    def nothing_is_broken(self) -> None:
        """AssertionError with the names of invariants that are."""
        broken = [name for name, bit in zip(INVARIANT_NAMES, self.state.violated, strict=False) if bit]
        if self.wanted.intersection(broken):
            raise AssertionError(broken)

    def teardown(self) -> None:
        """To the end of the case, in turns; then everything must have been given back."""
        steps = 0
        while not is_over(self.state) and self.step(steps) and steps < RULED_STEPS:
            steps += 1
        self.nothing_is_broken()
