"""Plan: the configuration of a campaign's cases, which says of every batch by its number what it draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from percpu_fuzz.engine.core.compiled import code_at_start
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS, Outcome
from percpu_fuzz.engine.own.file import described_own
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.engine.variant import VARIANTS, Variant, row_of_variant
from percpu_fuzz.strategies.draw.calibration import DEFAULT, Calibration
from percpu_fuzz.strategies.draw.choices import KINDS, kind_arrays, thresholds
from percpu_fuzz.strategies.draw.faults import FAILURES, NESTED_REFRESH, fault_rates, with_rates
from percpu_fuzz.strategies.draw.gathered import with_gathering
from percpu_fuzz.strategies.draw.topologies import Family, extremes, families
from percpu_fuzz.strategies.draw.weights import Weights, stands_for
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.learning import EPOCH_BATCHES, NOTHING_LEARNT, Learnt, no_corpus, spread, varies
from percpu_fuzz.strategies.plan.pilot import PILOT_CASES_LEAST, ROUNDS, Seats, seats_from
from percpu_fuzz.strategies.plan.portfolio import (
    CASES_FROM,
    DEPTHS,
    OWN_CASES_FROM,
    PORTFOLIO,
    TURNS,
    USER_CASES,
    caps_of,
)
from percpu_fuzz.strategies.plan.user_scheduler import UserScheduler
from percpu_fuzz.strategies.run.kept import kept_rows

FULL_SIZE_FROM = 512  # batches of this number and above are as large as any


@dataclass(frozen=True, eq=False)
class Plan:
    """What a campaign runs. Made by recipe.make_plan, run by batches.Batches.

    topology: the one machine that was asked for, None for the families of draw.topologies. explored: scopes that were
    completed, for the certificate. calibration: weights of the measurement stream, None for those of draw.choices.
    family_names: of the families that were asked for, given_weights: the weights. notes: what had to be assumed of the
    topology. waste_only: batches of the measurement stream, of which nothing is checked.
    """

    variant: Variant
    seed: int
    families: tuple[Family, ...]
    faults: tuple[str, ...] = ()
    scheduler: str = PORTFOLIO
    learns: bool = True
    user: UserScheduler | None = None
    topology: Topology | None = None
    explored: tuple[Mapping[str, Any], ...] = ()
    calibration: Calibration | None = None
    family_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    given_weights: Weights = ()
    waste_only: bool = False

    @cached_property
    def order(self) -> tuple[Family, ...]:
        """The families of a cycle of batches: by weight, the same for both streams."""
        return tuple(self.families[i] for i in spread([family.weight for family in self.families]))

    @cached_property
    def tables(self) -> dict[str, tuple[Any, Any, Any, Any]]:
        """By stream, as Batch has them: a calibration is of the measurement stream alone."""
        made = {}
        for stream in STREAMS:
            kinds = KINDS if self.calibration is None or stream == HUNTING else self.calibration.kinds()
            rates = fault_rates(self.faults)
            limits = with_rates(thresholds(stream, kinds), rates)
            if stream == HUNTING:
                limits = with_gathering(limits, [FAILURES[name][0] for name in rates])
            made[stream] = (*kind_arrays(kinds), limits)
        return made

    @property
    def pilot(self) -> int:
        """How many measurement batches say how many cases each family gets; 0 where that is by weight alone."""
        return len(self.families) if self.learns and len(self.families) > 1 else 0

    def seated_from(self) -> int | None:
        """The first measurement batch whose family the pilot decides; None if there is no pilot."""
        return ROUNDS * self.pilot or None

    def family_of(self, stream: str, k: int, seats: Seats | None = None) -> Family:
        """The family of batch k of a stream; seats: what the pilot gave, without which it is by weight."""
        place = self._place_of(k) if stream == MEASUREMENT and self.pilot else None
        if place is None:
            return self.order[k % len(self.order)]
        if place < 0:
            return self.families[k % self.pilot]
        return (
            self.order[k % len(self.order)] if seats is None else self.families[seats.order[place % len(seats.order)]]
        )

    def _place_of(self, k: int) -> int:
        """The place of a measurement batch after the first with a seat; below 0: before it."""
        return k - ROUNDS * self.pilot

    def draw_of(self, stream: str, k: int, seats: Seats | None = None) -> int:
        """The number that the cases of a batch are drawn by: of the pilot's family i, turn j, it is i + j families."""
        if stream == HUNTING or not self.pilot or (place := self._place_of(k)) < 0 or seats is None:
            return k
        return seats.order[place % len(seats.order)] + self.pilot * (ROUNDS + seats.turn(place))

    def cases_per_batch(self, stream: str, k: int, seats: Seats | None = None) -> int:
        """Cases of a batch: by its number, fewer on machines of class wide."""
        family = self.family_of(stream, k, seats)
        if self.user is not None and stream == HUNTING:
            return USER_CASES[family.size_class]
        cases = self._cases_of(family, k)
        return max(cases, PILOT_CASES_LEAST) if stream == MEASUREMENT and k < self.pilot else cases

    def _cases_of(self, family: Family, k: int) -> int:
        """Cases of a batch of so high a number."""
        own = self.variant.own is not None and self.variant.own.has_code
        cases = next(cases for start, cases in (OWN_CASES_FROM if own else CASES_FROM) if k >= start)
        return cases if family.size_class == "small" else min(cases, max(2, 2 * cases // family.nodes_max))

    def seats_from(self, pilot: Iterable[Outcome]) -> Seats:
        """What the outcomes of the pilot's batches, by number, decide."""
        return seats_from(self.families, pilot, [self._cases_of(family, FULL_SIZE_FROM) for family in self.families])

    def turn(self, stream: str, k: int, learnt: Learnt = NOTHING_LEARNT) -> tuple[str, int]:
        """Scheduler and depth of a batch. The measurement stream always walks at random: its distribution is fixed."""
        if stream == MEASUREMENT:
            return "random", 0
        if self.scheduler == PORTFOLIO:
            return TURNS[learnt.order[k % EPOCH_BATCHES]]
        return self.scheduler, DEPTHS.get(self.scheduler, 0)

    def batch_of(self, stream: str, k: int, learnt: Learnt = NOTHING_LEARNT, seats: Seats | None = None) -> Batch:
        """Batch k of a stream; learnt: what hunting batches of its epoch use; seats: what the pilot gave."""
        hunts = stream == HUNTING
        scheduler, depth = self.turn(stream, k, learnt)
        return Batch(
            stream, k, self.seed, self.variant, NESTED_REFRESH in self.faults, self.family_of(stream, k, seats),
            self.cases_per_batch(stream, k, seats), self.draw_of(stream, k, seats), self.tables[stream],
            learnt.corpus_array() if hunts and varies(k) else no_corpus(),
            scheduler, depth, self.user if hunts else None, learnt.known if hunts else 0, self.waste_only,
        )  # fmt: skip

    @property
    def weights(self) -> dict[str, int]:
        """Weight of each family."""
        return {family.name: family.weight for family in self.families}

    @property
    def most_nodes(self) -> dict[str, int]:
        """The most possible nodes of any machine of each family."""
        return {family.name: family.nodes_max for family in self.families}

    def recipe(self) -> dict[str, Any]:
        """What recipe.plan_from needs to make the same plan in another process; data fit for JSON."""
        return {
            "variant": row_of_variant(self.variant),
            "seed": self.seed,
            "topology": None if self.topology is None else dump_topology(self.topology).decode(),
            "faults": list(self.faults),
            "scheduler": self.scheduler,
            "learns": self.learns,
            "calibration": None if self.calibration is None else msgspec.to_builtins(self.calibration),
            "family_names": list(self.family_names),
            "given_weights": [list(row) for row in self.given_weights],
            "waste_only": self.waste_only,
        }

    def describe(self) -> dict[str, object]:
        """What the results depend on, as data fit for JSON."""
        return {
            "variant": self.variant.name,
            "not as v2": self.variant.differs(VARIANTS["v2"]),
            **described_own(self.variant),
            "seed": self.seed,
            "scheduler": self.scheduler,
            **({} if self.user is None else {"scheduler file": self.user.digest}),
            "faults": list(self.faults),
            "calibration": DEFAULT if self.calibration is None else self.calibration.described,
            "learning": "epochs" if self.learns else "off",
            **({"waste only": True} if self.waste_only else {}),
            **({"pilot": self.pilot} if self.pilot else {}),
            **({"explored": list(self.explored)} if self.explored else {}),
            "families": self.weights,
            "stands for": stands_for(self.families),
            **({"assumed of the machine": "; ".join(self.notes)} if self.notes else {}),
            "machines": digests_of(self.families),
            **extremes(self.families),
            "pct_caps": {family.name: caps_of(family.size_class) for family in self.families},
            "code": code_at_start(),
        }  # fmt: skip


def digests_of(chosen: tuple[Family, ...]) -> dict[str, str]:
    """SHA-256 over each family's machines, by name; of the default families reckoned once for each version of the code.

    60 MB of records, most of them zonelists, would be made and hashed at each start for nothing else.
    """
    if not all(any(family is known for known in families()) for family in chosen):
        return {family.name: family.digest for family in chosen}
    known = kept_rows("machines", lambda: [{family.name: family.digest for family in families()}])[0]
    return {family.name: known[family.name] for family in chosen}
