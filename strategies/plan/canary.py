"""Canaries: batches with a planted mistake that every campaign must find, outside all statistics.

A campaign that finds nothing proves something only if it would have found this. The cases are the same in every
campaign (tests show that each is found), so a miss means that drawing, running, checking or reporting is broken.
"""

from __future__ import annotations

from dataclasses import replace

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, Outcome
from percpu_fuzz.strategies.draw.topologies import preset, single_family
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.plan.plan import Plan

EVERY = 64  # of the batches of each stream, the first of so many carries one
PLANTED = ("v1-formula", "stat-kept", "slip-drain-kmem", "no-remainder", "slip-refund-more")
CASES_EACH = 50
SEED = 20
RUN, FOUND = "canary.run", "canary.found"


def is_due(k: int) -> bool:
    """Whether batch k of a stream carries a canary."""
    return k % EVERY == 0


def turn_of(stream: str, k: int) -> int:
    """Which planted mistake batch k carries: they take turns, and the streams begin with different ones.

    One of the first two is judged where it happens, the other by the checks after a step.
    """
    return (k // EVERY + (stream == MEASUREMENT)) % len(PLANTED)


def batch_of(turn: int) -> Batch:
    """The canary of a turn: cases of a mutant on a machine of two nodes."""
    variant = next(mutant.variant for mutant in catalogue() if mutant.name == PLANTED[turn])
    plan = Plan(variant, SEED, single_family(preset("two-node")), scheduler="random")
    return replace(plan.batch_of(HUNTING, 0), cases=CASES_EACH)


def counts_of(outcome: Outcome) -> dict[str, int]:
    """What a canary's outcome adds to the counts of the batch that carries it."""
    return {RUN: 1, FOUND: int(bool(outcome.violations))}
