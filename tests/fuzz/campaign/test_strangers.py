"""Dask workers of other code, and clusters that lose all workers, with a client of the test's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import distributed
import pytest

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.campaign import cluster as clusters
from percpu_fuzz.fuzz.campaign.cluster import CODE, ClusterWorkers, OtherCode, Slot
from percpu_fuzz.fuzz.campaign.events import Done, Lost, WorkerEvent, done_of
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.schedule import BatchId
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan

BATCH = BatchId("measurement", 3)
OUTCOME = Outcome("measurement", 3, "f", 10, 100)
GOOD = done_of(OUTCOME, OUTCOME.canonical(), 0.1)
STRANGE = OtherCode("b")


@dataclass
class Future:
    """What a batch comes to: this, or an error where there are none."""

    answer: Done | OtherCode | None
    taken: bool = False
    released: bool = False

    @property
    def status(self) -> str:
        return "error" if self.answer is None else "finished"

    def done(self) -> bool:
        return True

    def result(self) -> Done | OtherCode | None:
        self.taken = True
        return self.answer

    def release(self) -> None:
        self.released = True


@dataclass
class Client:
    """Answers in turn; workers by address with the code they have."""

    answers: list[Done | OtherCode | None]
    workers: dict[str, object] = field(default_factory=lambda: {"a": CODE, "b": "other"})
    stays: bool = False
    retired: list[str] = field(default_factory=list)
    futures: list[Future] = field(default_factory=list)
    status: str = "running"

    def submit(self, *_arguments: Any, pure: bool) -> Future:
        assert not pure
        self.futures.append(Future(self.answers.pop(0)))
        return self.futures[-1]

    def retire_workers(self, addresses: list[str]) -> None:
        assert all(future.released for future in self.futures if future.taken and future.answer == STRANGE)
        self.retired += addresses
        if not self.stays:
            for address in addresses:
                del self.workers[address]

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.workers, 1)

    def run(self, _function: Any, on_error: str) -> dict[str, object]:
        assert on_error == "return"
        return dict(self.workers)

    @contextlib.contextmanager
    def as_current(self) -> Iterator[None]:
        yield


def workers_with(client: Client, monkeypatch: pytest.MonkeyPatch) -> ClusterWorkers:
    """A cluster with one place, at a batch."""
    monkeypatch.setattr(distributed, "wait", lambda *_, **__: None)
    workers = ClusterWorkers(Batches(make_plan("v2", 1, preset("two-node"))), "tcp://nowhere:1")
    workers.client, workers.slots = client, [Slot()]
    workers.give(workers.slots[0], BATCH)
    return workers


def until_it_says(workers: ClusterWorkers) -> list[WorkerEvent]:
    """What wait() says, the first time that it says anything."""
    for _ in range(20):
        if events := workers.wait(0.0):
            return events
    raise AssertionError("the batch goes round")


@pytest.mark.parametrize(
    ("first", "other"), [(STRANGE, "other"), (None, "other"), (None, Exception("No module named 'percpu_fuzz'"))]
)
def test_its_batch_is_run_by_another(
    monkeypatch: pytest.MonkeyPatch, first: Done | OtherCode | None, other: object
) -> None:
    """It says that it has other code, or cannot even be called: sent away once, and the batch is no lost one."""
    client = Client([first, GOOD], {"a": CODE, "b": other})
    workers = workers_with(client, monkeypatch)
    (event,) = until_it_says(workers)
    assert isinstance(event, Done)
    assert (event.batch, client.retired, workers.busy()) == (BATCH, ["b"], 0)


def test_answers_from_before_it_was_sent_away_are_no_offence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches were with it: it is sent away once, and both come back from another."""
    client = Client([STRANGE, STRANGE, GOOD, GOOD], stays=True)
    workers = workers_with(client, monkeypatch)
    workers.slots.append(Slot())
    workers.give(workers.slots[1], BatchId("measurement", 4))
    assert len(until_it_says(workers)) == 2
    assert client.retired == ["b"]


def test_one_that_stays_ends_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on taking batches after it was sent away: one line that names it, no endless loop."""
    workers = workers_with(Client([STRANGE] * 9, stays=True), monkeypatch)
    with pytest.raises(HarnessError, match="b joined with other code and cannot be sent away"):
        until_it_says(workers)


def test_one_that_stays_and_cannot_be_called_is_limited_by_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent away once; what errors from then on is a lost batch, whoever it was with."""
    client = Client([None, None], {"a": CODE, "b": Exception("No module named 'percpu_fuzz'")}, stays=True)
    (event,) = until_it_says(workers_with(client, monkeypatch))
    assert isinstance(event, Lost)
    assert client.retired == ["b"]


@pytest.mark.parametrize("version", [CODE, OSError("Timed out"), TimeoutError()])
def test_an_error_among_workers_of_this_code_is_a_lost_batch(monkeypatch: pytest.MonkeyPatch, version: object) -> None:
    """Nobody is sent away, not a worker either that does not answer just now; the dispatcher counts the try."""
    client = Client([None], {"a": version})
    (event,) = until_it_says(workers_with(client, monkeypatch))
    assert isinstance(event, Lost)
    assert client.retired == []


def test_a_cluster_that_stays_empty_ends_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker at so many looks in a row; one in between (control) begins the count anew, a look too early is none."""

    def nothing(*_: Any, **__: Any) -> None:
        raise TimeoutError

    client = Client([GOOD], {"a": CODE})
    workers = workers_with(client, monkeypatch)
    monkeypatch.setattr(distributed, "wait", nothing)
    monkeypatch.setattr(clusters, "LOOK_SECONDS", 0.0)
    for there in ({}, {"a": CODE}, {}):
        client.workers = dict(there)
        for _ in range(clusters.LOOKS - 1):
            assert workers.wait(0.0) == []
    monkeypatch.setattr(clusters, "LOOK_SECONDS", 1e9)
    assert workers.wait(0.0) == []
    monkeypatch.setattr(clusters, "LOOK_SECONDS", 0.0)
    with pytest.raises(HarnessError, match="has no worker any more"):
        workers.wait(0.0)
