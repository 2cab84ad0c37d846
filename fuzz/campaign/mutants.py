"""Proof that the checkers see: every mutant runs on the cases that `fixed` upholds until an invariant breaks."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.processes import leave_signals_to_parent
from percpu_fuzz.fuzz.progress import Sign, working
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.mutants import FIXED, Mutant
from percpu_fuzz.strategies.plan.recipe import make_plan

WARMING = "loading the engine"
SHOW_SECONDS = 0.5


@dataclass(slots=True)
class Verdict:
    """What became of a mutant: cases it took, seconds of its batches, the invariants that broke in its last batch."""

    mutant: Mutant
    cases: int = 0
    seconds: float = 0.0
    batches: int = 0
    broken: dict[str, int] = field(default_factory=dict)

    @property
    def killed(self) -> bool:
        """Whether any invariant broke."""
        return bool(self.broken)


_batches: dict[Variant, Batches] = {}


def variant_batches(variant: Variant, seed: int) -> Batches:
    """This process's batches of a mutant, or of what it is a mutant of."""
    if variant not in _batches:
        _batches[variant] = Batches(make_plan(variant, seed))
    return _batches[variant]


def run_batch(variant: Variant, seed: int, number: int) -> tuple[int, float, dict[str, int]]:
    """Cases, seconds and violating cases by invariant of a batch; numbers alternate between the streams."""
    start = time.perf_counter()
    outcome = variant_batches(variant, seed).outcome(STREAMS[number % 2], number // 2)
    broken: dict[str, int] = {}
    for signature, cases in outcome.violations.items():
        broken[signature.invariant] = broken.get(signature.invariant, 0) + cases
    return outcome.cases, time.perf_counter() - start, broken


BatchRan = tuple[int, float, dict[str, int]]


def hunt_mutants(
    seconds: float, seed: int, workers: int, chosen: tuple[Mutant, ...], say: Callable[[str], None],
    interrupts: Interrupts | None = None, reference: Variant = FIXED,
) -> list[Verdict]:  # fmt: skip
    """Run all mutants in turn, batch by batch, until each is killed, the time is over or the end is asked for.

    chosen: mutants of the reference. What the reference breaks itself, on the batches so far, kills none of them; if
    it is `fixed`, that is an InputError, since nothing could.
    """
    verdicts = [Verdict(mutant) for mutant in chosen]
    interrupts = interrupts or Interrupts()
    with interrupts.left_at_once(), working(WARMING):
        variant_batches(reference, seed).warm()
    enough = interrupts.or_at(time.monotonic() + seconds)
    if interrupts.seen:
        return verdicts
    context = multiprocessing.get_context("fork")
    sign = Sign("mutants killed", len(chosen))
    own: set[str] = set()  # what the reference has broken so far
    with sign, ProcessPoolExecutor(workers, mp_context=context, initializer=leave_signals_to_parent) as pool:
        rounds = 0
        while not enough() and not all(v.killed or v.mutant.proof for v in verdicts):
            itself = pool.submit(run_batch, reference, seed, rounds)
            waiting = {
                pool.submit(run_batch, verdict.mutant.variant, seed, rounds): verdict
                for verdict in verdicts
                if not verdict.killed and not verdict.mutant.proof
            }
            own |= _broken_by(reference, itself)
            rounds += 1
            _collect(waiting, own, say, lambda: sign.at(sum(v.killed for v in verdicts)))
    return verdicts


def _broken_by(reference: Variant, itself: Future[BatchRan]) -> set[str]:
    """The invariants that the reference's batch broke."""
    _, _, broken = itself.result()
    if broken and reference == FIXED:
        raise InputError("mutants", f"fixed breaks {', '.join(broken)}", "a reference that is clean")
    return set(broken)


def _collect(
    waiting: dict[Future[BatchRan], Verdict], own: set[str], say: Callable[[str], None], show: Callable[[], None]
) -> None:
    """Take in a round of batches. own: what breaks in the reference too, which kills no mutant."""
    while waiting:
        show()
        for done in wait(waiting, timeout=SHOW_SECONDS, return_when=FIRST_COMPLETED).done:
            verdict = waiting.pop(done)
            cases, seconds, broken = done.result()
            verdict.cases += cases
            verdict.seconds += seconds
            verdict.batches += 1
            noticed = {name: count for name, count in broken.items() if name not in own}
            if noticed and not verdict.killed:
                verdict.broken = noticed
                say(f"{verdict.mutant.name}: killed by {', '.join(noticed)} within {verdict.cases} cases")
