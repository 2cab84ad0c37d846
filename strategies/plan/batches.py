"""Batches: runs the batches of a plan in one process, and keeps what that takes from one to the next."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from mmap import mmap
from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.records import Prog, Record, State, new_record
from percpu_fuzz.engine.outcome import MEASUREMENT, Outcome
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.strategies.draw.decode import new_scratch
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.plan import canary
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.learning import NOTHING_LEARNT, Learner, new_cases, written
from percpu_fuzz.strategies.plan.pilot import Seats
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.portfolio import CASES_FROM, FEATURES_EVERY
from percpu_fuzz.strategies.plan.recipe import plan_from
from percpu_fuzz.strategies.plan.redraw import drawn_case, next_task_of
from percpu_fuzz.strategies.plan.trial import error_of_batch
from percpu_fuzz.strategies.run.cases import MOST_STEPS, Machinery, draw_numbers, run_cases
from percpu_fuzz.strategies.run.features import begin_trail, features_of, new_trail, note_step
from percpu_fuzz.strategies.run.outcomes import of_waste, outcome_of
from percpu_fuzz.strategies.run.sampling import sample_cases
from percpu_fuzz.strategies.run.steps import steps
from percpu_fuzz.strategies.run.tally import ROW, BatchTally, count_case, new_rows, new_tally, plain_tally
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, OVERLONG, STUCK
from percpu_fuzz.strategies.schedulers.record import new_sched


class Batches:
    """The batches of a plan, run one at a time. A process that is forked goes on with what its parent has made.

    warm() compiles and makes the records of each size class. learner is None for a plan that does not learn; what it
    takes in says what later batches use. After watch(memory) the rows of the batch at hand lie in that memory,
    so that another process can tell from them with case_at() how far it came.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.learner = Learner() if plan.learns else None
        self.seats: Seats | None = None
        self.machinery: dict[str, Machinery] = {}
        self.watched: Any = None  # a CaseRow for each case of the largest batch

    def batch_of(self, stream: str, k: int) -> Batch:
        """Batch k of a stream, after what was learnt so far."""
        learnt = NOTHING_LEARNT if self.learner is None else self.learner.used_by(k)
        return self.plan.batch_of(stream, k, learnt, self.seats)

    @property
    def pilot(self) -> int:
        """So many measurement batches are to be taken in before a batch from seated_from on; 0 once they are."""
        return 0 if self.seats is not None else self.plan.pilot

    @property
    def seated_from(self) -> int | None:
        """The first measurement batch that waits for the pilot; None where none does, or no more."""
        return None if self.seats is not None else self.plan.seated_from()

    def take_pilot(self, outcomes: Iterable[Outcome]) -> None:
        """Take in the pilot's outcomes, by number."""
        self.seats = self.plan.seats_from(outcomes)

    def seating(self) -> list[int] | None:
        """What the pilot said, as data fit for JSON; None before that."""
        return None if self.seats is None else list(self.seats.order)

    def take_seating(self, seating: Sequence[int]) -> None:
        """Know what another process's pilot said."""
        self.seats = Seats(tuple(seating))

    def cases_per_batch(self, stream: str, k: int) -> int | None:
        """How many cases batch k of a stream holds; None while the pilot has to be run first."""
        if stream == MEASUREMENT and self.seated_from is not None and k >= self.seated_from:
            return None
        return self.plan.cases_per_batch(stream, k, self.seats)

    def outcome(self, stream: str, k: int, checks: int = CHECK_TOUCHED) -> Outcome:
        """Run batch k of a stream, and the canary that it carries."""
        batch = self.batch_of(stream, k)
        outcome = self.run(batch, checks)
        if canary.is_due(k) and batch.user is None and not batch.waste_only:
            planted = run_alone(canary.batch_of(canary.turn_of(stream, k)), checks)
            outcome.counts.update(canary.counts_of(planted))
        return outcome

    def run(self, batch: Batch, checks: int = CHECK_TOUCHED) -> Outcome:
        """Run a batch of this plan."""
        if batch.size_class not in self.machinery:
            self.machinery[batch.size_class] = machinery_of(batch)
        return run_batch(batch, self.machinery[batch.size_class], self.rows(batch.cases), checks)

    def warm(self) -> float:
        """Compile (or load) what the plan needs, in this process; seconds."""
        start = time.perf_counter()
        for k in range(len(self.plan.order)):
            batch = self.plan.batch_of(MEASUREMENT, k)
            if batch.size_class not in self.machinery:
                self.run(replace(batch, cases=1))
        if not self.plan.waste_only:
            run_alone(canary.batch_of(0))
        return time.perf_counter() - start

    def rows(self, cases: int) -> Record:
        """A cleared row for each case."""
        if self.watched is None:
            return new_rows(cases)
        self.watched[:] = 0
        rows: Record = self.watched[:cases]
        return rows

    @property
    def watch_bytes(self) -> int:
        """Memory for the rows of the largest batch."""
        return CASES_FROM[0][1] * ROW.itemsize

    def watch(self, memory: mmap) -> None:
        """Keep the rows of batches in this memory from now on."""
        self.watched = np.frombuffer(memory, dtype=ROW)

    def case_at(self, memory: mmap, stream: str, k: int) -> int | None:
        """The case that batch k was at: the first whose row is not written. None if all are."""
        rows = np.frombuffer(memory, dtype=ROW)
        missing = np.flatnonzero(rows["page_size"][: self.plan.cases_per_batch(stream, k, self.seats)] == 0)
        return int(missing[0]) if len(missing) else None


