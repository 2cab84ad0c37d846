"""The campaign's loop: hands out batches, takes rows, survives workers, ends on a contiguous prefix of each stream."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from engine.outcome import Outcome
from fuzz.errors import BatchError, HarnessError
from fuzz.interrupts import Interrupts
from fuzz.log import LOGGER, CampaignLog
from fuzz.plan import Plan
from fuzz.schedule import STREAMS, BatchId, Handed, batches_for_cases, next_batch
from fuzz.store import Store
from fuzz.workers import Crew, Done, Event, Lost

TRIES = 3  # a batch that killed so many workers is recorded as unknown
DEATHS_IN_A_ROW = 30  # so many workers died without one finished batch between: the harness is broken
WAIT_SECONDS = 0.2
PROGRESS_SECONDS = 5.0
FINDING_SECONDS, FINDING_SHARE = 4.0, 0.1  # reserved of --time for what comes after the last batch


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: a number of cases, a number of seconds, or both; whichever is reached first."""

    cases: int | None
    seconds: float | None
    hunt: Fraction
    workers: int

    @property
    def handing_seconds(self) -> float | None:
        """When to hand out the last batch: a share of the time, at most some seconds, is left for the findings."""
        if self.seconds is None:
            return None
        return self.seconds - min(FINDING_SECONDS, FINDING_SHARE * self.seconds)


@dataclass(frozen=True, slots=True)
class Ran:
    """What the loop did: batches 0..count-1 of each stream are in the store."""

    prefix: Handed
    interrupted: bool
    stopped_by: str  # "cases", "time", "interrupt" or "failure"
    unknown: tuple[BatchId, ...]
    failure: BatchError | None
    seconds: float


@dataclass(slots=True)
class Desk:
    """What was handed out and what came back; the one thing here that changes."""

    plan: Plan
    store: Store
    limits: Limits
    say: Callable[[str], None]
    most: Handed | None
    start: float
    handed: Handed = field(default_factory=Handed)
    retry: list[BatchId] = field(default_factory=list)
    tries: Counter[BatchId] = field(default_factory=Counter)
    unknown: list[BatchId] = field(default_factory=list)
    back: set[BatchId] = field(default_factory=set)
    failure: BatchError | None = None
    interrupts: Interrupts = field(default_factory=Interrupts)
    timed_out: bool = False
    deaths: int = 0
    cases: int = 0
    steps: int = 0
    violating: int = 0
    said: float = 0.0

    def next(self) -> BatchId | None:
        """What to hand out now: first what a killed worker held, then by the schedule, until it is time to stop."""
        if self.failure is not None:
            return None
        if self.retry:
            return self.retry.pop(0)
        seconds = self.limits.handing_seconds
        if seconds is not None and time.monotonic() - self.start >= seconds:
            self.timed_out = True
        if self.timed_out or self.interrupts.seen:
            return None
        batch = next_batch(self.handed, self.limits.hunt, self.most)
        if batch is not None:
            self.handed = self.handed.with_one_more(batch.stream)
        return batch

    def take(self, event: Event) -> None:
        if isinstance(event, Done):
            self._take_done(event)
        elif isinstance(event, Lost):
            self._take_lost(event)
        else:
            LOGGER.error("%s\n%s", event, event.traceback)
            self.failure = self.failure or event

    def _take_done(self, done: Done) -> None:
        self.store.add(done.batch, done.row, done.seconds)
        self.back.add(done.batch)
        self.deaths = 0
        self.cases += done.cases
        self.steps += done.steps
        self.violating += done.violating

    def _take_lost(self, lost: Lost) -> None:
        LOGGER.warning("a worker ended with %s and had %s in hand", lost.exitcode, lost.batch)
        self.deaths += 1
        if self.deaths >= DEATHS_IN_A_ROW:
            raise HarnessError(
                f"{self.deaths} workers in a row died without finishing a batch, the last on {lost.batch}"
            )
        if lost.batch is None:
            return
        self.tries[lost.batch] += 1
        if self.tries[lost.batch] < TRIES:
            self.retry.append(lost.batch)
            self.retry.sort()
        else:
            self._give_up(lost.batch)

    def _give_up(self, batch: BatchId) -> None:
        """A batch that killed its workers stays in the count as unknown."""
        LOGGER.error("%s killed %d workers and is recorded as unknown", batch, TRIES)
        cases = self.plan.cases_per_batch(batch.stream, batch.k)
        outcome = Outcome(batch.stream, batch.k, "unknown", cases, 0, counts={"unknown": cases})
        self.store.add(batch, outcome.canonical(), 0.0)
        self.back.add(batch)
        self.unknown.append(batch)
        self.cases += cases

    def progress(self) -> None:
        """One plain line every few seconds."""
        now = time.monotonic() - self.start
        if now - self.said < PROGRESS_SECONDS:
            return
        self.said = now
        self.say(
            f"{now:.0f} s: {self.cases} cases, {self.steps} steps, {self.cases / now:.0f} cases/s, "
            f"{self.violating} violations"
        )

    def prefix(self) -> Handed:
        """The longest run of batches from 0 that came back, of each stream."""
        counts = dict.fromkeys(STREAMS, 0)
        for stream in STREAMS:
            while BatchId(stream, counts[stream]) in self.back:
                counts[stream] += 1
        return Handed(**counts)

    def stopped_by(self) -> str:
        if self.failure is not None:
            return "failure"
        if self.interrupts.seen:
            return "interrupt"
        return "time" if self.timed_out else "cases"


def run_batches(
    plan: Plan, limits: Limits, store: Store, log: CampaignLog, seed: object, say: Callable[[str], None]
) -> Ran:
    """Run a campaign's batches into the store. HarnessError if workers cannot start or only die.

    A batch that raises ends the run; it is returned as `failure`, with what came before it.
    """
    most = None if limits.cases is None else batches_for_cases(limits.cases, limits.hunt, plan.cases_per_batch)
    start = time.monotonic()
    desk = Desk(plan, store, limits, say, most, start)
    with desk.interrupts.caught():
        while not _one_crew(desk, log, seed):
            pass
    return Ran(
        desk.prefix(), desk.interrupts.seen, desk.stopped_by(), tuple(sorted(desk.unknown)), desk.failure,
        time.monotonic() - start,
    )  # fmt: skip


def _one_crew(desk: Desk, log: CampaignLog, seed: object) -> bool:
    """Work with one generation of workers; False when one was lost and a new generation is needed."""
    crew = Crew(desk.plan, log, seed)
    try:
        crew.start(desk.limits.workers)
        lost = False
        while True:
            for worker in crew.idle():
                batch = None if lost else desk.next()
                if batch is None:
                    break
                crew.give(worker, batch)
            if not crew.busy():
                return not lost
            for event in crew.wait(WAIT_SECONDS):
                lost = lost or isinstance(event, Lost)
                desk.take(event)
            desk.progress()
    finally:
        crew.end()
