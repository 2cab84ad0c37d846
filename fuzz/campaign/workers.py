"""Worker processes: forked with everything compiled, one pipe each; a raise, a kill or a hang is an event."""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import multiprocessing
import os
import resource
import selectors
import time
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.core.compile_listeners import COMPILED_HERE
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.fuzz.campaign.events import Done, Lost, Raised, WorkerEvent, answer
from percpu_fuzz.fuzz.campaign.log import CampaignLog, Channel, QueueChannel, log_through
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.processes import Child
from percpu_fuzz.fuzz.schedule import EPOCH_BATCHES, BatchId
from percpu_fuzz.strategies.plan.batches import Batches, batches_from

END_SECONDS = 10.0  # a worker that was told to end and has not: killed
PARENT_DIED = 1
M_MMAP_THRESHOLD = -3  # of mallopt(3)
MMAP_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one worker may take: seconds a batch, and bytes of data beyond what it has at its start."""

    batch_seconds: float = 120.0
    memory_bytes: int = 2 << 30


class Worker(Child):
    """One process: idle (batch is None), busy since `since` by time.monotonic(), or gone.

    channel: its way to the log; memory: where it leaves which case it is at, None where it shares none; epochs: how
    many of them it knows.
    """

    channel: Channel | QueueChannel
    memory: mmap.mmap | None = None
    epochs = 0
    seated = False  # whether it knows what the pilot said
    batch: BatchId | None = None
    since = 0.0
    hung = False


class LocalWorkers:
    """One generation of workers: start() forks all, then give() and wait(), then end(). Never forked twice.

    After a Lost event the loop lets the others finish what they hold, ends them and starts a new generation: so every
    fork happens while this process has no thread (the log's receiving threads have ended with the old generation).
    """

    refills = False

    def __init__(self, batches: Batches, log: CampaignLog, bounds: Bounds, method: str = "fork") -> None:
        self.method = method
        self.batches = batches
        self.log = log
        self.bounds = bounds
        self.workers: list[Worker] = []
        self.gone: list[Worker] = []
        self.ears = selectors.DefaultSelector()  # which the system is told once, not at each wait for one of many

    def start(self, count: int) -> None:
        """Start `count` workers. HarnessError if the system refuses.

        What is there before a fork is frozen for the collector, here and in the workers, as long as they live: it would
        touch every object from time to time, and the system would copy page after page that the processes share.
        """
        if COMPILED_HERE:  # which leaves a lot; a start that loads has nothing to collect that is worth a look at all
            gc.collect()
        gc.freeze()
        try:
            for number in range(count):
                self.workers.append(self._forked(number) if self.method == "fork" else self._started(number))
        except OSError as error:
            self.end()
            raise HarnessError(f"worker {len(self.workers)} of {count} cannot start: {error}") from error
        for worker in self.workers:
            worker.channel.receive()
            self.ears.register(worker.connection, selectors.EVENT_READ, worker)

    def _forked(self, number: int) -> Worker:
        channel, memory = self.log.channel(), mmap.mmap(-1, max(1, self.batches.watch_bytes))
        arguments = (self.batches, channel, memory, self.bounds.memory_bytes)
        worker = Worker(multiprocessing.get_context("fork"), work, arguments, f"worker-{number}")
        worker.channel, worker.memory = channel, memory
        worker.epochs = 0 if self.batches.learner is None else self.batches.learner.epochs
        worker.seated = self.batches.seating() is not None
        return worker

    def _started(self, number: int) -> Worker:
        """A worker that starts from nothing: it makes its batches anew from the recipe, and shares no memory."""
        context: Any = multiprocessing.get_context(self.method)
        channel = self.log.queue_channel(context)
        arguments = (json.dumps(self.batches.plan.recipe()), channel.queue, channel.level, self.bounds.memory_bytes)
        worker = Worker(context, work_anew, arguments, f"worker-{number}")
        worker.channel = channel
        return worker

    def idle(self) -> list[Worker]:
        """Workers without a batch."""
        return [worker for worker in self.workers if worker.batch is None]

    def busy(self) -> int:
        """How many workers have a batch in hand."""
        return sum(worker.batch is not None for worker in self.workers)

    def give(self, worker: Worker, batch: BatchId) -> None:
        """Hand a batch to an idle worker, with the lessons that it lacks."""
        worker.batch, worker.since = batch, time.monotonic()
        lessons: list[dict[str, Any]] = []
        if self.batches.learner is not None and batch.stream == HUNTING and batch.k // EPOCH_BATCHES > worker.epochs:
            lessons = self.batches.learner.lessons(worker.epochs)
            worker.epochs += len(lessons)
        seating = None
        if batch.stream == MEASUREMENT and not worker.seated:
            seating = self.batches.seating()
            worker.seated = seating is not None
        worker.send((batch.stream, batch.k, lessons, seating))

    def wait(self, seconds: float) -> list[WorkerEvent]:
        """What happened, after at most so many seconds. A worker that is at a batch for too long is killed."""
        self._kill_hung()
        return [self._event_of(key.data) for key, _ in self.ears.select(seconds)]

    def _kill_hung(self) -> None:
        """A compiled loop takes no SIGTERM, so it is SIGKILL."""
        now = time.monotonic()
        for worker in self.workers:
            if worker.batch is not None and not worker.hung and now - worker.since > self.bounds.batch_seconds:
                worker.hung = True
                worker.process.kill()

    def _event_of(self, worker: Worker) -> WorkerEvent:
        batch = worker.batch
        try:
            event: Done | Raised = worker.receive()
        except EOFError:
            self.ears.unregister(worker.connection)
            self.workers.remove(worker)
            self.gone.append(worker)
            hung_seconds = self.bounds.batch_seconds if worker.hung else None
            return Lost(batch, self._case_of(worker), worker.exit_status(), hung_seconds)
        if isinstance(event, Raised):
            event = replace(event, case=self._case_of(worker))
        worker.batch = None
        return event

    def _case_of(self, worker: Worker) -> int | None:
        """The case of its batch that a worker was at, as far as it is known."""
        if worker.batch is None or worker.memory is None:
            return None
        return self.batches.case_at(worker.memory, worker.batch.stream, worker.batch.k)

    def end(self) -> None:
        """Tell the workers to end, wait until their last records are written, and close the log's channels."""
        self.ears.close()
        for worker in self.workers:
            worker.close()
        until = time.monotonic() + END_SECONDS
        for worker in self.workers + self.gone:
            status = worker.end(max(0.0, until - time.monotonic()))
            worker.channel.close(killed=status != 0)
            worker.process.close()
        self.workers, self.gone = [], []
        gc.unfreeze()


def work(connection: Connection, batches: Batches, channel: Channel, memory: mmap.mmap, most: int) -> None:
    """A worker's life: batches in, rows out, until the parent closes the pipe or is gone."""
    parent = os.getppid()
    channel.enter()
    batches.watch(memory)
    serve(connection, batches, most)
    if os.getppid() != parent:
        os._exit(PARENT_DIED)  # nobody reads the log's queue any more: an orderly end would wait for it


def work_anew(connection: Connection, recipe: str, queue: Any, level: int, most: int) -> None:
    """The life of a worker that was not forked: it makes batches and log anew first."""
    log_through(QueueHandler(queue), level)
    batches = batches_from(json.loads(recipe))
    batches.warm()
    serve(connection, batches, most)


def serve(connection: Connection, batches: Batches, most: int) -> None:
    """Batches in, rows out, until the other end closes the pipe. most: bytes that this process may allocate."""
    limit_data(most)
    give_memory_back()
    while True:
        try:
            stream, k, lessons, seating = connection.recv()
        except EOFError:
            break
        if lessons and batches.learner is not None:
            batches.learner.take_lessons(lessons)
        if seating is not None:
            batches.take_seating(seating)
        event = answer(batches, stream, k)
        try:
            connection.send(event)
        except OSError:
            break


def give_memory_back() -> None:
    """Let the C library return what a batch's arrays took to the system, each as it is freed.

    By itself it raises the size from which it does so to that of the largest block that was ever freed, and the heap
    of a worker grows with every batch a little more scattered. Only glibc has the call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)


def limit_data(most: int) -> None:
    """Let this process take so many bytes of private data more than it has; then allocations fail (MemoryError).

    RLIMIT_DATA counts private writable memory. RLIMIT_AS would count what LLVM reserves and never touches.
    """
    status = Path("/proc/self/status").read_text()
    now = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData:"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = now + most if hard == resource.RLIM_INFINITY else min(now + most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
