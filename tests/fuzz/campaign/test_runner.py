"""The campaign's loop over real worker processes, with a plan of the test's own."""

from __future__ import annotations

import gc
import logging
import os
import signal
import struct
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from mmap import mmap
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from percpu_fuzz.engine.outcome import STREAMS, Outcome, Signature, digest
from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher, Limits
from percpu_fuzz.fuzz.campaign.log import CampaignLog
from percpu_fuzz.fuzz.campaign.loop import Ran, View, run_batches
from percpu_fuzz.fuzz.campaign.workers import Bounds, LocalWorkers
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.schedule import (
    EPOCH_BATCHES,
    WHOLE,
    BatchCounts,
    BatchId,
    Shard,
    batches_covering,
    batches_for_cases,
    next_batch,
)
from percpu_fuzz.fuzz.store.store import Store, digest_of
from percpu_fuzz.reports.figures.stopping import Watch
from percpu_fuzz.reports.stored_rows import FailedBatch

BOUNDS = Bounds()
SIGNATURE = Signature("I1", "toy", "PO_REFUND", ())


@dataclass
class Pupil:
    """Learns how many hunting cases there were; a hunting batch says how many it knows of."""

    known: list[int] = field(default_factory=lambda: [0])

    @property
    def epochs(self) -> int:
        return len(self.known) - 1

    def learn(self, epoch: Iterable[Outcome]) -> None:
        first = self.epochs * EPOCH_BATCHES
        cases = {outcome.k: outcome.cases for outcome in epoch}
        assert list(cases) == list(range(first, first + EPOCH_BATCHES))
        self.known.append(self.known[-1] + sum(cases.values()))

    def lessons(self, since: int) -> list[dict[str, Any]]:
        return [{"known": number} for number in self.known[since + 1 :]]

    def take_lessons(self, lessons: Sequence[dict[str, Any]]) -> None:
        self.known += [lesson["known"] for lesson in lessons]


