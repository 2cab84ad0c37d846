"""Which batch goes out next, and what came back: kept, learnt of, counted, tried again or given up."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from fractions import Fraction

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS, Outcome
from percpu_fuzz.fuzz.campaign.events import Done, Lost, Raised, WorkerEvent, done_of
from percpu_fuzz.fuzz.campaign.log import LOGGER
from percpu_fuzz.fuzz.campaign.reserve import Reserve
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.schedule import (
    EPOCH_BATCHES,
    WHOLE,
    BatchCounts,
    BatchId,
    ReturnedBatches,
    Shard,
    batches_covering,
    batches_for_cases,
    next_batch,
)
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.reports.figures.stopping import Watch
from percpu_fuzz.reports.stored_rows import FailedBatch
from percpu_fuzz.strategies.plan.batches import Batches

TRIES = 3  # a batch that could not be run so often, each time by another worker if there is one, is given up
LOST_IN_A_ROW = 30  # so many workers died without one finished batch between: the harness is broken
GIVEN_UP_IN_A_ROW = 10
EVENTS_KEPT = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop, whichever comes first; and which part of the campaign this is.

    seconds: None for no limit; seconds_before: taken by earlier sessions of the same campaign. reserve: what is kept of
    `seconds` for findings and reports. checks: whether violations are looked for.
    """

    cases: int | None
    seconds: float | None
    hunt: Fraction
    workers: int
    shard: Shard = WHOLE
    seconds_before: float = 0.0
    reserve: Reserve = field(default_factory=Reserve)
    checks: bool = True

    def is_over(self, elapsed: float, rows: int, live: LiveCounters, resumed: bool = False) -> bool:
        """Whether it is too late to hand out another batch. resumed: earlier sessions broke more than `live` says."""
        if self.seconds is None:
            return False
        findings = self.reserve.findings(live.violations, live.cases.total(), self.workers)
        if resumed:
            findings = self.reserve.most_seconds
        return elapsed >= self.seconds - min(self.reserve.reports(rows) + findings, self.seconds / 2)


@dataclass(slots=True)
class LiveCounters:
    """What a person watches, over the batches of all sessions; lost workers and events are of this one."""

    cases: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    waste: Counter[int] = field(default_factory=Counter)
    features: int = 0
    lost: int = 0
    given_up: int = 0
    last_event: str = ""
    causes: Counter[str] = field(default_factory=Counter)
    events: deque[str] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))  # the latest last

    def add(self, done: Done) -> None:
        """Count a batch that came back."""
        self.cases[done.batch.stream] += done.cases
        self.steps += done.steps
        self.violations.update(done.violations)
        self.causes.update(done.causes)
        self.waste.update(done.waste)
        self.features |= done.features


