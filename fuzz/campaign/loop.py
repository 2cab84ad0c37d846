"""The campaign's loop: batches out, rows in, new workers for lost ones, until a contiguous prefix of each stream is in.

The loop knows neither what a batch is nor where workers are: the dispatcher says what to hand out and takes what comes
back, workers run it (workers.py on this machine, cluster.py elsewhere), and a view is shown how far it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher
from percpu_fuzz.fuzz.campaign.events import Lost, WorkerEvent
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.schedule import BatchCounts, BatchId

EVENT_SECONDS = 0.2
LINE_SECONDS = 5.0
WATCHED_SECONDS = 2.0  # where somebody looks at them


class Workers(Protocol):
    """start(), then give() to the idle and wait(), then end().

    refills: whether a lost worker is replaced by itself; where not, the loop ends all and starts new ones.
    """

    refills: bool

    def start(self, count: int) -> None:
        """Be ready for batches with so many workers. HarnessError or InputError if that cannot be."""

    def idle(self) -> Sequence[Any]:
        """Workers that may be given a batch now."""

    def busy(self) -> int:
        """How many batches are out."""

    def give(self, worker: Any, batch: BatchId) -> None:
        """Hand a batch to an idle worker."""

    def wait(self, seconds: float) -> list[WorkerEvent]:
        """What happened, after at most so many seconds."""

    def end(self) -> None:
        """End all workers; batches that are out are not waited for."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What the loop did: the first batches of each stream are in the store, as many as `prefix` says.

    stopped_by: "cases", "time", "criterion", "interrupt", "disk" (full) or "merge". seconds: of work up to the last
    batch, earlier sessions included.
    """

    prefix: BatchCounts
    stopped_by: str
    seconds: float


class View:
    """What shows a campaign to a person: a context; inside it show() is called, and the person may ask for the end."""

    draws = False  # whether it owns the terminal

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_raised: object) -> None:
        pass

    def show(self, dispatcher: Dispatcher, busy: int, workers: int) -> None:
        """Called a few times a second."""

    def wants_to_quit(self) -> bool:
        """Whether the person asks for the end."""
        return False


class Lines(View):
    """One plain line every few seconds."""

    def __init__(self, say: Callable[[str], None], every_seconds: float = LINE_SECONDS) -> None:
        self.say = say
        self.every_seconds = every_seconds
        self.said = 0.0

    def show(self, dispatcher: Dispatcher, busy: int, workers: int) -> None:
        """Say how far it is, if the last line is old enough."""
        now, live = dispatcher.elapsed, dispatcher.live
        if now - self.said < self.every_seconds:
            return
        self.said = now
        cases = live.cases.total()
        violations = f"{live.violations.total():,} violations" if dispatcher.limits.checks else "unchecked"
        phase = f"; ending, {busy} batches in hand" if dispatcher.ending else ""
        self.say(f"{now:.0f} s: {cases:,} cases, {live.steps:,} steps, {cases / now:,.0f} cases/s, {violations}{phase}")


def run_batches(
    dispatcher: Dispatcher, new_workers: Callable[[], Workers], view: View, interrupts: Interrupts | None = None
) -> Ran:
    """Run a campaign's batches into the store. HarnessError if workers cannot start or only die.

    new_workers: asked at the start and each time after a worker was lost. interrupts: those that the caller has
    caught() so far; asked for the end already, no worker is started at all.
    """
    interrupts = interrupts or Interrupts()
    dispatcher.interrupted = interrupts.seen
    interrupts.says_so = not view.draws
    try:
        while not dispatcher.interrupted and not _run_with(new_workers(), dispatcher, view, interrupts):
            pass
    finally:
        interrupts.says_so = True
    return ended(dispatcher)


def ended(dispatcher: Dispatcher, stopped_by: str = "") -> Ran:
    """What came back so far, as the end of the run."""
    return Ran(dispatcher.prefix(), stopped_by or dispatcher.stopped_by(), dispatcher.worked)


def _run_with(workers: Workers, dispatcher: Dispatcher, view: View, interrupts: Interrupts) -> bool:
    """Run batches until there are none; False when a worker was lost and new ones are needed."""
    try:
        workers.start(dispatcher.limits.workers)
        lost = False
        while True:
            if interrupts.seen or view.wants_to_quit():
                dispatcher.interrupted = not dispatcher.met
            for worker in workers.idle():
                batch = None if lost else dispatcher.next()
                if batch is None:
                    break
                workers.give(worker, batch)
            if not workers.busy():
                return not lost
            for event in workers.wait(EVENT_SECONDS):
                lost = lost or (isinstance(event, Lost) and not workers.refills)
                dispatcher.take(event)
            view.show(dispatcher, workers.busy(), dispatcher.limits.workers)
    finally:
        workers.end()
