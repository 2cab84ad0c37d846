"""Batches on a dask.distributed cluster: the same rows as local workers give, so the same digest.

Each batch is a task of 0.1 to 1 s that carries what the worker needs: the plan's recipe, the batch's numbers and the
lesson of its epoch. A task whose worker dies is run again by the scheduler; what the scheduler gives up comes back as
a lost worker, and the dispatcher hands the batch out again. docs/campaigns.md says what a cluster needs.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import FIRST_COMPLETED
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.core.compiled import code_at_start
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.fuzz.campaign.events import Done, Lost, Raised, WorkerEvent, answer
from percpu_fuzz.fuzz.campaign.log import LOGGER
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.schedule import EPOCH_BATCHES, BatchId
from percpu_fuzz.strategies.plan.batches import Batches, batches_from

WHERE = "--cluster"
AHEAD = 2  # batches in flight for each thread of the cluster: one that runs and one that waits
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 5.0
LOOKS = 60  # a cluster that has no worker so often in a row does not come back
CODE = code_at_start()
_batches: dict[str, Any] = {}


def remote_version() -> str:
    """The code version of a dask worker."""
    return CODE


def remote_warm(recipe: str) -> float:
    """Compile or load what batches need on a dask worker; seconds."""
    seconds: float = remote_batches(recipe).warm()
    return seconds


def remote_batches(recipe: str) -> Any:
    """This process's batches of a plan's recipe."""
    if recipe not in _batches:
        _batches.clear()
        _batches[recipe] = batches_from(json.loads(recipe))
    return _batches[recipe]


@dataclass(frozen=True, slots=True)
class OtherCode:
    """What a worker of another version answers, with its address."""

    worker: str


def remote_batch(
    code: str, recipe: str, stream: str, k: int, lesson: dict[str, Any] | None, seating: list[int] | None
) -> Done | Raised | OtherCode:
    """Run a batch on a dask worker of that code version; another one may have joined after the campaign had begun."""
    if code != CODE:
        import distributed

        worker: Any = distributed.get_worker
        address: str = worker().address
        return OtherCode(address)
    batches = remote_batches(recipe)
    if lesson is not None:
        batches.learner.know(k // EPOCH_BATCHES, lesson)
    if seating is not None:
        batches.take_seating(seating)
    return answer(batches, stream, k)


@dataclass(slots=True)
class Slot:
    """A place for one batch in flight, handed out at `since` by time.monotonic()."""

    batch: BatchId | None = None
    future: Any = None
    since: float = 0.0


class ClusterWorkers:
    """The threads of a cluster as workers: as many places for a batch as it has threads, times AHEAD."""

    refills = True

    def __init__(self, batches: Batches, address: str) -> None:
        self.batches, self.learner = batches, batches.learner
        self.address = address
        self.recipe = json.dumps(batches.plan.recipe())
        self.slots: list[Slot] = []
        self.sent_away: dict[str, float] = {}  # address -> when, by time.monotonic()
        self.looked = 0.0  # at the workers, when nothing came back
        self.bare = 0  # how often in a row there was none
        self.client: Any = None

    def start(self, count: int) -> None:
        """Connect, compare versions and compile. InputError where the cluster cannot do it; `count` does not matter."""
        import distributed

        connect: Any = distributed.Client  # the library is not typed
        try:
            self.client = connect(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(WHERE, f"{self.address}: {error}", "the address of a dask scheduler") from None
        threads = sum(self.client.nthreads().values())
        if not threads:
            raise InputError(WHERE, f"{self.address} has no worker", "a cluster with workers")
        found = self._versions()
        for worker, version in sorted(found.items()):
            if version is None:
                raise InputError(WHERE, f"{worker} cannot load this project", "workers with this project installed")
            if version != CODE:
                raise InputError(WHERE, f"{worker} has other code", f"code {CODE} on every worker")
        self.client.run(remote_warm, self.recipe, workers=list(found))
        self.slots = [Slot() for _ in range(AHEAD * threads)]

    def _versions(self) -> dict[str, str | None]:
        """Code version by worker, None where this project cannot be loaded; without workers that do not answer now."""
        found = self.client.run(remote_version, on_error="return")
        return {
            worker: version if isinstance(version, str) else None
            for worker, version in found.items()
            if not isinstance(version, OSError)
        }

    def idle(self) -> list[Slot]:
        """Places without a batch."""
        return [slot for slot in self.slots if slot.batch is None]

    def busy(self) -> int:
        """How many batches are out."""
        return sum(slot.batch is not None for slot in self.slots)

    def give(self, slot: Slot, batch: BatchId) -> None:
        """Send a batch, with what its epoch is to know."""
        lesson = None
        if self.learner is not None and batch.stream == HUNTING and batch.k >= EPOCH_BATCHES:
            lesson = self.learner.lessons(batch.k // EPOCH_BATCHES - 1)[0]
        slot.batch, slot.since = batch, time.monotonic()
        seating = self.batches.seating() if batch.stream == MEASUREMENT else None
        arguments = (CODE, self.recipe, batch.stream, batch.k, lesson, seating)
        slot.future = self.client.submit(remote_batch, *arguments, pure=False)

    def wait(self, seconds: float) -> list[WorkerEvent]:
        """What came back, after at most so many seconds."""
        import distributed

        wait: Any = distributed.wait
        out = [slot for slot in self.slots if slot.batch is not None]
        try:
            with self.client.as_current():
                wait([slot.future for slot in out], timeout=seconds, return_when=FIRST_COMPLETED)
        except TimeoutError:
            if self.client.status not in ("running", "connecting"):
                raise HarnessError(f"the scheduler at {self.address} is gone") from None
            self._look()
            return []
        self.bare = 0
        events = [self._taken(slot) for slot in out if slot.future.done()]
        return [event for event in events if event is not None]

    def _look(self) -> None:
        """HarnessError once there was no worker at LOOKS looks in a row, which are LOOK_SECONDS apart or more."""
        if time.monotonic() - self.looked < LOOK_SECONDS:
            return
        self.looked = time.monotonic()
        self.bare = 0 if self.client.nthreads() else self.bare + 1
        if self.bare >= LOOKS:
            raise HarnessError(f"{self.address} has no worker any more")

    def _taken(self, slot: Slot) -> WorkerEvent | None:
        """What a slot's batch came to; None if it went to a worker of other code, and is out once more."""
        batch, future, since = slot.batch, slot.future, slot.since
        slot.batch = slot.future = None
        assert batch is not None
        if future.status != "finished":
            strangers = self._strangers() if future.status == "error" else []
            if strangers:
                for worker in strangers:
                    self._send_away(worker)
                self.give(slot, batch)
                return None
            time.sleep(0.1)  # a scheduler that loses its workers would be asked again at once
            return Lost(batch, None, None, said=f"was lost by the cluster ({future.status})")
        said: Done | Raised | OtherCode = future.result()
        if isinstance(said, OtherCode):
            future.release()  # a worker is not let go while it alone holds a result
            worker = said.worker
            if worker not in self.sent_away:
                self._send_away(worker)
            elif since > self.sent_away[worker]:
                raise HarnessError(f"{worker} joined with other code and cannot be sent away")
            self.give(slot, batch)
            return None
        return said

    def _strangers(self) -> list[str]:
        """Workers of other code, or without this project, that were not sent away yet."""
        found = self._versions()
        return sorted(worker for worker in found if found[worker] != CODE and worker not in self.sent_away)

    def _send_away(self, worker: str) -> None:
        """Close a worker whose rows would be other ones."""
        LOGGER.warning("%s joined with other code and is sent away", worker)
        self.client.retire_workers([worker])
        self.sent_away[worker] = time.monotonic()

    def end(self) -> None:
        """Leave the cluster; what is still out there is cancelled."""
        if self.client is not None:
            out = [slot.future for slot in self.slots if slot.future is not None]
            if out:
                self.client.cancel(out)
            self.client.close()
        self.client, self.slots = None, []
