"""What a hunting case gathers: of some kinds of choices it picks one value, which the positions of the kind then take.

Where every position is drawn for itself, operations seldom meet: the cgroup that is removed is seldom the one that
somebody is charging just then, and most of the time a task or a child keeps it from being removed. Swarm testing (Groce
and others, ISSTA 2012) leaves kinds of operations out of a whole case; this lets a whole case have values in common.
Two hunting cases in five gather (run.cases), the others are drawn as ever. What was learnt: docs/schedulers.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.labels import (
    GFP_ACCOUNT,
    OP_CPU_DEAD,
    OP_DRAIN,
    OP_MIGRATE,
    OP_MOVE,
    OP_OWN,
    OP_RMDIR,
    OP_SETMAX,
)
from percpu_fuzz.strategies.draw.choices import KIND_NAMES, KINDS


@dataclass(frozen=True, slots=True)
class Gathered:
    """share: percent of the positions that take the value picked; picks: by value, in how many of 100 that gather."""

    share: int
    picks: Mapping[int, int]


# Of kinds whose positions say how many others are used (tasks, ops, memcgs) nothing is gathered: that comes first.
GATHERED: dict[str, Gathered] = {
    "home": Gathered(100, {0: 75, 2: 10}),
    "memcg": Gathered(100, {1: 62, 2: 23}),
    "parent": Gathered(100, {0: 60, 1: 15}),
    "max": Gathered(100, {-1: 60}),
    "irq": Gathered(100, {0: 50}),
    "op": Gathered(
        15, {OP_RMDIR: 60, OP_MOVE: 12, OP_CPU_DEAD: 6, OP_DRAIN: 4, OP_MIGRATE: 4, OP_SETMAX: 4}
    ),
    "gfp": Gathered(100, {GFP_ACCOUNT: 65, GFP_ACCOUNT | OP_OWN: 20}),
    "fail_populate": Gathered(100, {0: 50}),
    "fail_create": Gathered(100, {0: 50}),
    "fail_trylock": Gathered(100, {0: 50}),
}  # fmt: skip


def with_gathering(limits: Any, asked: Collection[str], gathered: Mapping[str, Gathered] = GATHERED) -> Any:
    """Cumulative thresholds (as strategies.draw.choices.thresholds gives them) with what decode.gather reads below.

    A row for each kind: how often a position takes what was picked, then cumulative chances of the picks, all scaled to
    2^32. asked: kinds that are not gathered, since somebody asked for a rate of their values.
    """
    rows, width = limits.shape
    out = np.zeros((2 * rows, width + 1), dtype=np.uint64)
    out[:rows, :width] = limits
    for name, what in gathered.items():
        if name in asked:
            continue
        row, so_far = rows + KIND_NAMES.index(name), 0
        out[row, 0] = (what.share << 32) // 100
        for i, value in enumerate(KINDS[name].values):
            so_far += what.picks.get(value, 0)
            out[row, 1 + i] = (so_far << 32) // 100
    return out
