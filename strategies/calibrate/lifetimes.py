"""Lifetimes: how long charged areas live, recorded and as drawn, by two figures that a case cannot both have.

- Frees among hook runs: of all charged allocations and frees of charged areas, how many are frees. It says what runs
  beside an allocation, and the weights of operations are fitted to it.
- Survival: how many more charged areas a task allocates before one of its areas is freed. A case begins empty and its
  tasks perform at most eight operations each, so what it frees is young, where a machine frees old areas. It is not
  fitted, and its distance is given. Both sides are censored, and compared by the product-limit estimate (Kaplan and
  Meier 1958): the share freed after exactly k further allocations for k < HORIZON, and the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, OP_ALLOC, OP_FREE, OP_KMEM
from percpu_fuzz.strategies.calibrate.counts import Counts
from percpu_fuzz.strategies.draw.choices import KINDS, Kind
from percpu_fuzz.strategies.draw.decode import SLOTS_A_TASK
from percpu_fuzz.strategies.trace.operations import AllocArea, FreeArea, Operation

HORIZON = 6
CASES_DRAWN = 6000  # drawn for each mix of operations
SLOTS = 16


@dataclass
class Lifetimes(Counts):
    """freed[k]: areas freed after k further allocations; alive[k]: those last seen alive after k of them."""

    freed: Counter[int] = field(default_factory=Counter)
    alive: Counter[int] = field(default_factory=Counter)

    @property
    def areas(self) -> int:
        return self.freed.total() + self.alive.total()

    @property
    def mix(self) -> dict[int, int]:
        """Hook runs: allocations (0) and frees (1)."""
        return {0: self.areas, 1: self.freed.total()}

    def shares(self) -> dict[int, float]:
        """Share freed after exactly k further allocations, k < HORIZON; at HORIZON what lives longer."""
        found, left = {}, 1.0
        for k in range(HORIZON):
            at_risk = sum(n for counts in (self.freed, self.alive) for clock, n in counts.items() if clock >= k)
            hazard = self.freed[k] / at_risk if at_risk else 0.0
            found[k] = left * hazard
            left *= 1 - hazard
        return found | {HORIZON: left}


def recorded_lifetimes(operations: Iterable[Operation]) -> Lifetimes:
    """Of the charged areas of a workload, by the clock of the task that allocated each."""
    clock: Counter[int] = Counter()
    born: dict[tuple[str, int], tuple[int, int]] = {}
    found = Lifetimes()
    for o in operations:
        if isinstance(o, AllocArea) and o.cg is not None:
            clock[o.pid] += 1
            born[o.base, o.off] = (o.pid, clock[o.pid])
        elif isinstance(o, FreeArea) and (o.base, o.off) in born:
            pid, at = born.pop((o.base, o.off))
            found.freed[clock[pid] - at] += 1
    for pid, at in born.values():
        found.alive[clock[pid] - at] += 1
    return found


class _Draws:
    """Values of one kind after the other, drawn by weight from a generator of its own."""

    def __init__(self, kinds: Mapping[str, Kind], seed: int) -> None:
        self.kinds, self.rng = kinds, np.random.Generator(np.random.PCG64(seed))
        self.left: dict[str, list[int]] = {}

    def take(self, name: str) -> int:
        """One value of a kind."""
        if not self.left.get(name):
            weights = np.array(self.kinds[name].measure, dtype=np.float64)
            picks = self.rng.choice(self.kinds[name].values, 4096, p=weights / weights.sum())
            self.left[name] = picks.tolist()
        return self.left[name].pop()

    def below(self, n: int) -> int:
        return int(self.rng.integers(n))


def drawn_lifetimes(kinds: Mapping[str, Kind], cases: int = CASES_DRAWN, seed: int = 0) -> Lifetimes:
    """Of the charged areas of so many drawn cases, their tasks interleaved at random, operation by operation.

    As draw/decode.py draws them, without the engine: which slot, an interrupt's operations, slots that two tasks
    share. Every allocation succeeds here.
    """
    draws, found = _Draws(kinds, seed), Lifetimes()
    for _ in range(cases):
        _one_case(draws, found)
    return found


def _one_case(draws: _Draws, found: Lifetimes) -> None:
    tasks = draws.take("tasks")
    irq = [t > 0 and draws.take("irq") == 1 for t in range(tasks)]
    waiting = [t for t in range(tasks) for _ in range(draws.take("ops"))]
    clock = [0] * tasks
    live: dict[int, tuple[int, int] | None] = {}  # slot -> (task, its clock), None for what is not charged percpu
    while waiting:
        task = waiting.pop(draws.below(len(waiting)))
        kind = draws.take("op")
        if irq[task] and kind not in (OP_ALLOC, OP_FREE, OP_KMEM):
            kind = OP_FREE
        slot = (task * SLOTS_A_TASK + draws.take("slot")) % SLOTS
        if kind == OP_KMEM and slot not in live:
            live[slot] = None
        elif kind == OP_ALLOC and slot not in live:
            live[slot] = None
            if draws.take("gfp") & GFP_ACCOUNT:
                clock[task] += 1
                live[slot] = (task, clock[task])
        elif kind == OP_FREE and (area := live.pop(slot, None)) is not None:
            found.freed[clock[area[0]] - area[1]] += 1
    for left in live.values():
        if left is not None:
            found.alive[clock[left[0]] - left[1]] += 1


def op_weights(free_share: int) -> tuple[int, ...]:
    """The default weights of operations times 100, with allocs and frees shared anew: free_share percent are frees."""
    op = KINDS["op"]
    both = sum(w for value, w in zip(op.values, op.measure, strict=True) if value in (OP_ALLOC, OP_FREE))
    shares = {OP_FREE: both * free_share, OP_ALLOC: both * (100 - free_share)}
    return tuple(shares.get(value, 100 * w) for value, w in zip(op.values, op.measure, strict=True))
