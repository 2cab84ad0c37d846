"""Worker processes: forked with everything compiled, one pipe each; a raise or a kill is an event, never silence."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from fuzz.errors import BatchError, HarnessError
from fuzz.log import CampaignLog, Channel
from fuzz.plan import Plan
from fuzz.schedule import BatchId

END_SECONDS = 10.0  # a worker that was told to end and has not: killed


@dataclass(frozen=True, slots=True)
class Done:
    """A finished batch: its canonical row, the seconds it took, and the figures of a progress line."""

    batch: BatchId
    row: bytes
    seconds: float
    cases: int
    steps: int
    violating: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone; batch is what it had in hand."""

    batch: BatchId | None
    exitcode: int | None


Event = Done | Lost | BatchError


@dataclass(slots=True)
class Worker:
    """One process: idle (batch is None), busy, or gone (removed from the crew)."""

    process: ForkProcess
    connection: Connection
    channel: Channel
    batch: BatchId | None = None


class Crew:
    """One generation of workers: start() forks all, then give() and wait(), then end(). Never forked twice.

    After a Lost event the runner lets the others finish what they hold, ends them and starts a new crew: so every fork
    happens while this process has no thread (the log's receiving threads have ended with the old crew).
    """

    def __init__(self, plan: Plan, log: CampaignLog, seed: object) -> None:
        self.plan = plan
        self.log = log
        self.seed = seed
        self.workers: list[Worker] = []
        self.gone: list[Worker] = []

    def start(self, count: int) -> None:
        """Fork `count` workers. HarnessError if the system refuses."""
        context = multiprocessing.get_context("fork")
        try:
            for number in range(count):
                here, there = context.Pipe()
                channel = self.log.channel()
                ends = [worker.connection for worker in self.workers] + [here]
                process = context.Process(
                    target=work, args=(self.plan, there, ends, channel), name=f"worker-{number}", daemon=True
                )
                process.start()
                there.close()
                self.workers.append(Worker(process, here, channel))
        except OSError as error:
            self.end()
            raise HarnessError(f"worker {len(self.workers)} of {count} cannot start: {error}") from error
        for worker in self.workers:
            worker.channel.receive()

    def idle(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.batch is None]

    def busy(self) -> bool:
        return any(worker.batch is not None for worker in self.workers)

    def give(self, worker: Worker, batch: BatchId) -> None:
        """Hand a batch to an idle worker. If it is gone already, wait() says so."""
        worker.batch = batch
        with contextlib.suppress(OSError):
            worker.connection.send_bytes(json.dumps([batch.stream, batch.k]).encode())

    def wait(self, seconds: float) -> list[Event]:
        """What happened, after at most so many seconds."""
        events: list[Event] = []
        by_connection = {worker.connection: worker for worker in self.workers}
        for ready in wait(list(by_connection), seconds):
            events.append(self._take(by_connection[ready]))  # type: ignore[index]
        return events

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
            return BatchError(batch.stream, batch.k, self.seed, said["raised"], said["traceback"])
        return Done(batch, row, said["seconds"], said["cases"], said["steps"], said["violating"])

    def _bury(self, worker: Worker) -> Lost:
        self.workers.remove(worker)
        self.gone.append(worker)
        worker.process.join()
        return Lost(worker.batch, worker.process.exitcode)

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


def work(plan: Plan, connection: Connection, ends: Sequence[Connection], channel: Channel) -> None:
    """A worker's life: batches in, rows out, until the parent closes the pipe or is gone.

    ends: the parent's ends of the pipes so far, inherited by the fork; held open they would hide the parent's death.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = os.getppid()
    for end in ends:
        end.close()
    channel.enter()
    while True:
        try:
            stream, k = json.loads(connection.recv_bytes())
        except EOFError:
            break
        message = _answer(plan, stream, k)
        try:
            connection.send_bytes(message)
        except OSError:
            break
    if os.getppid() != parent:
        os._exit(1)  # nobody reads the log's queue any more: an orderly end would wait for it


def _answer(plan: Plan, stream: str, k: int) -> bytes:
    """A batch's answer: one line of JSON, then its canonical row; or what it raised."""
    start = time.perf_counter()
    try:
        outcome = plan.batch(stream, k)
        row = outcome.canonical()
    except Exception as error:
        what, text = f"{type(error).__name__}: {error}", traceback.format_exc()
        logging.error("%s batch %d raised %s", stream, k, what)
        return json.dumps({"raised": what, "traceback": text}).encode()
    seconds = time.perf_counter() - start
    violating = sum(outcome.violations.values())
    logging.info("%s batch %d: %d cases, %d steps, %.3f s", stream, k, outcome.cases, outcome.steps, seconds)
    head = {"seconds": seconds, "cases": outcome.cases, "steps": outcome.steps, "violating": violating}
    return json.dumps(head).encode() + b"\n" + row
