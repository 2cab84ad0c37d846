"""What the sampler may draw for an interrupt, and what a program may ask of one."""

from __future__ import annotations

from typing import Any

from equality import PlainSide, batches_of
from few_cases import drawn_programs
from machines import alloc, machine

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord, plain_array
from percpu_fuzz.engine.core.records import Prog, new_record
from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario, Switch
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.choices import LENGTH
from percpu_fuzz.strategies.draw.decode import decode, draw_choices
from percpu_fuzz.strategies.draw.rng import new_rng, seed_rng
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.run.replay import run_scenario

SEED = 17
# These sleep, or take a local lock that the interrupted task may hold (drain_all_stock takes it without a trylock).
NOT_IN_INTERRUPTS = {
    "drain", "barrier", "set_max", "charge_user", "mkdir", "rmdir", "move", "migrate", "cpu_dead", "force_drain",
}  # fmt: skip


def test_interrupts_draw_only_what_an_interrupt_may_do() -> None:
    """In 300 random programs: interrupts allocate without sleeping and free, in no cgroup of their own."""
    drawn = [program for batch in batches_of("small", 300, SEED) for _, program in drawn_programs(batch, 1)]
    tasks = [task for program in drawn for task in program.tasks]
    interrupts = [task for task in tasks if task.irq]
    assert len(interrupts) > 50
    assert {task.memcg for task in interrupts} == {0}
    assert {op.kind for task in interrupts for op in task.ops} & NOT_IN_INTERRUPTS == set()
    assert all(op.gfp & 2 for task in interrupts for op in task.ops if op.kind in ("alloc", "kmem"))
    assert {op.kind for task in tasks if not task.irq for op in task.ops} > {"drain", "barrier", "rmdir"}


def test_an_interrupt_cannot_drain_the_stock_that_it_interrupted() -> None:
    """Two tasks overfill the page stock; the one that uncharges it is interrupted before it clears the slot.

    An interrupt that drains would uncharge the same 124 pages again. Such a program is refused, or does no harm.
    """
    tasks = (
        Task(memcg=1, ops=(alloc(0, 64),)), Task(memcg=1, ops=(alloc(1, 64),)),
        Task(irq=True, ops=(Op("drain", memcg=1),)),
    )  # fmt: skip
    schedule = (
        Switch(0, "TC_LEVEL", 0), Switch(1, "OP_END", 0), Switch(0, "RS_DRAINED", 0), Switch(2, "DL_PAGE_CLEAR", 0),
        Switch(0, "", 0),
    )  # fmt: skip
    scenario = Scenario(machine([0], 1), Program(tasks, (Memcg(0),)), schedule)
    try:
        run = run_scenario(scenario, VARIANTS["fixed"])
    except ScenarioError:
        return
    assert run.violations == ()


UNUSED = 99  # stands in every position beforehand; no kind has as many values


def drawn_twice(batch: Batch, case: int) -> tuple[list[Any], list[Any]]:
    """(choices, program, generator) of a case, drawn whole and without what the program does not use."""
    found = []
    for whole in (True, False):
        rng: Any = PlainRecord(new_rng()[0])
        plain(seed_rng)(rng, batch.key, case)
        tables = tuple(map(plain_array, batch.tables))
        choices, prog, values = [UNUSED] * LENGTH, PlainRecord(new_record(Prog, batch.size_class)[0]), [0] * LENGTH
        plain(draw_choices)(rng, tables, 5, choices, whole)
        topo: Any = PlainSide(batch).topo
        plain(decode)(choices, topo, prog, *tables[:3], values)  # type: ignore[arg-type]
        found.append([choices, prog.to_array().tobytes(), rng.to_array().tobytes()])
    return found[0], found[1]


def test_what_a_program_does_not_use_may_stay_undrawn() -> None:
    """The same program, the same generator afterwards; the whole draw differs only where nothing was written."""
    skipped = 0
    for batch in batches_of("small", 20, SEED):
        whole, partly = drawn_twice(batch, 3)
        assert whole[1:] == partly[1:]
        different = [i for i in range(LENGTH) if whole[0][i] != partly[0][i]]
        assert {partly[0][i] for i in different} <= {UNUSED}
        skipped += len(different)
    assert skipped > 20 * 100
