"""The campaign's loop: hands out batches, takes rows, survives workers, ends on a contiguous prefix of each stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from percpu_fuzz.fuzz.campaign.dispatcher import Desk
from percpu_fuzz.fuzz.campaign.events import Lost
from percpu_fuzz.fuzz.campaign.hands import Hands
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.schedule import Handed

WAIT_SECONDS = 0.2
LINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What the loop did: the first batches of each stream are in the store, as many as `prefix` says.

    stopped_by: "cases", "time", "criterion", "interrupt" or "disk" (full). seconds: of work up to the last batch,
    earlier sessions included.
    """

    prefix: Handed
    stopped_by: str
    seconds: float

    @property
    def interrupted(self) -> bool:
        """Whether a person ended it."""
        return self.stopped_by == "interrupt"


class View:
    """Somebody who watches: a context in which it is shown the desk, and may ask for the end."""

    def __enter__(self) -> View:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        pass

    def show(self, desk: Desk, busy: int, workers: int) -> None:
        """Called a few times a second."""

    def wants_to_quit(self) -> bool:
        """Whether the person asks for the end."""
        return False


class Lines(View):
    """One plain line every few seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.said = 0.0

    def show(self, desk: Desk, busy: int, workers: int) -> None:
        """Say how far it is, if the last line is old enough."""
        now = desk.elapsed
        if now - self.said < LINE_SECONDS:
            return
        self.said = now
        cases, violating = desk.seen.cases.total(), desk.seen.violations.total()
        self.say(
            f"{now:.0f} s: {cases} cases, {desk.seen.steps} steps, {cases / now:.0f} cases/s, {violating} violations"
        )


def run_batches(desk: Desk, hire: Callable[[], Hands], view: View, interrupts: Interrupts | None = None) -> Ran:
    """Run a campaign's batches into the store. HarnessError if workers cannot start or only die.

    hire: a new crew, asked for at the start and each time after one has lost a worker. interrupts: those that the
    caller has caught() so far; asked for the end already, not even the first crew is hired.
    """
    interrupts = interrupts or Interrupts()
    desk.interrupted = interrupts.seen
    while not desk.interrupted and not _one_crew(desk, hire(), view, interrupts):
        pass
    return ended(desk)


def ended(desk: Desk, stopped_by: str = "") -> Ran:
    """What is at the desk now as the end of the run."""
    return Ran(desk.prefix(), stopped_by or desk.stopped_by(), desk.worked)


def _one_crew(desk: Desk, crew: Hands, view: View, interrupts: Interrupts) -> bool:
    """Work with one crew; False when it lost a worker and a new one is needed."""
    try:
        crew.start(desk.limits.workers)
        lost = False
        while True:
            if interrupts.seen or view.wants_to_quit():
                desk.interrupted = not desk.met
            for worker in crew.idle():
                batch = None if lost else desk.next()
                if batch is None:
                    break
                crew.give(worker, batch)
            if not crew.busy():
                return not lost
            for event in crew.wait(WAIT_SECONDS):
                lost = lost or (isinstance(event, Lost) and not crew.refills)
                desk.take(event)
            view.show(desk, crew.busy(), desk.limits.workers)
    finally:
        crew.end()