@dataclass
class Toy:
    """Batch k has k + 1 cases, at most 20. `kill`: batches that kill their worker, so often; also raising, hanging."""

    folder: Path
    kill: tuple[BatchId, ...] = ()
    times: int = 1
    raises: BatchId | None = None
    hangs: BatchId | None = None
    learner: Pupil | None = None
    memory: mmap | None = None
    watch_bytes: int = 8
    pilot: int = 0
    piloted: list[int] | None = None

    @property
    def seated_from(self) -> int | None:
        return 2 * self.pilot or None

    def take_pilot(self, outcomes: Iterable[Outcome]) -> None:
        """From here on batches have as many cases as the pilot's steps say, modulo 7."""
        self.piloted = [sum(outcome.steps for outcome in outcomes) % 7, 2 * self.pilot]
        self.pilot = 0

    def seating(self) -> list[int] | None:
        return self.piloted

    def take_seating(self, seating: Sequence[int]) -> None:
        self.piloted, self.pilot = list(seating), 0

    @property
    def plan(self) -> Toy:
        return self

    def describe(self) -> dict[str, object]:
        return {"variant": "toy", "seed": 1, "families": {"toy": 1}}

    def warm(self) -> float:
        return 0.0

    def cases_per_batch(self, stream: str, k: int) -> int | None:
        if stream == "measurement" and self.seated_from is not None and k >= self.seated_from:
            return None
        more, begins = self.piloted or (0, 0)
        return min(k + 1, 20) + (more if stream == "measurement" and k >= begins else 0)

    def watch(self, memory: mmap) -> None:
        self.memory = memory

    def case_at(self, memory: mmap, stream: str, k: int) -> int | None:
        case: int = struct.unpack("q", memory[:8])[0]
        return case

    def outcome(self, stream: str, k: int) -> Outcome:
        here = BatchId(stream, k)
        logging.info("toy was at %s batch %d", stream, k)
        if self.memory is not None:
            self.memory[:8] = struct.pack("q", k // 2)
        if here in self.kill:
            marks = self.folder / f"{stream}-{k}"
            with marks.open("a") as file:
                file.write("x")
            if len(marks.read_text()) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        if here == self.raises:
            raise ArithmeticError("planted")
        if here == self.hangs:
            time.sleep(60)
        counts = {}
        if self.learner is not None and stream == "hunting":
            counts = {"known": self.learner.known[k // EPOCH_BATCHES]}
        cases = self.cases_per_batch(stream, k)
        assert cases is not None, "a batch that waits for the pilot"
        return Outcome(
            stream, k, "toy", cases, 10 * k, counts=counts, violations={SIGNATURE: 1},
            first_cases={SIGNATURE: (k % cases,)},
        )  # fmt: skip


def ran(
    tmp_path: Path,
    plan: Toy,
    cases: int | None = 60,
    workers: int = 2,
    criterion: Watch | None = None,
    view: View | None = None,
    shard: Shard = WHOLE,
    bounds: Bounds = BOUNDS,
) -> tuple[Ran, Store]:
    """A run of so many cases; its store stays open."""
    store, log = Store(tmp_path / "campaign.db"), CampaignLog(tmp_path / "campaign.log")
    weakref.finalize(store, store.connection.close)  # at the end of the test that got it
    try:
        dispatcher = Dispatcher(plan, store, Limits(cases, None, Fraction(1, 2), workers, shard), criterion)
        return run_batches(dispatcher, lambda: LocalWorkers(plan, log, bounds), view or View()), store
    finally:
        log.close()


def expected(plan: Toy, prefix: BatchCounts) -> list[Outcome]:
    streams = [("hunting", prefix.hunting), ("measurement", prefix.measurement)]
    return [Toy.outcome(Toy(plan.folder), stream, k) for stream, count in streams for k in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_result_does_not_depend_on_workers(tmp_path: Path, workers: int) -> None:
    """The same batches, the same rows, the same digest for one, two and three workers."""
    plan = Toy(tmp_path)
    done, store = ran(tmp_path, plan, workers=workers)
    assert done.prefix == batches_for_cases(60, Fraction(1, 2), plan.cases_per_batch)
    assert list(store.outcomes(done.prefix)) == expected(plan, done.prefix)
    assert digest_of(store.rows(done.prefix)) == digest(expected(plan, done.prefix))
    assert (done.stopped_by, store.failed()) == ("cases", [])


def test_every_record_of_every_worker_is_in_the_log(tmp_path: Path) -> None:
    """One line for each batch that a worker logged."""
    done, _ = ran(tmp_path, Toy(tmp_path), workers=3)
    text = (tmp_path / "campaign.log").read_text()
    assert text.count("toy was at") == done.prefix.measurement + done.prefix.hunting


def test_a_killed_worker_costs_no_batch(tmp_path: Path) -> None:
    """A batch that kills its worker once is run again: the digest is an undisturbed one, later records arrive."""
    plan = Toy(tmp_path, kill=(BatchId("measurement", 2), BatchId("hunting", 4)))
    done, store = ran(tmp_path, plan)
    assert digest_of(store.rows(done.prefix)) == digest(expected(plan, done.prefix))
    assert store.failed() == []
    text = (tmp_path / "campaign.log").read_text()
    assert text.count("a worker died of SIGKILL") == 2
    last = done.prefix.measurement - 1
    assert f"toy was at measurement batch {last}" in text


class Frozen(View):
    """Notes how many objects the collector leaves alone while workers live."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def show(self, dispatcher: Dispatcher, busy: int, workers: int) -> None:
        self.counts.append(gc.get_freeze_count())


def test_garbage_collection_copies_no_shared_page(tmp_path: Path) -> None:
    """As long as workers live, what was there before the fork is not looked through, nor by the workers after them."""
    view = Frozen()
    ran(tmp_path, Toy(tmp_path, kill=(BatchId("measurement", 2),)), view=view)
    assert len(view.counts) > 2
    assert min(view.counts) > 10_000
    assert gc.get_freeze_count() == 0


def test_a_batch_that_kills_three_workers_is_unknown(tmp_path: Path) -> None:
    """It stays in the count under a family of its own, with the case it was at, and everything else completes."""
    plan = Toy(tmp_path, kill=(BatchId("hunting", 3),), times=9)
    done, store = ran(tmp_path, plan)
    assert store.failed() == [asdict(FailedBatch("hunting", 3, 1, 4, ["died of SIGKILL"] * 3, ""))]
    outcomes = {(o.stream, o.k): o for o in store.outcomes(done.prefix)}
    assert outcomes["hunting", 3].family == "unknown"
    assert outcomes["hunting", 3].cases == 4
    assert len(outcomes) == done.prefix.measurement + done.prefix.hunting


def test_a_batch_that_raises_is_a_finding_with_its_place(tmp_path: Path) -> None:
    """The exception reaches the parent with its place and the traceback; three tries, and the rest completes."""
    done, store = ran(tmp_path, Toy(tmp_path, raises=BatchId("measurement", 3)))
    (failed,) = store.failed()
    assert (failed["stream"], failed["k"], failed["case"]) == ("measurement", 3, 1)
    assert failed["tries"] == ["raised ArithmeticError: planted"] * 3
    assert "ArithmeticError" in failed["traceback"]
    assert len(list(store.outcomes(done.prefix))) == done.prefix.measurement + done.prefix.hunting
    assert (tmp_path / "campaign.log").read_text().count("Traceback") == 3


def test_a_batch_that_hangs_is_killed(tmp_path: Path) -> None:
    """A worker that takes longer than it may is killed, its batch given up after three tries; the rest completes."""
    done, store = ran(tmp_path, Toy(tmp_path, hangs=BatchId("hunting", 2)), bounds=Bounds(batch_seconds=0.3))
    (failed,) = store.failed()
    assert failed["tries"] == ["took longer than 0.3 s and was killed"] * 3
    assert (failed["stream"], failed["k"]) == ("hunting", 2)
    assert done.prefix == batches_for_cases(60, Fraction(1, 2), Toy(tmp_path).cases_per_batch)
    events = [text for (text,) in store.connection.execute("SELECT text FROM event")]
    events = [text for text in events if "hunting batch 2 " in text]  # a slow machine may lose others, too
    assert len(events) == 4
    assert "given up" in events[-1]


def test_a_plan_that_always_raises_breaks_the_harness(tmp_path: Path) -> None:
    """Ten batches given up in a row are an error of the harness, not ten findings and more."""

    class Broken(Toy):
        def outcome(self, stream: str, k: int) -> Outcome:
            raise ArithmeticError("always")

    with pytest.raises(HarnessError, match="10 batches in a row"):
        ran(tmp_path, Broken(tmp_path), cases=500)


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_learnt_reaches_every_worker_in_time(tmp_path: Path, workers: int) -> None:
    """Each hunting batch of epoch e says what epochs 0 to e - 1 held, whoever runs it, with killed workers too."""
    plan = Toy(tmp_path, learner=Pupil(), kill=(BatchId("hunting", 70), BatchId("hunting", 100)))
    done, store = ran(tmp_path, plan, cases=6000, workers=workers)
    assert done.prefix.hunting > 2 * EPOCH_BATCHES
    cases = [plan.cases_per_batch("hunting", k) or 0 for k in range(done.prefix.hunting)]
    for outcome in store.outcomes(BatchCounts(0, done.prefix.hunting)):
        assert outcome.counts["known"] == sum(cases[: outcome.k // EPOCH_BATCHES * EPOCH_BATCHES])


class After:
    """Met after so many measurement batches."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.seen: list[int] = []

    def add(self, outcome: Outcome) -> None:
        assert outcome.stream == "measurement"
        self.seen.append(outcome.k)

    def met(self) -> bool:
        return len(self.seen) >= self.batches


@pytest.mark.parametrize("workers", [1, 3])
def test_a_criterion_ends_the_campaign_with_its_batch(tmp_path: Path, workers: int) -> None:
    """Looked at after each measurement batch in order; the result is the same for any number of workers."""
    criterion = After(7)
    done, store = ran(tmp_path, Toy(tmp_path), cases=None, workers=workers, criterion=criterion)
    assert criterion.seen == list(range(7))
    assert (done.prefix, done.stopped_by) == (batches_covering(BatchCounts(7), Fraction(1, 2)), "criterion")
    assert done.prefix.measurement == 7
    assert len(list(store.outcomes(done.prefix))) == 7 + done.prefix.hunting


class Quits(View):
    """Asks for the end once so many batches are back."""

    def __init__(self, batches: int) -> None:
        self.batches = batches
        self.rows = 0

    def show(self, dispatcher: Dispatcher, busy: int, workers: int) -> None:
        self.rows = dispatcher.rows

    def wants_to_quit(self) -> bool:
        return self.rows >= self.batches


def test_a_campaign_goes_on_where_it_was_left(tmp_path: Path) -> None:
    """Stopped after some batches and resumed twice, what is stored is what one session stores; what it learnt too."""
    whole, store = ran(tmp_path_of(tmp_path, "whole"), Toy(tmp_path, learner=Pupil()), cases=4000)
    expected_digest = digest_of(store.rows(whole.prefix))
    store.close()
    part = tmp_path_of(tmp_path, "part")
    for batches in (20, 150):
        stopped, store = ran(part, Toy(tmp_path, learner=Pupil()), cases=4000, view=Quits(batches))
        assert stopped.stopped_by == "interrupt"
        assert batches <= stopped.prefix.measurement + stopped.prefix.hunting < batches + 10
        store.close()
    done, store = ran(part, Toy(tmp_path, learner=Pupil()), cases=4000)
    assert (done.prefix, done.stopped_by) == (whole.prefix, "cases")
    assert digest_of(store.rows(done.prefix)) == expected_digest


def test_parts_hold_every_batch_once(tmp_path: Path) -> None:
    """Three parts of one campaign run batches 0, 3, ..., 1, 4, ... and 2, 5, ...; their rows are those of the whole, as
    many batches as hold three times the cases of a part.
    """
    numbers = []
    for index in range(3):
        done, store = ran(tmp_path_of(tmp_path, str(index)), Toy(tmp_path), cases=100, shard=Shard(index, 3))
        rows = list(store.outcomes(done.prefix, Shard(index, 3)))
        assert rows == [Toy.outcome(Toy(tmp_path), o.stream, o.k) for o in rows]
        assert len(rows) == done.prefix.measurement + done.prefix.hunting
        numbers += [outcome.k for outcome in rows if outcome.stream == "measurement"]
    assert sorted(numbers) == list(range(17))


def tmp_path_of(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


def test_workers_that_only_die_break_the_harness(tmp_path: Path) -> None:
    """Thirty deaths in a row without a finished batch are an error, not an endless loop."""
    plan = Toy(tmp_path, kill=tuple(BatchId(s, k) for s in ("measurement", "hunting") for k in range(40)), times=99)
    with pytest.raises(HarnessError, match="workers in a row died"):
        ran(tmp_path, plan, cases=500)


def test_hand_out_order_keeps_the_share() -> None:
    """After every hand-out the hunting stream is within one batch of its share, for shares from none to all."""
    for share in (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(9, 10), Fraction(1)):
        handed = BatchCounts()
        for total in range(1, 200):
            batch = next_batch(handed, share, None)
            assert batch is not None
            handed = handed.with_one_more(batch.stream)
            assert abs(handed.hunting - total * share) <= 1


def test_hunting_waits_for_its_fold() -> None:
    """No batch of hunting epoch 1 goes out before epoch 0 is folded; measurement takes its place meanwhile."""
    handed = BatchCounts(64, 64)
    assert next_batch(handed, Fraction(1, 2), None, epochs_folded=0) == BatchId("measurement", 64)
    assert next_batch(BatchCounts(65, 64), Fraction(1, 2), None, epochs_folded=1) == BatchId("hunting", 64)


def test_only_hunting_waits_for_nothing_else() -> None:
    """With no share for measurement nothing takes the place of a hunting batch that waits."""
    assert next_batch(BatchCounts(0, 64), Fraction(1), None, epochs_folded=0) is None
    assert next_batch(BatchCounts(0, 64), Fraction(1), None, epochs_folded=1) == BatchId("hunting", 64)


def test_measurement_waits_for_the_pilot() -> None:
    """No measurement batch that needs the pilot goes out before it is taken in; hunting takes its place meanwhile."""
    handed, half = BatchCounts(20, 20), Fraction(1, 2)
    assert next_batch(BatchCounts(19, 20), half, None, seated_from=20) == BatchId("measurement", 19)
    assert next_batch(handed, half, None, seated_from=20) == BatchId("hunting", 20)
    assert next_batch(handed, half, None) == BatchId("measurement", 20)
    assert next_batch(BatchCounts(20, 0), Fraction(0), None, seated_from=20) is None
    assert next_batch(handed, half, BatchCounts(30, 20), seated_from=20) is None


@pytest.mark.parametrize("workers", [1, 3])
def test_a_pilot_gives_one_campaign(tmp_path: Path, workers: int) -> None:
    """Sizes that only the pilot's outcomes say: --cases N, stopped and resumed or not, with a worker killed within the
    pilot or not, by one worker or three, is one digest.
    """
    whole, store = ran(tmp_path_of(tmp_path, "whole"), Toy(tmp_path, pilot=4), cases=600)
    digest = digest_of(store.rows(whole.prefix))
    assert sum(outcome.cases for outcome in store.outcomes(whole.prefix)) >= 600
    killed = Toy(tmp_path_of(tmp_path, "killed"), pilot=4, kill=(BatchId("measurement", 2),))
    done, store = ran(tmp_path / "killed", killed, cases=600, workers=workers)
    assert done.prefix == whole.prefix
    assert digest_of(store.rows(done.prefix)) == digest
    for batches in (3, 11, 30):
        part = tmp_path_of(tmp_path, str(batches))
        _, store = ran(part, Toy(tmp_path, pilot=4), cases=600, workers=workers, view=Quits(batches))
        store.close()
        done, store = ran(part, Toy(tmp_path, pilot=4), cases=600, workers=workers)
        assert digest_of(store.rows(done.prefix)) == digest


@pytest.mark.parametrize("least", [BatchCounts(70, 60), BatchCounts(3, 9), BatchCounts(0, 0), BatchCounts(5, 5)])
def test_what_covers_is_what_as_many_cases_are(least: BatchCounts) -> None:
    """The batches that cover others are those of --cases with as many cases, and no fewer would do."""
    plan, share = Toy(Path()), Fraction(1, 3)
    covering = batches_covering(least, share)
    assert covering.measurement >= least.measurement
    assert covering.hunting >= least.hunting
    cases = sum(plan.cases_per_batch(stream, k) or 0 for stream in STREAMS for k in range(covering.of(stream)))
    assert batches_for_cases(cases, share, plan.cases_per_batch) == covering
    if cases:
        fewer = batches_for_cases(cases - 20, share, plan.cases_per_batch)  # one batch less, as none holds more
        assert fewer.measurement < least.measurement or fewer.hunting < least.hunting


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_that_was_stopped_is_one_of_so_many_cases(tmp_path: Path, workers: int) -> None:
    """While a fold is waited for, measurement overtakes; at the end hunting catches up, and --cases repeats it."""
    for batches in (63, 128, 131):
        folder = tmp_path_of(tmp_path, str(batches))
        plan = Toy(folder, learner=Pupil())
        stopped, store = ran(folder, plan, cases=None, workers=workers, view=Quits(batches))
        assert stopped.stopped_by == "interrupt"
        assert stopped.prefix == batches_covering(stopped.prefix, Fraction(1, 2))
        cases = sum(outcome.cases for outcome in store.outcomes(stopped.prefix))
        again, other = ran(tmp_path_of(folder, "again"), Toy(folder, learner=Pupil()), cases=cases)
        assert digest_of(other.rows(again.prefix)) == digest_of(store.rows(stopped.prefix))


def test_who_was_interrupted_before_starts_no_worker(tmp_path: Path) -> None:
    """Asked for the end while it compiled, a campaign ends with no batch, and says that it was interrupted."""
    interrupts = Interrupts()
    with interrupts.caught(), interrupts.left_at_once():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        raise AssertionError("the signal ends this part")
    assert interrupts.seen
    store = Store(tmp_path / "campaign.db")
    dispatcher = Dispatcher(Toy(tmp_path), store, Limits(60, None, Fraction(1, 2), 2))
    done = run_batches(dispatcher, lambda: pytest.fail("workers were started"), View(), interrupts)
    store.close()
    assert (done.prefix, done.stopped_by) == (BatchCounts(), "interrupt")
