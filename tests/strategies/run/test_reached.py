"""Which steps and which sides of the kernel's conditions a sample of cases reaches, counted without changing a case."""

from __future__ import annotations

from percpu_fuzz.engine.core.labels import MODEL_NAMES
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import drawn_case, next_task_of
from percpu_fuzz.strategies.run.reached import Reached, counting, note_case_steps
from percpu_fuzz.strategies.run.replay import run_scenario, state_hash
from percpu_fuzz.strategies.run.steps import steps

ALLOC = Op("alloc", memcg=1, slot=0, size_bytes=64, align=8, gfp=129)
ONE = Scenario(preset("two-node"), Program((Task(0, 1, ops=(ALLOC,)),), (Memcg(0),)))


def sides_of(reached: Reached, function: str, number: int) -> int:
    """What was seen of a condition: bit 0 false, bit 1 true."""
    return next(
        sides
        for condition, sides in zip(reached.conditions, reached.sides, strict=True)
        if (condition.function, condition.number) == (function, number)
    )


def test_a_condition_tells_which_way_it_went() -> None:
    """One allocation: its charge succeeds and is not forced, no page stock has anything yet, batch and pages differ."""
    with counting() as reached:
        run_scenario(ONE, VARIANTS["v2"])
    assert sides_of(reached, "al_precharged", 1) == 1  # st.tc_ok[t] == 0
    assert sides_of(reached, "po_begin", 1) == 1  # st.r_charged[t] != 1
    assert sides_of(reached, "po_refund", 3) == 2  # used < precharge
    assert sides_of(reached, "tc_oom", 1) == 0
    assert len(reached.conditions) > 380
    assert len(set(reached.conditions)) == len(reached.conditions)


def test_counting_changes_no_run_and_ends() -> None:
    """The same state at the end with and without; afterwards nothing is counted any more."""
    before = state_hash(run_scenario(ONE, VARIANTS["v2"]).state)
    with counting() as reached:
        during = state_hash(run_scenario(ONE, VARIANTS["v2"]).state)
    seen = list(reached.sides)
    assert state_hash(run_scenario(ONE, VARIANTS["base"]).state) != during == before
    assert reached.sides == seen


def test_a_sample_reaches_more_than_a_case() -> None:
    """Steps are counted by label; what a sample never reached is told by name, with the condition as it is written."""
    batch = make_plan("v2", 5).batch_of("hunting", 0)
    missing = []
    with counting() as reached:
        for case in range(12):
            drawn = drawn_case(batch, case)
            labels = (step.label for step in steps(batch.variant, *drawn[:3], next_task_of(batch, case, drawn)))
            note_case_steps(reached, labels)
            missing.append(len(reached.never()))
    assert reached.cases == 12
    assert sum(reached.steps) > 1000
    assert missing[-1] < missing[0]
    assert f"step {MODEL_NAMES[-1]}" not in reached.never()
    assert any("post_hook.po_refund, condition 1: prog.v_slip" in line for line in reached.never())
