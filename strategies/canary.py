"""Canaries: cases with a planted mistake that every campaign must find, outside all statistics.

A campaign that finds nothing proves something only if it would have found this. The cases are the same in every
campaign (tests show that each is found), so a miss means that drawing, running, checking or reporting is broken.
"""

from __future__ import annotations

from engine.outcome import Outcome
from engine.variant import Variant
from strategies.mutants import catalogue

EVERY = 64  # of the batches of each stream, the first of so many carries one
PLANTED = ("v1-formula", "no-remainder", "slip-refund-more", "stat-kept", "slip-drain-kmem")
CASES = 50
SEED = 20
RUN, FOUND = "canary.run", "canary.found"


def is_due(k: int) -> bool:
    """Whether batch k of a stream carries a canary."""
    return k % EVERY == 0


def planted_variant(k: int) -> Variant:
    """The planted mistake of the canary in batch k: they take turns."""
    name = PLANTED[k // EVERY % len(PLANTED)]
    return next(mutant.variant for mutant in catalogue() if mutant.name == name)


def counts_of(outcome: Outcome) -> dict[str, int]:
    """What a canary's batch adds to the counts of the batch that carries it."""
    return {RUN: 1, FOUND: int(bool(outcome.violations))}
