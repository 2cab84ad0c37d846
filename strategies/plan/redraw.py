"""A campaign's case found again from its numbers: drawn as the batch drew it, its schedule written down, replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainGrid, PlainRecord
from percpu_fuzz.engine.core.records import Prog, State, new_record
from percpu_fuzz.engine.outcome import HUNTING, Signature
from percpu_fuzz.engine.program import program_of
from percpu_fuzz.engine.scenario import Finding, Scenario
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.plan.user_scheduler import UserWalk
from percpu_fuzz.strategies.run.batch import MOST_STEPS, draw_case
from percpu_fuzz.strategies.run.replay import Run, compiled_hash, schedule_of, state_hash, violations_of
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step, expect_steps
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took
from percpu_fuzz.strategies.schedulers.record import URW, new_sched

if TYPE_CHECKING:
    from percpu_fuzz.strategies.plan.plan import Plan


class NotRepeatableError(Exception):
    """A case that does not come back: the harness is broken, not the variant."""


def plain_array(array: Any) -> Any:
    """Lists and PlainGrids of Python integers for the plain twins."""
    if array.ndim == 2:
        return PlainGrid(array.shape, array.ravel().tolist())
    return array.tolist()


class PlainPool:
    """The machines of a pool as plain mirrors, made when they are asked for."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    def __len__(self) -> int:
        return len(self.pool)

    def __getitem__(self, which: int) -> PlainRecord:
        return PlainRecord(self.pool[which])


class Drawn(NamedTuple):
    """A case before its first step as plain mirrors, its machine's number, place: strategies.draw.choices.PLACE_*."""

    topo: Any
    prog: Any
    state: Any
    rng: Any
    which: int
    place: int


def drawn_case(plan: Plan, stream: str, k: int, case: int) -> Drawn:
    """A case drawn from its numbers."""
    stratum = plan.stratum(stream, k)
    size_class = plan.classes[stratum]
    topos = PlainPool(plan.pool(stratum))
    prog = new_record(Prog, size_class)
    plan.prepare(prog[0])
    progs, state, rng = [PlainRecord(prog[0])], PlainRecord(new_record(State, size_class)[0]), PlainRecord(new_rng()[0])
    tables = tuple(plain_array(table) for table in plan.tables[stream])
    scratch = plain_array(plan.scratch)
    which = plain(draw_case)(
        topos, progs, rng, plan.key(stream, k), case, int(stream == HUNTING), tables,  # type: ignore[arg-type]
        plain_array(plan.corpus(stream, k)), plain_array(plan.choices), scratch,
    )  # fmt: skip
    topo = topos[which]
    plain(reset)(topo, progs[0], state, True)  # type: ignore[arg-type]
    return Drawn(topo, progs[0], state, rng, int(which), int(scratch[0]))


def redraw(plan: Plan, stream: str, k: int, case: int) -> tuple[Scenario, Run]:
    """The scenario of a case with the schedule that was walked, and the run of that walk."""
    topo, prog, state, rng, which, _ = drawn_case(plan, stream, k, case)
    program = program_of(prog.to_array()[0])
    choose_next = chooser(plan, stream, k, case, topo, prog, state, rng)
    take_step, over = plain(checked_step), plain(case_over)
    taken: list[tuple[int, int, int]] = []
    while not over(state):
        task = choose_next()
        if task < 0:
            break
        label = state.pc[task]
        take_step(topo, prog, state, task, CHECK_TOUCHED)
        taken.append((task, label, state.pc[task]))
    topology = plan.strata[plan.stratum(stream, k)].topologies[which]
    return Scenario(topology, program, schedule_of(taken)), Run((), violations_of(state), state)


def chooser(
    plan: Plan, stream: str, k: int, case: int, topo: Any, prog: Any, state: Any, rng: Any
) -> Callable[[], int]:
    """Who steps next, as the batch had it: the user's scheduler, or the one whose turn it was."""
    if stream == HUNTING and plan.user is not None:
        walk = UserWalk(plan.user, prog, state, plan.key(stream, k), k, case)
        return lambda: walk.choose(topo, prog)
    array = new_sched()
    plan.set_sched(array[0], stream, k)
    sched: Any = PlainRecord(array[0])
    if sched.kind == URW:
        spare: Any = PlainRecord(new_record(State, plan.classes[plan.stratum(stream, k)])[0])
        plain(reset)(topo, prog, spare, True)
        plain(expect_steps)(topo, prog, spare, rng, sched, MOST_STEPS)
    plain(begin)(sched, state, rng)

    def next_task() -> int:
        task: int = plain(choose)(sched, topo, prog, state, rng)
        if task >= 0:
            plain(took)(sched, task, state.pc[task])
        return task

    return next_task


def repeated(plan: Plan, stream: str, k: int, case: int) -> tuple[Scenario, Run]:
    """redraw in plain mode, then two compiled replays. NotRepeatableError unless all three end alike."""
    scenario, walked = redraw(plan, stream, k, case)
    for _ in range(2):
        if compiled_hash(scenario, plan.variant, walked.state.nr_steps) != state_hash(walked.state):
            raise NotRepeatableError(f"case {case} of {stream} batch {k} replays differently from its schedule")
    return scenario, walked


def finding_of(plan: Plan, stream: str, k: int, case: int, signature: Signature) -> Finding:
    """A violating case as a finding. NotRepeatableError unless it comes back, and with the violation."""
    scenario, walked = plan.repeated(stream, k, case)
    violation = walked.broken(signature.invariant)
    if violation is None:
        raise NotRepeatableError(f"case {case} of {stream} batch {k} does not violate {signature.invariant} again")
    origin = {
        "seed": plan.seed, "stream": stream, "batch": k, "case": case, "code": plan.describe()["code"],
        "step": violation.step, "task": violation.task, "label": violation.label, "want": violation.want,
        "found": violation.found, "hazards": list(signature.hazards), "steps": walked.state.nr_steps,
    }  # fmt: skip
    return Finding(scenario, plan.variant.name, signature.invariant, origin)