def batches_from(recipe: Mapping[str, Any]) -> Batches:
    """The batches of the plan of Plan.recipe(), in a process that has nothing of the one that made it."""
    return Batches(plan_from(recipe))


def machinery_of(batch: Batch) -> Machinery:
    """Records for cases of a batch and of others with its variant, faults and size class."""
    progs, states = new_record(Prog, batch.size_class), new_record(State, batch.size_class)
    batch.write_prog(progs[0])
    entry_of(batch.variant, reset_record)(batch.family.topos[0], progs[0], states[0], True)
    return Machinery(progs, states, new_rng(), new_sched(), new_trail(), new_scratch(), new_scratch())


def run_alone(batch: Batch, checks: int = CHECK_TOUCHED) -> Outcome:
    """Run a batch with records of its own: one that belongs to no plan at hand."""
    return run_batch(batch, machinery_of(batch), new_rows(batch.cases), checks)


def run_batch(batch: Batch, machinery: Machinery, rows: Record, checks: int = CHECK_TOUCHED) -> Outcome:
    """Run every case of a batch; rows: a CaseRow for each, cleared, filled as cases end."""
    tally = new_tally(rows, not batch.hunts)
    if batch.user is None:
        batch.write_sched(machinery.scheds[0])
        machinery.trails[0]["kept"] = keeps_features(batch)
        drawn_from = batch.family.topos, machinery, np.uint64(batch.key)
        try:
            if batch.waste_only:
                entry_of(batch.variant, sample_cases)(*drawn_from, batch.tables, batch.corpus, tally)
            else:
                cases = entry_of(batch.variant, run_cases)
                cases(*drawn_from, int(batch.hunts), checks, batch.tables, batch.corpus, tally)
        except Exception as error:  # engine functions raise nothing; steps of a user's own may
            raise error_of_batch(batch, int(np.argmax(rows["page_size"] == 0)), error) from None
    else:
        run_user_cases(batch, plain_tally(tally))
    outcome = outcome_of(batch.stream, batch.k, batch.family.name, batch.variant.name, tally)
    if batch.waste_only:
        outcome = of_waste(outcome)
    outcome.counts[f"scheduler.{batch.scheduler}"] = batch.cases
    if batch.draw != batch.k:
        outcome = replace(outcome, draw=batch.draw)
    if batch.scheduler == "pct" and not len(batch.corpus):  # PCT's bound is on cases that are drawn afresh
        outcome.counts[f"pct.depth.{batch.depth}"] = batch.cases
    return with_features(batch, outcome, tally)


def run_user_cases(batch: Batch, tally: BatchTally) -> None:
    """Run the cases of a batch under a user's scheduler, in plain mode; counted as run_cases does."""
    trail: Any = PlainRecord(new_trail()[0])
    forget, note, over, count = plain(begin_trail), plain(note_step), plain(case_over), plain(count_case)
    for case in range(batch.cases):
        drawn = drawn_case(batch, case)
        topo, prog, state = drawn[:3]
        forget(trail)
        for step in islice(steps(batch.variant, topo, prog, state, next_task_of(batch, case, drawn)), MOST_STEPS):
            note(trail, step.task, step.label)
        status = 0 if over(state) else OVERLONG if state.nr_steps >= MOST_STEPS else STUCK
        count(tally, topo, prog, state, trail, drawn.place, case, status)


def keeps_features(batch: Batch) -> bool:
    """Whether anybody asks which behaviours its cases showed."""
    return batch.hunts or (batch.k % FEATURES_EVERY == 0 and not batch.waste_only)


def with_features(batch: Batch, outcome: Outcome, tally: BatchTally) -> Outcome:
    """Keep a batch's features: all of them in some measurement batches, what is new in every hunting batch."""
    if not keeps_features(batch):
        return outcome
    if not batch.hunts:
        outcome.counts["feature_cases"] = outcome.cases
        return replace(outcome, **features_of(tally.cases_with, tally.last_case))
    found = replace(outcome, **features_of(tally.cases_with, tally.last_case, batch.known))
    return replace(found, corpus=tuple(choices_of(batch, case) for case in new_cases(found, tally.last_case)))


def choices_of(batch: Batch, case: int) -> str:
    """The choices of a case, as the corpus keeps them."""
    choices = new_scratch()
    entry_of(batch.variant, draw_numbers)(
        new_rng()[0], np.uint64(batch.key), case, len(batch.family.topos), int(batch.hunts), batch.tables,
        batch.corpus, choices, True,
    )  # fmt: skip
    return written(choices)