class Dispatcher:
    """Hands out batches in order and takes what comes back into the store."""

    def __init__(self, batches: Batches, store: Store, limits: Limits, criterion: Watch | None = None) -> None:
        self.batches, self.learner = batches, batches.learner
        self.store = store
        self.limits = limits
        self.criterion = criterion
        self.start = time.monotonic()
        self.handed = BatchCounts()
        self.most = self._budget()
        self.retry: list[BatchId] = []
        self.tries: dict[BatchId, list[str]] = defaultdict(list)
        self.live = LiveCounters()
        self.lost_in_a_row = self.given_up_in_a_row = 0
        self.interrupted = self.timed_out = self.met = self.ending = False
        self.back = {stream: ReturnedBatches(limits.shard, store.numbers(stream)) for stream in STREAMS}
        self.rows = sum(map(len, self.back.values()))
        if self.rows:
            for outcome in store.outcomes(None, limits.shard):
                self.live.add(done_of(outcome, b"", 0.0))
        self.resumed = self.rows > 0
        self.said_elapsed = self.start
        self.worked = limits.seconds_before  # elapsed when the last batch came back
        self.looked = 0  # measurement batches that the criterion has seen
        self._fold()
        self._look()

    @property
    def ends_at(self) -> float | None:
        """By time.monotonic(), when the time is over that was asked for; None if none was."""
        return None if self.limits.seconds is None else self.start + self.limits.seconds - self.limits.seconds_before

    @property
    def elapsed(self) -> float:
        """Seconds of work, earlier sessions included."""
        return self.limits.seconds_before + time.monotonic() - self.start

    def next(self) -> BatchId | None:
        """What to hand out now: first what is to be tried again, then by the schedule, until it is time to stop.

        None: nothing now. There may be more once what is out has come back (waits_for_a_fold).
        """
        if self.retry and not self.interrupted:
            return self.retry.pop(0)
        if not self.met and self.limits.is_over(self.elapsed, self.rows, self.live, self.resumed):
            self.timed_out = True
        if (self.timed_out or self.interrupted) and not self.ending:
            self._come_to_an_end()
        epochs = None if self.learner is None else self.learner.epochs
        while True:
            batch = next_batch(self.handed, self.limits.hunt, self.most, epochs, self.batches.seated_from)
            if batch is None:
                return None
            self.handed = self.handed.with_one_more(batch.stream)
            batch = BatchId(batch.stream, self.limits.shard.number(batch.k))
            if batch.k not in self.back[batch.stream]:
                return batch

    def _budget(self) -> BatchCounts | None:
        """The batches of so many cases as were asked for, as far as it is known yet; None where none were."""
        limits = self.limits
        if limits.cases is None:
            return None
        return batches_for_cases(limits.cases, limits.hunt, self.batches.cases_per_batch, limits.shard)

    def _come_to_an_end(self) -> None:
        """Nothing more, but for the few batches that others overtook: then --cases with as many cases is this run."""
        self.ending = True
        back = self.prefix()
        least = BatchCounts(*(max(self.handed.of(stream), back.of(stream)) for stream in STREAMS))
        self.most = batches_covering(least, self.limits.hunt)

    def take(self, event: WorkerEvent) -> None:
        """Take in what happened at the workers. HarnessError if nothing but failures happens, InputError for a step
        of a user's own that goes wrong.
        """
        self.worked = self.elapsed
        if isinstance(event, Done):
            self.store.add(event.batch, event.row, event.seconds)
            self.lost_in_a_row = self.given_up_in_a_row = 0
            self.live.add(event)
            self._is_back(event.batch)
            return
        if isinstance(event, Raised) and event.bad_input is not None:
            raise InputError(*event.bad_input)
        if isinstance(event, Lost):
            self._take_lost(event)
        if event.batch is not None:
            self._failed_once(event, event.batch)

    def _take_lost(self, lost: Lost) -> None:
        self.live.lost += 1
        self._note(f"a worker {lost.what} and had {'nothing' if lost.batch is None else lost.batch} in hand")
        self.lost_in_a_row += 1
        if self.lost_in_a_row >= LOST_IN_A_ROW:
            raise HarnessError(
                f"{self.lost_in_a_row} workers in a row died without finishing a batch, the last on {lost.batch}"
            )

    def _failed_once(self, event: Lost | Raised, batch: BatchId) -> None:
        what = event.what if isinstance(event, Lost) else f"raised {event.what}"
        tries = self.tries[batch]
        tries.append(what)
        if isinstance(event, Raised):
            LOGGER.error("%s %s\n%s", batch, what, event.traceback)
        if len(tries) < TRIES:
            self.retry.append(batch)
            self.retry.sort()
        else:
            self._give_up(event, batch)

    def _give_up(self, event: Lost | Raised, batch: BatchId) -> None:
        """A batch that could not be run stays in the count as unknown, and is a finding of its own."""
        at = "" if event.case is None else f" at case {event.case}"
        failed = f"{batch} {self.tries[batch][-1]}{at}"
        self.live.given_up += 1
        self._note(f"given up after {TRIES} tries: {failed}")
        cases = self.batches.cases_per_batch(batch.stream, batch.k)
        assert cases is not None, "the batch was handed out"
        outcome = Outcome(batch.stream, batch.k, "unknown", cases, 0, counts={"unknown": cases})
        traceback = event.traceback if isinstance(event, Raised) else ""
        lost = FailedBatch(batch.stream, batch.k, event.case, cases, self.tries[batch], traceback)
        self.store.add_failed(batch, outcome.canonical(), lost)
        self.live.cases[batch.stream] += cases
        self._is_back(batch)
        self.given_up_in_a_row += 1
        if self.given_up_in_a_row >= GIVEN_UP_IN_A_ROW:
            raise HarnessError(f"{self.given_up_in_a_row} batches in a row could not be run; the last: {failed}")

    def _note(self, text: str) -> None:
        LOGGER.warning("%s", text)
        self.store.note(time.time(), text)
        self.live.last_event = text
        self.live.events.append(f"{self.elapsed:,.0f} s: {text}")

    def _is_back(self, batch: BatchId) -> None:
        self.back[batch.stream].add(batch.k)
        self.rows += 1
        if time.monotonic() - self.said_elapsed >= 1:
            self.said_elapsed = time.monotonic()
            self.store.set_meta("elapsed", self.elapsed)
        self._fold()
        self._look()

    def _fold(self) -> None:
        """Give the learner each epoch that is whole, and take in the pilot once it is."""
        pilot = range(self.batches.pilot)
        if pilot and all(k in self.back[MEASUREMENT] for k in pilot):
            self.batches.take_pilot(self.store.outcome(BatchId(MEASUREMENT, k)) for k in pilot)
            if not (self.ending or self.met):
                self.most = self._budget()
        learner = self.learner
        while learner is not None:
            numbers = range(learner.epochs * EPOCH_BATCHES, (learner.epochs + 1) * EPOCH_BATCHES)
            if not all(k in self.back[HUNTING] for k in numbers):
                return
            learner.learn(self.store.outcome(BatchId(HUNTING, k)) for k in numbers)  # one at a time: an epoch is large

    def _look(self) -> None:
        """Ask the criterion after each further measurement batch; once it is met, the campaign ends with that batch."""
        if self.criterion is None or self.met:
            return
        while (k := self.limits.shard.number(self.looked)) in self.back[MEASUREMENT]:
            self.criterion.add(self.store.outcome(BatchId(MEASUREMENT, k)))
            self.looked += 1
            if self.criterion.met():
                self.met = True
                self.most = batches_covering(BatchCounts(self.looked), self.limits.hunt)
                return

    def prefix(self) -> BatchCounts:
        """The longest run of batches from the first on that came back, of each stream; no more than was asked for."""
        counts = {stream: self.back[stream].whole for stream in STREAMS}
        if self.most is not None:
            counts = {stream: min(count, self.most.of(stream)) for stream, count in counts.items()}
        return BatchCounts(**counts)

    def stopped_by(self) -> str:
        """Why no more was handed out, as Ran.stopped_by has it."""
        if self.met:
            return "criterion"
        if self.interrupted:
            return "interrupt"
        return "time" if self.timed_out else "cases"
