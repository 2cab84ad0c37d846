"""A case of a batch found again from its number: drawn as the batch drew it, its schedule written down, replayed."""

from __future__ import annotations

from typing import Any, NamedTuple

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import code_at_start
from percpu_fuzz.engine.core.declare import PlainRecord, plain_array
from percpu_fuzz.engine.core.records import Prog, State, new_record
from percpu_fuzz.engine.outcome import Signature
from percpu_fuzz.engine.own.engines import plain_of
from percpu_fuzz.engine.own.mirrors import Records
from percpu_fuzz.engine.program import program_of
from percpu_fuzz.engine.scenario import Finding, Scenario
from percpu_fuzz.strategies.draw.choices import LENGTH
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.user_scheduler import UserWalk
from percpu_fuzz.strategies.run.cases import MOST_STEPS, draw_case
from percpu_fuzz.strategies.run.replay import Run, compiled_hash, schedule_of, state_hash, violations_of
from percpu_fuzz.strategies.run.steps import NextTask, scheduled, steps
from percpu_fuzz.strategies.run.walk import expect_steps
from percpu_fuzz.strategies.schedulers.choose import begin
from percpu_fuzz.strategies.schedulers.record import URW, new_sched


class NotRepeatableError(Exception):
    """A case that does not come back: the harness is broken, not the variant."""


class Drawn(NamedTuple):
    """A case before its first step as plain mirrors, its machine's number, place: strategies.draw.choices.PLACE_*."""

    topo: Any
    prog: Any
    state: Any
    rng: Any
    which: int
    place: int


def drawn_case(batch: Batch, case: int) -> Drawn:
    """Case number `case` of a batch."""
    topos: Any = Records(batch.family.topos)
    array = new_record(Prog, batch.size_class)
    batch.write_prog(array[0])
    prog: Any = PlainRecord(array[0])
    state: Any = PlainRecord(new_record(State, batch.size_class)[0])
    rng: Any = PlainRecord(new_rng()[0])
    values = [0] * LENGTH
    which = plain_of(batch.variant, draw_case)(
        topos, [prog], rng, batch.key, case, int(batch.hunts), tuple(map(plain_array, batch.tables)),
        plain_array(batch.corpus), [0] * LENGTH, values,
    )  # fmt: skip
    topo = topos[which]
    plain_of(batch.variant, reset)(topo, prog, state, True)
    return Drawn(topo, prog, state, rng, int(which), values[0])


def next_task_of(batch: Batch, case: int, drawn: Drawn) -> NextTask:
    """Who steps next in a case, as the batch has it: the user's scheduler, or the one whose turn it is."""
    topo, prog, state, rng = drawn[:4]
    if batch.user is not None:
        return UserWalk(batch.user, batch.variant, topo, prog, state, batch.key, batch.k, case).choose
    array = new_sched()
    batch.write_sched(array[0])
    sched: Any = PlainRecord(array[0])
    if sched.kind == URW:
        spare: Any = PlainRecord(new_record(State, batch.size_class)[0])
        plain_of(batch.variant, reset)(topo, prog, spare, True)
        plain_of(batch.variant, expect_steps)(topo, prog, spare, rng, sched, MOST_STEPS)
    plain_of(batch.variant, begin)(sched, state, rng)
    return scheduled(batch.variant, sched, topo, prog, state, rng)


def redraw(batch: Batch, case: int) -> tuple[Scenario, Run]:
    """The scenario of a case with the schedule that was walked, and the run of that walk."""
    drawn = drawn_case(batch, case)
    program = program_of(drawn.prog.to_array()[0])
    taken = list(steps(batch.variant, drawn.topo, drawn.prog, drawn.state, next_task_of(batch, case, drawn)))
    scenario = Scenario(batch.family.topologies[drawn.which], program, schedule_of(taken))
    return scenario, Run((), violations_of(drawn.state), drawn.state)


def repeated(batch: Batch, case: int) -> tuple[Scenario, Run]:
    """redraw in plain mode, then two compiled replays. NotRepeatableError unless all three end alike."""
    scenario, walked = redraw(batch, case)
    for _ in range(2):
        if compiled_hash(scenario, batch.variant, walked.state.nr_steps) != state_hash(walked.state):
            raise NotRepeatableError(f"case {case} of {batch} replays differently from its schedule")
    return scenario, walked


def finding_of(
    batch: Batch, case: int, signature: Signature, found: tuple[Scenario, Run] | None = None
) -> Finding:  # fmt: skip
    """A violating case as a finding; found: what `repeated` gave, if it was asked before.

    NotRepeatableError unless the case comes back, and with the violation.
    """
    scenario, walked = repeated(batch, case) if found is None else found
    violation = walked.broken(signature.invariant)
    if violation is None:
        raise NotRepeatableError(f"case {case} of {batch} does not violate {signature.invariant} again")
    origin = {
        "seed": batch.seed, "stream": batch.stream, "batch": batch.k, "case": case, "code": code_at_start(),
        "step": violation.step, "task": violation.task, "label": violation.label, "want": violation.want,
        "found": violation.found, "hazards": list(signature.hazards), "steps": walked.state.nr_steps,
    }  # fmt: skip
    return Finding(scenario, batch.variant.name, signature.invariant, origin)
