"""The time to a bug: of the hunting stream, and of a state machine of Hypothesis (state_machine.py), on two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from percpu_fuzz.engine.outcome import HUNTING
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.bench.measure import Measurement, timed
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan

TWO_NODES = "two-node"
# A charge beyond what was precharged, bytes that a removed cgroup keeps, a NULL objcg.
BUGS = (("v1", "I1"), ("v2", "I9"), ("v2", "I18"))
SEEDS, BATCH_CASES, BATCHES = 8, 16, 1024
EXAMPLES_MOST, RULES = 100_000, 30


def bug_measurements() -> Iterator[Measurement]:
    """CPU time to the first case, or example, that breaks an invariant, a mean over seeds."""
    for variant, invariant in BUGS:
        for words, seconds, dear in (("hunting", of_hunting, False), ("Hypothesis", of_hypothesis, True)):
            yield Measurement(
                "bug", f"{variant} breaks {invariant}, {words}", "ms a bug", 1e3,
                partial(seconds, variant, invariant), dear=dear,
            )  # fmt: skip


def of_hunting(variant: str, invariant: str) -> tuple[float, float]:
    """CPU seconds of the hunting stream for all seeds, and how many these are."""
    return timed(lambda: [cases_to(variant, invariant, seed) for seed in range(SEEDS)]), SEEDS


def cases_to(variant: str, invariant: str, seed: int) -> int:
    """How many cases, in whole batches of BATCH_CASES, until the invariant is broken; all there are if it is not."""
    batches = Batches(make_plan(variant, seed, preset(TWO_NODES), learns=False))
    for k in range(BATCHES):
        outcome = batches.run(replace(batches.batch_of(HUNTING, k), cases=BATCH_CASES))
        if any(signature.invariant == invariant for signature in outcome.first_cases):
            return (k + 1) * BATCH_CASES
    return BATCHES * BATCH_CASES


def of_hypothesis(variant: str, invariant: str) -> tuple[float, float]:
    """CPU seconds of the state machine for all seeds, and how many these are."""
    return timed(lambda: [examples_to(variant, invariant, seed) for seed in range(SEEDS)]), SEEDS


def examples_to(variant: str, invariant: str, seed: int) -> int:
    """How many examples until the invariant is broken; EXAMPLES_MOST if it is not. Nothing is shrunk."""
    # Only here: Hypothesis is slow to load, and no other part wants it.
    from hypothesis import HealthCheck, Phase, Verbosity, settings
    from hypothesis import seed as seeded
    from hypothesis.stateful import run_state_machine_as_test

    from percpu_fuzz.fuzz.bench.state_machine import Accounting

    begun = 0

    class Wanting(Accounting):
        def __init__(self) -> None:
            nonlocal begun
            begun += 1
            super().__init__()

    Wanting.variant, Wanting.wanted = VARIANTS[variant], frozenset({invariant})
    chosen = settings(
        max_examples=EXAMPLES_MOST, stateful_step_count=RULES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False, verbosity=Verbosity.quiet,
    )  # fmt: skip
    try:
        run_state_machine_as_test(seeded(seed)(Wanting), settings=chosen)
    except AssertionError:
        return begun
    return EXAMPLES_MOST
