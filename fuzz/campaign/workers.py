"""Worker processes: forked with everything compiled, one pipe each; a raise, a kill or a hang is an event."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import logging
import mmap
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.outcome import HUNTING, Outcome
from percpu_fuzz.fuzz.campaign.events import Done, Event, Lost, Raised
from percpu_fuzz.fuzz.campaign.hands import Bounds
from percpu_fuzz.fuzz.campaign.log import CampaignLog, Channel, QueueChannel, log_through
from percpu_fuzz.fuzz.campaign.runnable_plan import Batches
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.schedule import EPOCH_BATCHES, BatchId

END_SECONDS = 10.0  # a worker that was told to end and has not: killed
PARENT_DIED = 1
M_MMAP_THRESHOLD = -3  # of mallopt(3)
MMAP_BYTES = 64 << 10


@dataclass(slots=True)
class Worker:
    """One process: idle (batch is None), busy since `since`, or gone (removed from the crew)."""

    process: BaseProcess
    connection: Connection
    channel: Channel | QueueChannel
    memory: mmap.mmap | None
    epochs: int
    batch: BatchId | None = None
    since: float = 0.0
    hung: bool = False


class Crew:
    """One generation of workers: start() forks all, then give() and wait(), then end(). Never forked twice.

    After a Lost event the runner lets the others finish what they hold, ends them and starts a new crew: so every fork
    happens while this process has no thread (the log's receiving threads have ended with the old crew).
    """

    refills = False

    def __init__(self, batches: Batches, log: CampaignLog, bounds: Bounds, method: str = "fork") -> None:
        self.method = method
        self.batches = batches
        self.log = log
        self.bounds = bounds
        self.workers: list[Worker] = []
        self.gone: list[Worker] = []

    def start(self, count: int) -> None:
        """Start `count` workers. HarnessError if the system refuses.

        What is there before a fork is frozen for the collector, here and in the workers, as long as they live: it would
        touch every object from time to time, and the system would copy page after page that the processes share.
        """
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

    def _forked(self, number: int) -> Worker:
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        channel = self.log.channel()
        memory = mmap.mmap(-1, max(1, self.batches.watch_bytes))
        ends = [worker.connection for worker in self.workers] + [here]
        arguments = (self.batches, there, ends, channel, memory, self.bounds.memory_bytes)
        process = context.Process(target=work, args=arguments, name=f"worker-{number}", daemon=True)
        process.start()
        there.close()
        return Worker(process, here, channel, memory, epochs_of(self.batches))

    def _started(self, number: int) -> Worker:
        """A worker that starts from nothing: it makes its plan anew from the recipe, and shares no memory."""
        context: Any = multiprocessing.get_context(self.method)
        here, there = context.Pipe()
        channel = self.log.queue_channel(context)
        recipe = json.dumps(self.batches.plan.recipe())
        arguments = (recipe, there, channel.queue, channel.level, self.bounds.memory_bytes)
        process = context.Process(target=work_anew, args=arguments, name=f"worker-{number}", daemon=True)
        process.start()
        there.close()
        return Worker(process, here, channel, None, 0)

    def idle(self) -> list[Worker]:
        """Workers without a batch."""
        return [worker for worker in self.workers if worker.batch is None]

    def busy(self) -> int:
        """How many workers have a batch in hand."""
        return sum(worker.batch is not None for worker in self.workers)

    def give(self, worker: Worker, batch: BatchId) -> None:
        """Hand a batch to an idle worker, with the lessons that it lacks. If it is gone already, wait() says so."""
        worker.batch, worker.since = batch, time.monotonic()
        lessons: list[dict[str, Any]] = []
        if self.batches.learner is not None and batch.stream == HUNTING and batch.k // EPOCH_BATCHES > worker.epochs:
            lessons = self.batches.learner.lessons(worker.epochs)
            worker.epochs += len(lessons)
        with contextlib.suppress(OSError):
            worker.connection.send_bytes(json.dumps([batch.stream, batch.k, lessons]).encode())

    def wait(self, seconds: float) -> list[Event]:
        """What happened, after at most so many seconds. A worker that is at a batch for too long is killed."""
        self._kill_hung()
        by_connection = {worker.connection: worker for worker in self.workers}
        return [self._take(by_connection[ready]) for ready in wait(list(by_connection), seconds)]  # type: ignore[index]

    def _kill_hung(self) -> None:
        """A compiled loop takes no SIGTERM, so it is SIGKILL."""
        now = time.monotonic()
        for worker in self.workers:
            if worker.batch is not None and not worker.hung and now - worker.since > self.bounds.batch_seconds:
                worker.hung = True
                worker.process.kill()

    def _take(self, worker: Worker) -> Event:
        try:
            message = worker.connection.recv_bytes()
        except (EOFError, OSError):
            return self._bury(worker)
        batch, worker.batch = worker.batch, None
        assert batch is not None
        head, _, row = message.partition(b"\n")
        said = json.loads(head)
        if "raised" in said:
            return Raised(batch, self._case_at(worker, batch), said["raised"], said["traceback"])
        return done_of(batch, said, row)

    def _bury(self, worker: Worker) -> Lost:
        self.workers.remove(worker)
        self.gone.append(worker)
        worker.process.join()
        case = None if worker.batch is None else self._case_at(worker, worker.batch)
        return Lost(worker.batch, case, worker.process.exitcode, self.bounds.batch_seconds if worker.hung else None)

    def _case_at(self, worker: Worker, batch: BatchId) -> int | None:
        return None if worker.memory is None else self.batches.case_at(worker.memory, batch.stream, batch.k)

    def end(self) -> None:
        """Tell the workers to end, wait until their last records are written, and close the log's channels."""
        for worker in self.workers:
            worker.connection.close()
        until = time.monotonic() + END_SECONDS
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        for worker in self.workers + self.gone:
            worker.channel.close(killed=worker.process.exitcode != 0)
            worker.connection.close()
            worker.process.close()
        self.workers, self.gone = [], []
        gc.unfreeze()


def epochs_of(batches: Batches) -> int:
    """How many epochs are known; 0 where nothing is learnt."""
    return 0 if batches.learner is None else batches.learner.epochs


def work(
    batches: Batches, connection: Connection, ends: Sequence[Connection], channel: Channel, memory: mmap.mmap, most: int
) -> None:
    """A worker's life: batches in, rows out, until the parent closes the pipe or is gone.

    ends: the parent's ends of the pipes so far, inherited by the fork; held open they would hide the parent's death.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = os.getppid()
    for end in ends:
        end.close()
    channel.enter()
    batches.watch(memory)
    serve(batches, connection, most)
    if os.getppid() != parent:
        os._exit(PARENT_DIED)  # nobody reads the log's queue any more: an orderly end would wait for it


def work_anew(recipe: str, connection: Connection, queue: Any, level: int, most: int) -> None:
    """The same in a process that was not forked."""
    from percpu_fuzz.strategies.plan.batches import batches_from

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_through(QueueHandler(queue), level)
    batches = batches_from(json.loads(recipe))
    batches.warm()
    serve(batches, connection, most)


def serve(batches: Batches, connection: Connection, most: int) -> None:
    """Batches in, rows out, until the other end closes the pipe. most: bytes that this process may allocate."""
    limit_data(most)
    give_memory_back()
    while True:
        try:
            stream, k, lessons = json.loads(connection.recv_bytes())
        except EOFError:
            break
        if lessons and batches.learner is not None:
            batches.learner.take_lessons(lessons)
        message = answer(batches, stream, k)
        try:
            connection.send_bytes(message)
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


def answer(batches: Batches, stream: str, k: int) -> bytes:
    """A batch's answer: one line of JSON, then its canonical row; or what it raised."""
    start = time.perf_counter()
    try:
        outcome = batches.outcome(stream, k)
        row = outcome.canonical()
    except Exception as error:
        what, text = f"{type(error).__name__}: {error}", traceback.format_exc()
        logging.error("%s batch %d raised %s", stream, k, what)
        return json.dumps({"raised": what, "traceback": text}).encode()
    seconds = time.perf_counter() - start
    logging.info("%s batch %d: %d cases, %d steps, %.3f s", stream, k, outcome.cases, outcome.steps, seconds)
    return json.dumps(head_of(outcome, seconds)).encode() + b"\n" + row


def head_of(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """What a person watches of a batch, so that nobody needs to read its row again."""
    violations, causes = Counter[str](), Counter[str]()
    for signature, cases in outcome.violations.items():
        violations[signature.invariant] += cases
        causes[f"{signature.invariant} at {signature.label}"] += cases
    waste = outcome.histograms.get("waste_pages", {}) if outcome.stream != HUNTING else {}
    features = sum(1 << feature for feature in (*outcome.once, *outcome.more))
    return {
        "seconds": seconds,
        "cases": outcome.cases,
        "steps": outcome.steps,
        "violations": violations,
        "causes": causes,
        "waste": list(waste.items()),
        "features": f"{features:x}",
    }


def done_of(batch: BatchId, said: dict[str, Any], row: bytes) -> Done:
    """The event of a batch from its head and its row."""
    return Done(
        batch, row, said["seconds"], said["cases"], said["steps"], said["violations"],
        dict(map(tuple, said["waste"])), int(said["features"], 16), said["causes"],
    )  # fmt: skip
