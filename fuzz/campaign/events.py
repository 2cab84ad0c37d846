"""What workers report of a batch: it is done, it raised, or its worker is gone; and a batch's answer on its way."""

from __future__ import annotations

import logging
import signal
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import HUNTING, Outcome
from percpu_fuzz.fuzz.schedule import BatchId
from percpu_fuzz.strategies.plan.batches import Batches


@dataclass(frozen=True, slots=True)
class Done:
    """A finished batch: its canonical row, the seconds it took, and the figures that a person watches.

    violations: cases by invariant; causes: by invariant and step, such as "I8 at RL_NODE"; waste: measured cases by
    wasted pages; features: new behaviours, bit f for f.
    """

    batch: BatchId
    row: bytes
    seconds: float
    cases: int
    steps: int
    violations: Mapping[str, int] = field(default_factory=dict)
    waste: Mapping[int, int] = field(default_factory=dict)
    features: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raised:
    """A batch raised; the worker lives. case: the one it was at, None if that is not known.

    bad_input: of an InputError, where, what was given and what is allowed: a user's file is wrong, no try will help.
    """

    batch: BatchId
    case: int | None
    what: str
    traceback: str
    bad_input: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone; batch is what it had in hand, case the one it was at.

    hung_seconds: it was killed after these. said: what happened to it, where it is no process of ours.
    """

    batch: BatchId | None
    case: int | None
    exitcode: int | None
    hung_seconds: float | None = None
    said: str = ""

    @property
    def what(self) -> str:
        """Like "died of SIGSEGV", "took longer than 120 s and was killed", "ended with status 1"."""
        if self.said:
            return self.said
        if self.hung_seconds is not None:
            return f"took longer than {self.hung_seconds:g} s and was killed"
        if self.exitcode is not None and self.exitcode < 0:
            try:
                return f"died of {signal.Signals(-self.exitcode).name}"
            except ValueError:
                return f"died of signal {-self.exitcode}"
        return f"ended with status {self.exitcode}"


WorkerEvent = Done | Raised | Lost


def answer(batches: Batches, stream: str, k: int) -> Done | Raised:
    """Run a batch in a worker: what came of it."""
    start, batch = time.perf_counter(), BatchId(stream, k)
    try:
        outcome = batches.outcome(stream, k)
        row = outcome.canonical()
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        logging.error("%s raised %s", batch, what)
        bad = (error.where, error.given, error.allowed) if isinstance(error, InputError) else None
        return Raised(batch, None, what, traceback.format_exc(), bad)
    seconds = time.perf_counter() - start
    logging.info("%s: %d cases, %d steps, %.3f s", batch, outcome.cases, outcome.steps, seconds)
    return done_of(outcome, row, seconds)


def done_of(outcome: Outcome, row: bytes, seconds: float) -> Done:
    """A finished batch with what a person watches of it, so that nobody needs to read its row again."""
    violations, causes = Counter[str](), Counter[str]()
    for signature, cases in outcome.violations.items():
        violations[signature.invariant] += cases
        causes[f"{signature.invariant} at {signature.label}"] += cases
    waste = outcome.histograms.get("waste_pages", {}) if outcome.stream != HUNTING else {}
    features = sum(1 << feature for feature in (*outcome.once, *outcome.more))
    batch = BatchId(outcome.stream, outcome.k)
    return Done(batch, row, seconds, outcome.cases, outcome.steps, violations, waste, features, causes)
