"""The one table of ranges and weights: positions of a case's choices, what each may be, how likely.

A case is a list of integers. Every integer means something valid at every position (it is taken modulo the number of
values), so samplers, Hypothesis and shrinkers all work on plain lists. Two weightings stand side by side: `measure` is
the fixed distribution of the measurement stream, `hunt` leans towards what breaks.
Sizes and alignments follow the recorded runs (p25 24, p50 64, p75 128, p90 688, p99 3.3 KB, at most 32 KB; alignment 8
82%, 4 13%, 16 2.5%, 64 1.8%) and the callers that kernel.md 6 lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.labels import (
    GFP_ACCOUNT,
    GFP_HIGH,
    GFP_NOBLOCK,
    GFP_NOFAIL,
    GFP_NORETRY,
    OP_ALLOC,
    OP_BARRIER,
    OP_CHARGE_USER,
    OP_CPU_DEAD,
    OP_CPU_ONLINE,
    OP_DRAIN,
    OP_FREE,
    OP_KILLED,
    OP_KMEM,
    OP_MIGRATE,
    OP_MKDIR,
    OP_MOVE,
    OP_NODE_ONLINE,
    OP_OWN,
    OP_PRESSURE,
    OP_RESERVED,
    OP_RMDIR,
    OP_SETMAX,
)
from percpu_fuzz.engine.outcome import MEASUREMENT

NR_TASKS = 5
NR_OPS = 8
NR_TABLE = 64


@dataclass(frozen=True, slots=True)
class Kind:
    """The values that a position may take, with the weights of the two streams (positive integers or 0)."""

    name: str
    values: tuple[int, ...]
    measure: tuple[int, ...]
    hunt: tuple[int, ...]


def _kind(name: str, *rows: tuple[int, int, int]) -> Kind:
    return Kind(name, tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows))


_ACC = GFP_ACCOUNT
CROWD = 9  # so many cgroups, served by one CPU, do not fit into its page stock's 7 slots
PLACE_LOCAL, PLACE_PRESSED, PLACE_INDEPENDENT, PLACE_SPREAD, PLACE_RUNS = range(5)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind(
            "place",
            (PLACE_LOCAL, 40, 15), (PLACE_PRESSED, 25, 25), (PLACE_INDEPENDENT, 15, 25), (PLACE_SPREAD, 5, 20),
            (PLACE_RUNS, 15, 15),
        ),
        _kind("step", *((n, 10 if n == 0 else 5, 5) for n in range(8))),
        _kind("free_pages", (0, 10, 20), (4, 10, 20), (16, 15, 20), (48, 15, 20), (4096, 50, 20)),
        _kind("tasks", (1, 20, 10), (2, 30, 30), (3, 30, 30), (4, 15, 20), (5, 5, 10)),
        _kind("ops", (2, 10, 10), (3, 15, 15), (4, 25, 20), (5, 20, 20), (6, 15, 15), (7, 10, 10), (8, 5, 10)),
        _kind("cpu", *((n, 1, 1) for n in range(16))),
        _kind("memcg", (1, 40, 30), (2, 30, 30), (3, 20, 25), (4, 10, 15)),
        _kind("memcgs", (1, 30, 6), (2, 40, 22), (3, 20, 30), (4, 10, 38), (CROWD, 0, 4)),
        _kind("parent", (0, 60, 30), (1, 30, 40), (2, 7, 20), (3, 3, 10)),
        _kind(
            "max",
            (-1, 70, 40), (0, 1, 6), (1, 2, 6), (2, 2, 6), (3, 3, 6), (5, 4, 8), (8, 4, 8), (16, 5, 8), (64, 4, 6),
            (130, 5, 6),
        ),
        _kind("user", (0, 60, 50), (1, 5, 10), (4, 10, 15), (32, 15, 15), (100, 10, 10)),
        _kind("irq", (0, 85, 70), (1, 15, 30)),
        _kind(
            "op",
            (OP_ALLOC, 48, 36), (OP_FREE, 26, 22), (OP_KMEM, 5, 5), (OP_MKDIR, 2, 3), (OP_RMDIR, 2, 7),
            (OP_SETMAX, 3, 5), (OP_CHARGE_USER, 2, 2), (OP_MOVE, 2, 6), (OP_MIGRATE, 2, 4), (OP_CPU_DEAD, 1, 3),
            (OP_CPU_ONLINE, 1, 1), (OP_PRESSURE, 2, 3), (OP_DRAIN, 3, 6), (OP_BARRIER, 1, 2), (OP_NODE_ONLINE, 0, 1),
        ),
        _kind("slot", *((n, 1, 1) for n in range(8))),
        _kind(
            "size",
            (4, 8, 8), (8, 14, 6), (16, 9, 4), (24, 8, 4), (48, 8, 3), (64, 12, 6), (88, 7, 2), (128, 12, 5),
            (256, 4, 4), (464, 2, 2), (512, 1, 4), (656, 2, 4), (688, 3, 3), (816, 1, 3), (1024, 2, 6), (1096, 1, 2),
            (1968, 1, 5), (2044, 0, 3), (2048, 1, 8), (2408, 1, 3), (2456, 1, 3), (4092, 0, 3), (4096, 1, 6),
            (4100, 0, 3), (6144, 0, 3), (8192, 1, 5), (12288, 0, 2), (16384, 0, 2), (22792, 0, 1), (32768, 0, 2),
            (65536, 0, 1), (0, 0, 1),
        ),
        _kind("align", (8, 82, 50), (4, 13, 25), (16, 3, 5), (64, 2, 10), (4096, 0, 8), (12, 0, 1), (8192, 0, 1)),
        _kind(
            "gfp",
            (_ACC | OP_OWN, 40, 30), (_ACC, 30, 25), (0, 8, 5), (_ACC | GFP_NOBLOCK, 6, 8),
            (_ACC | OP_OWN | GFP_NOBLOCK, 4, 5), (_ACC | GFP_NOBLOCK | GFP_HIGH, 4, 8), (_ACC | GFP_NORETRY, 3, 5),
            (_ACC | GFP_NOFAIL, 3, 4), (_ACC | OP_OWN | OP_KILLED, 1, 6), (_ACC | OP_RESERVED, 1, 4),
        ),
        _kind("value", *((n, 1, 1) for n in range(16))),
        _kind("pages", (0, 1, 2), (3, 1, 2), (10, 2, 2), (40, 2, 1), (4096, 2, 1)),
        _kind("fail_populate", (0, 97, 88), (1, 3, 12)),
        _kind("fail_create", (0, 97, 88), (1, 3, 12)),
        _kind("fail_trylock", (0, 97, 88), (1, 3, 12)),
        _kind("probe", *((n, 1, 1) for n in range(64))),
        _kind("fail_charge", (0, 1, 1), (1, 0, 0)),
        _kind("fail_space", (0, 1, 1), (1, 0, 0)),
        _kind("fail_node", (0, 1, 1), *((node, 0, 0) for node in range(1, 5))),
        # Where a task starts. A cgroup with a task in it cannot be removed: hunting leaves some tasks in the root.
        _kind("home", (1, 40, 30), (2, 30, 30), (3, 20, 25), (4, 10, 15), (0, 0, 5)),
    )
}  # fmt: skip

HEAD = (
    "place", "tasks", "memcgs", "probe", *(("free_pages",) * 4), *(("fail_populate",) * 8), *(("fail_create",) * 8),
    *(("fail_trylock",) * 8),
)  # fmt: skip
# Failures that nobody meets unless asked for: last, so that what is drawn before them stays what it was.
TAIL = (*(("fail_charge",) * 8), *(("fail_space",) * 8), *(("fail_node",) * 8))
MEMCG = ("parent", "max", "user")
TASK = ("cpu", "home", "irq", "ops")
OP = ("op", "memcg", "slot", "size", "align", "gfp", "value", "pages")

AT_MEMCGS = len(HEAD)
AT_TASKS = AT_MEMCGS + 4 * len(MEMCG)
TASK_LENGTH = len(TASK) + NR_OPS * len(OP)
AT_TABLE = AT_TASKS + NR_TASKS * TASK_LENGTH
AT_TAIL = AT_TABLE + NR_TABLE
LAYOUT: tuple[str, ...] = HEAD + MEMCG * 4 + (TASK + OP * NR_OPS) * NR_TASKS + ("step",) * NR_TABLE + TAIL
LENGTH = len(LAYOUT)

KIND_NAMES = tuple(KINDS)


def width_of(table: Mapping[str, Kind]) -> int:
    """The most values that any kind has."""
    return max(len(kind.values) for kind in table.values())


WIDTH = width_of(KINDS)


def kind_arrays(table: Mapping[str, Kind] = KINDS) -> tuple[Any, Any, Any]:
    """(kind of each position, values by kind, number of values by kind) as int32 arrays, for the compiled decoder.

    table: kinds in the order of KINDS, of which a calibration may have given some values of their own.
    """
    kinds = np.array([KIND_NAMES.index(name) for name in LAYOUT], dtype=np.int32)
    values = np.zeros((len(table), width_of(table)), dtype=np.int32)
    counts = np.zeros(len(table), dtype=np.int32)
    for row, kind in enumerate(table.values()):
        values[row, : len(kind.values)] = kind.values
        counts[row] = len(kind.values)
    return kinds, values, counts


def thresholds(stream: str, table: Mapping[str, Kind] = KINDS) -> Any:
    """Cumulative weights by kind scaled to 2^32, uint64: a 32-bit word below entry i draws value i (or an earlier)."""
    out = np.full((len(table), width_of(table)), 1 << 32, dtype=np.uint64)
    for row, kind in enumerate(table.values()):
        weights = kind.measure if stream == MEASUREMENT else kind.hunt
        total, so_far = sum(weights), 0
        for i, weight in enumerate(weights):
            so_far += weight
            out[row, i] = (so_far << 32) // total
    return out
