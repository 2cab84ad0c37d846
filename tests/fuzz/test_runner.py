"""The campaign's loop over real worker processes, with a plan of the test's own."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from engine.outcome import Outcome, Signature, digest
from engine.scenario import Finding
from engine.variant import VARIANTS, Variant
from fuzz.errors import HarnessError
from fuzz.log import CampaignLog
from fuzz.runner import Limits, Ran, run_batches
from fuzz.schedule import BatchId, Handed, batches_for_cases, next_batch
from fuzz.store import Store

SIGNATURE = Signature("I1", "toy", "PO_REFUND", ())


@dataclass
class Toy:
    """Batch k has k + 1 cases. `kill`: batches that kill their worker, so often; `raises`: one that raises."""

    folder: Path
    kill: tuple[BatchId, ...] = ()
    times: int = 1
    raises: BatchId | None = None
    variant: Variant = VARIANTS["v1"]

    def describe(self) -> dict[str, object]:
        return {"variant": "toy", "seed": 1, "families": {"toy": 1}}

    def warm(self) -> float:
        return 0.0

    def cases_per_batch(self, stream: str, k: int) -> int:
        return k + 1

    def batch(self, stream: str, k: int) -> Outcome:
        here = BatchId(stream, k)
        logging.info("toy was at %s batch %d", stream, k)
        if here in self.kill:
            marks = self.folder / f"{stream}-{k}"
            with marks.open("a") as file:
                file.write("x")
            if len(marks.read_text()) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        if here == self.raises:
            raise ArithmeticError("planted")
        return Outcome(stream, k, "toy", k + 1, 10 * k, violations={SIGNATURE: 1}, first_cases={SIGNATURE: (k,)})

    def finding(self, stream: str, k: int, case: int, signature: Signature) -> Finding:
        raise LookupError("planted: the case does not come back")


def ran(tmp_path: Path, plan: Toy, cases: int = 60, workers: int = 2) -> tuple[Ran, Store]:
    """A run of so many cases; its store stays open."""
    store, log = Store(tmp_path / "campaign.db"), CampaignLog(tmp_path / "campaign.log")
    try:
        limits = Limits(cases, None, Fraction(1, 2), workers)
        return run_batches(plan, limits, store, log, 1, lambda line: None), store
    finally:
        log.close()


def expected(plan: Toy, prefix: Handed) -> list[Outcome]:
    streams = [("hunting", prefix.hunting), ("measurement", prefix.measurement)]
    return [Toy.batch(Toy(plan.folder), stream, k) for stream, count in streams for k in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_result_does_not_depend_on_workers(tmp_path: Path, workers: int) -> None:
    """The same batches, the same rows, the same digest for one, two and three workers."""
    plan = Toy(tmp_path)
    done, store = ran(tmp_path, plan, workers=workers)
    assert done.prefix == batches_for_cases(60, Fraction(1, 2), plan.cases_per_batch)
    assert list(store.outcomes(done.prefix)) == expected(plan, done.prefix)
    assert store.digest(done.prefix) == digest(expected(plan, done.prefix))
    assert (done.stopped_by, done.unknown, done.failure) == ("cases", (), None)


def test_every_record_of_every_worker_is_in_the_log(tmp_path: Path) -> None:
    """One line for each batch that a worker logged."""
    done, _ = ran(tmp_path, Toy(tmp_path), workers=3)
    text = (tmp_path / "campaign.log").read_text()
    assert text.count("toy was at") == done.prefix.measurement + done.prefix.hunting


def test_a_killed_worker_costs_no_batch(tmp_path: Path) -> None:
    """A batch that kills its worker once is run again: the digest is an undisturbed one, later records arrive."""
    plan = Toy(tmp_path, kill=(BatchId("measurement", 2), BatchId("hunting", 4)))
    done, store = ran(tmp_path, plan)
    assert store.digest(done.prefix) == digest(expected(plan, done.prefix))
    assert done.unknown == ()
    text = (tmp_path / "campaign.log").read_text()
    assert text.count("a worker ended with") == 2
    last = done.prefix.measurement - 1
    assert f"toy was at measurement batch {last}" in text


def test_a_batch_that_kills_three_workers_is_unknown(tmp_path: Path) -> None:
    """It stays in the count under a family of its own, and everything else completes."""
    plan = Toy(tmp_path, kill=(BatchId("hunting", 3),), times=9)
    done, store = ran(tmp_path, plan)
    assert done.unknown == (BatchId("hunting", 3),)
    outcomes = {(o.stream, o.k): o for o in store.outcomes(done.prefix)}
    assert outcomes["hunting", 3].family == "unknown"
    assert outcomes["hunting", 3].cases == 4
    assert len(outcomes) == done.prefix.measurement + done.prefix.hunting


def test_a_batch_that_raises_ends_the_run_with_its_place(tmp_path: Path) -> None:
    """The exception reaches the parent with its place and the traceback; what came before it stays."""
    done, store = ran(tmp_path, Toy(tmp_path, raises=BatchId("measurement", 3)))
    assert done.failure is not None
    assert (done.failure.stream, done.failure.k, done.failure.seed) == ("measurement", 3, 1)
    assert "planted" in done.failure.what
    assert "ArithmeticError" in done.failure.traceback
    assert done.prefix.measurement == 3
    assert len(list(store.outcomes(done.prefix))) == 3 + done.prefix.hunting


def test_workers_that_only_die_break_the_harness(tmp_path: Path) -> None:
    """Thirty deaths in a row without a finished batch are an error, not an endless loop."""
    plan = Toy(tmp_path, kill=tuple(BatchId(s, k) for s in ("measurement", "hunting") for k in range(40)), times=99)
    with pytest.raises(HarnessError, match="workers in a row died"):
        ran(tmp_path, plan, cases=500)


def test_hand_out_order_keeps_the_share() -> None:
    """After every hand-out the hunting stream is within one batch of its share, for shares from none to all."""
    for share in (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(9, 10), Fraction(1)):
        handed = Handed()
        for total in range(1, 200):
            batch = next_batch(handed, share, None)
            assert batch is not None
            handed = handed.with_one_more(batch.stream)
            assert abs(handed.hunting - total * share) <= 1


def test_hunting_waits_for_its_fold() -> None:
    """No batch of hunting epoch 1 goes out before epoch 0 is folded; measurement takes its place meanwhile."""
    handed = Handed(64, 64)
    assert next_batch(handed, Fraction(1, 2), None, epochs_folded=0) == BatchId("measurement", 64)
    assert next_batch(Handed(65, 64), Fraction(1, 2), None, epochs_folded=1) == BatchId("hunting", 64)
