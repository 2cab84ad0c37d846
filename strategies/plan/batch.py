"""Batch: everything that says what the cases of one batch are drawn from, and who steps next in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.outcome import HUNTING
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.draw.rng import key_of
from percpu_fuzz.strategies.draw.topologies import Family
from percpu_fuzz.strategies.plan.portfolio import SPREAD_STEPS
from percpu_fuzz.strategies.plan.user_scheduler import UserScheduler
from percpu_fuzz.strategies.schedulers.record import SCHEDULERS

RETRIES = 16  # MAX_RECLAIM_RETRIES


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Batch k of a stream. Its outcome is a function of this, and so is each of its cases by number.

    draw: batches of one seed, stream, draw and family draw the same cases; k, but where families have seats.
    tables: kind of each position, values by kind, their number, thresholds (strategies.draw.choices). corpus: choices
    of earlier cases, (n, LENGTH), which half of the cases vary if n is not 0. scheduler: a name, with its depth; `user`
    is set where it is the user's own. known: behaviours that are not worth keeping, bit f for feature f. waste_only:
    its cases end with the last charge and nothing of them is checked (strategies.run.sampling).
    """

    stream: str
    k: int
    seed: int
    variant: Variant
    nested_refresh: bool
    family: Family
    cases: int
    draw: int
    tables: tuple[Any, Any, Any, Any]
    corpus: Any
    scheduler: str
    depth: int
    user: UserScheduler | None
    known: int
    waste_only: bool = False

    def __str__(self) -> str:
        return f"{self.stream} batch {self.k}"

    @property
    def key(self) -> int:
        """Key of the random numbers of its cases."""
        return key_of(self.seed, self.stream, self.draw)

    @property
    def hunts(self) -> bool:
        """Whether it is of the hunting stream."""
        return self.stream == HUNTING

    @property
    def size_class(self) -> str:
        """Of the records that its cases take."""
        return self.family.size_class

    def write_prog(self, prog: Any) -> None:
        """Write into a Prog record what is the same in every case: the variant, retries, faults."""
        self.variant.write(prog)
        prog["nr_retries"], prog["nr_tasks"], prog["nr_memcgs"] = RETRIES, 1, 1
        prog["memcg_parent0"][0] = -1
        prog["nested_refresh"] = self.nested_refresh

    def write_sched(self, sched: Any) -> None:
        """Write the scheduler into a Sched record."""
        sched["kind"], sched["depth"] = SCHEDULERS.index(self.scheduler), self.depth
        sched["most_steps"] = SPREAD_STEPS[self.size_class]
