"""A user's own scheduler for the hunting stream: a class in a Python file, called before every step, in plain mode.

The file's class needs two methods (Scheduler below). One object serves all cases that a worker runs, so whatever begin
does not set anew must not matter: a case is to be a function of its numbers. Plain mode is a hundred times slower than
the compiled schedulers.
"""

from __future__ import annotations

import hashlib
import random
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from percpu_fuzz.engine.case.runnable import runnable
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.own.engines import plain_of
from percpu_fuzz.engine.variant import Variant

WHERE = "--scheduler"


@dataclass(frozen=True, slots=True)
class Case:
    """Which case begins: number `case` of hunting batch k."""

    k: int
    case: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a scheduler may see: all of it is indexed by task.

    step: steps taken so far; last: the task that took the last one, -1 before the first; labels: the label of each
    task's next step; kinds: "task", "irq" (an interrupt on its CPU) or "worker" (the kernel's own: drains, balance,
    offline and RCU work).
    """

    step: int
    last: int
    labels: tuple[str, ...]
    kinds: tuple[str, ...]


class Scheduler(Protocol):
    """What a user's class offers."""

    def begin(self, case: Case, rng: random.Random, look: Look) -> None:
        """A case begins. Everything random is to come from rng, whose seed is the case's own."""
        ...

    def choose(self, ready: tuple[int, ...], look: Look) -> int:
        """The task to step next: one of `ready`, which is ascending and not empty."""
        ...


class SchedulerError(Exception):
    """A user's scheduler chose a task that cannot step."""


@dataclass(frozen=True, slots=True)
class UserScheduler:
    """A user's scheduler as it was typed, FILE.py:NAME, with the digest of the file."""

    name: str
    digest: str
    scheduler: Scheduler


def load_user_scheduler(text: str, where: str = WHERE) -> UserScheduler:
    """Run FILE.py and make an object of its class NAME. InputError if that cannot be done."""
    path, _, name = text.rpartition(":")
    file = Path(path)
    if not file.is_file():
        raise InputError(where, f"no file {path!r}", "a Python file that can be read")
    try:
        found = runpy.run_path(path).get(name)
        scheduler = found() if isinstance(found, type) else found
    except (Exception, SystemExit) as error:
        raise InputError(where, f"{path} raises {type(error).__name__}: {error}", "a file that runs") from None
    for method in ("begin", "choose"):
        if not callable(getattr(scheduler, method, None)):
            given = f"{name!r} of {path} has no method {method!r}"
            raise InputError(where, given, "a class with begin(case, rng, look) and choose(ready, look)")
    assert scheduler is not None
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    return UserScheduler(text, digest, scheduler)


class UserWalk:
    """One case under a user's scheduler."""

    def __init__(
        self, user: UserScheduler, variant: Variant, topo: Any, prog: Any, state: Any, key: int, k: int, case: int
    ) -> None:
        self.user = user
        self.may_step = plain_of(variant, runnable)
        self.topo, self.prog = topo, prog
        self.state = state
        self.last = -1
        self.kinds = tuple(
            "worker" if t >= prog.nr_tasks else "irq" if prog.task_irq[t] else "task" for t in range(state.nr_all)
        )
        user.scheduler.begin(Case(k, case), random.Random(f"{key}/{case}"), self.look())

    def look(self) -> Look:
        labels = tuple(NAMES[self.state.pc[t]] for t in range(self.state.nr_all))
        return Look(self.state.nr_steps, self.last, labels, self.kinds)

    def choose(self) -> int:
        """The task that the scheduler picks, -1 if none can step. SchedulerError for a pick that cannot."""
        self.state.stirred = 0  # every task is asked
        ready = tuple(t for t in range(self.state.nr_all) if self.may_step(self.topo, self.prog, self.state, t))
        if not ready:
            return -1
        chosen = self.user.scheduler.choose(ready, self.look())
        if chosen not in ready:
            raise SchedulerError(f"{self.user.name} chose {chosen!r} of {ready}")
        self.last = int(chosen)
        return self.last
