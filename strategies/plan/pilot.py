"""How many cases each family of the measurement stream gets: learnt from its first batches, the pilot.

The stream begins with the pilot, one batch of each family; then comes one of each again. From there on families have
seats in a cycle of batches: half of the time goes by weight, half so that the weighted mean of wasted precharge is
known best, which is by weight x spread x root of a case's cost (Neyman 1934; Cochran, Sampling Techniques, 5.5), and
every family keeps a floor. Spread and cost are the pilot's. Costs are in steps, not in seconds: seats are a function of
the pilot's outcomes alone, in exact arithmetic.

Estimates do not use the pilot's cases, once there are others. Given the pilot, seats are constants, and cases after it
are drawn from numbers of their own: within each family they are independent draws of one law, as many as was fixed
beforehand. So every interval for a fixed number of cases holds given any pilot, and therefore as a whole, and estimates
by weight are as unbiased as with seats by weight. Had the pilot's cases a part in them, families whose pilot shows
little by chance would get few others to correct it.

Batches of a family are numbered by turns: those of equal turns draw the same cases, whatever the seats are, so that two
variants on one seed are compared on the same cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from percpu_fuzz.engine.outcome import OF_PARTS, OF_PRODUCTS, OF_SQUARES, OF_VALUE_SQUARES, PARTS, Outcome
from percpu_fuzz.strategies.draw.topologies import Family
from percpu_fuzz.strategies.plan.learning import allotted, spread

CYCLE = 128  # batches, more where there are so many families
FLOOR = 1  # of them for each family
PILOT_CASES_LEAST = 48  # of a family's batch
ROUNDS = 2  # of one batch of each family before seats count; the first is the pilot
STEP_NODES = 800  # a step on a machine of so many nodes takes twice as long as on a small one
UNIT = 1 << 40  # roots are taken of integers
WASTE = "waste_pages"


@dataclass(frozen=True)
class Seats:
    """Which family each batch of a cycle is of, by its place in the plan."""

    order: tuple[int, ...]

    @cached_property
    def earlier(self) -> tuple[int, ...]:
        """How many places before each are of the same family."""
        return tuple(self.order[:place].count(family) for place, family in enumerate(self.order))

    def turn(self, place: int) -> int:
        """The turn, of its family, of the batch at a place counted from the first with a seat."""
        cycles, place = divmod(place, len(self.order))
        return cycles * self.order.count(self.order[place]) + self.earlier[place]


def seats_from(families: Sequence[Family], pilot: Iterable[Outcome], batch_cases: Sequence[int]) -> Seats:
    """Seats from the pilot's outcomes by number; batch_cases: of a later batch of each family.

    A family whose batch could not be run has seats by its weight.
    """
    looks = [_look(family, outcome) for family, outcome in zip(families, pilot, strict=True)]
    both = list(zip(families, looks, strict=True))
    known = [(family, look) for family, look in both if look is not None]
    charged = sum(family.weight * look.charged for family, look in known)
    mean = sum(family.weight * look.total for family, look in known) / charged if charged else Fraction(0)
    scores = [0 if look is None else look.score(family.weight, mean) for family, look in both]
    costs = [None if look is None else look.cost * cases for look, cases in zip(looks, batch_cases, strict=True)]
    usual = max((cost for cost in costs if cost), default=Fraction(1))
    weight, score = sum(family.weight for family in families), sum(scores)
    wanted = [
        (Fraction(family.weight, weight) + (Fraction(own, score) if score else Fraction(family.weight, weight)))
        / (cost or usual)
        for family, own, cost in zip(families, scores, costs, strict=True)
    ]
    places = allotted([int(share * UNIT * UNIT) for share in wanted], max(CYCLE, 4 * len(families)), FLOOR)
    return Seats(spread(places))


@dataclass(frozen=True, slots=True)
class _Look:
    """A family's pilot: averages over cases of D, Y and their products, in cases and pages; cost of a case in steps."""

    charged: Fraction
    total: Fraction
    charged_squares: Fraction
    products: Fraction
    value_squares: Fraction
    cost: Fraction

    def score(self, weight: int, mean: Fraction) -> int:
        """weight x spread of Y - mean D x root of the cost, in units that all families share."""
        squares = self.value_squares - 2 * mean * self.products + mean * mean * self.charged_squares
        variance = max(squares - (self.total - mean * self.charged) ** 2, Fraction(0))
        return weight * math.isqrt(int(variance * self.cost * UNIT))


def _look(family: Family, outcome: Outcome) -> _Look | None:
    """None for a batch that could not be run."""
    if outcome.family != family.name:
        return None
    parts, squares, products = (outcome.histograms.get(WASTE + of, {}) for of in (OF_PARTS, OF_SQUARES, OF_PRODUCTS))
    n = outcome.cases
    whole = Fraction(1, n * PARTS)
    return _Look(
        sum(parts.values()) * whole, sum(value * held for value, held in parts.items()) * whole,
        sum(squares.values()) * whole / PARTS, sum(value * held for value, held in products.items()) * whole / PARTS,
        outcome.counts.get(WASTE + OF_VALUE_SQUARES, 0) * whole / PARTS,
        Fraction(outcome.steps, n) * (1 + Fraction(family.nodes_max, STEP_NODES)),
    )  # fmt: skip
