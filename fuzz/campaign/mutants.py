"""Proof that the checkers see: every mutant runs on the cases that `fixed` upholds until an invariant breaks."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.processes import leave_signals_to_parent
from percpu_fuzz.fuzz.progress import Sign, working
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.mutants import FIXED, Mutant, catalogue
from percpu_fuzz.strategies.plan.recipe import make_plan

WARMING = "loading the engine, or compiling it, once, in a minute or two"
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


_batches: dict[str, Batches] = {}


def mutant_batches(name: str, seed: int) -> Batches:
    """This process's batches of a mutant (or of fixed)."""
    if name not in _batches:
        variants = {m.name: m.variant for m in catalogue()} | {FIXED.name: FIXED}
        _batches[name] = Batches(make_plan(variants[name], seed))
    return _batches[name]


def run_batch(name: str, seed: int, number: int) -> tuple[int, float, dict[str, int]]:
    """Cases, seconds and violating cases by invariant of a mutant's batch; numbers alternate between the streams."""
    start = time.perf_counter()
    outcome = mutant_batches(name, seed).outcome(STREAMS[number % 2], number // 2)
    broken: dict[str, int] = {}
    for signature, cases in outcome.violations.items():
        broken[signature.invariant] = broken.get(signature.invariant, 0) + cases
    return outcome.cases, time.perf_counter() - start, broken


def hunt_mutants(
    seconds: float, seed: int, workers: int, chosen: tuple[Mutant, ...], say: Callable[[str], None],
    interrupts: Interrupts | None = None,
) -> list[Verdict]:  # fmt: skip
    """Run all mutants in turn, batch by batch, until each is killed, the time is over or the end is asked for.

    A batch on which `fixed` itself breaks an invariant would not count: it is an InputError, since nothing could.
    """
    verdicts = [Verdict(mutant) for mutant in chosen]
    interrupts = interrupts or Interrupts()
    with interrupts.left_at_once(), working(WARMING):
        mutant_batches(FIXED.name, seed).warm()
    enough = interrupts.or_at(time.monotonic() + seconds)
    if interrupts.seen:
        return verdicts
    context = multiprocessing.get_context("fork")
    sign = Sign("mutants killed", len(chosen))
    with sign, ProcessPoolExecutor(workers, mp_context=context, initializer=leave_signals_to_parent) as pool:
        waiting: dict[Future[tuple[int, float, dict[str, int]]], Verdict | None] = {}
        rounds = 0
        while not enough() and not all(v.killed or v.mutant.proof for v in verdicts):
            for verdict in verdicts:
                if not verdict.killed and not verdict.mutant.proof:
                    waiting[pool.submit(run_batch, verdict.mutant.name, seed, rounds)] = verdict
            waiting[pool.submit(run_batch, FIXED.name, seed, rounds)] = None
            rounds += 1
            _collect(waiting, say, lambda: sign.at(sum(v.killed for v in verdicts)))
    return verdicts


def _collect(
    waiting: dict[Future[tuple[int, float, dict[str, int]]], Verdict | None], say: Callable[[str], None],
    show: Callable[[], None],
) -> None:  # fmt: skip
    while waiting:
        show()
        for done in wait(waiting, timeout=SHOW_SECONDS, return_when=FIRST_COMPLETED).done:
            verdict = waiting.pop(done)
            cases, seconds, broken = done.result()
            if verdict is None:
                if broken:
                    raise InputError("mutants", f"fixed breaks {', '.join(broken)}", "a reference that is clean")
                continue
            verdict.cases += cases
            verdict.seconds += seconds
            verdict.batches += 1
            if broken and not verdict.killed:
                verdict.broken = broken
                say(f"{verdict.mutant.name}: killed by {', '.join(broken)} within {verdict.cases} cases")
