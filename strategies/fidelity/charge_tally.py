"""ChargeTally: what a variant did with a recorded workload, allocation by allocation and node by node, as counts.

A recorded trace is one realisation: these are counts of what was, no sample, and no interval follows from them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from percpu_fuzz.strategies.run.drive import (
    NODE_BYTES,
    NODE_BYTES_MOST,
    NODE_PAGES,
    NODE_PAGES_MOST,
    ROW_BYTES,
    ROW_DONE,
    ROW_MISPLACED,
    ROW_PRECHARGE,
    ROW_USED,
)

ALL_NODES = -1  # the row of all nodes together
PROBE_CHARGED = 1  # State.probe_done of an allocation that was charged and lives


@dataclass(frozen=True, slots=True)
class NodeTally:
    """What was charged on one node (or on ALL_NODES): pages of KMEM and bytes of live areas, at most and at the end.

    Pages hold more than the bytes of areas: what each node rounds up lies in byte stocks.
    """

    node: int
    pages_most: int
    pages_end: int
    bytes_most: int
    bytes_end: int


@dataclass
class ChargeTally:
    """pairs: charged allocations by (precharged pages, used pages, whether the caller might not block).

    booked_bytes: all bytes that charged allocations booked; misplaced: allocations by bytes booked on another node than
    the one they lie on, 0 included. failed: allocations that the allocator refused after their charge.
    """

    pairs: Counter[tuple[int, int, bool]] = field(default_factory=Counter)
    misplaced: Counter[int] = field(default_factory=Counter)
    booked_bytes: int = 0
    failed: int = 0
    nodes: tuple[NodeTally, ...] = ()

    @property
    def charged(self) -> int:
        return self.pairs.total()

    def take(self, rows: Any, nowait: list[bool]) -> None:
        """Add what a batch of operations left; nowait: of each operation."""
        for row, no_wait in zip(rows.tolist(), nowait, strict=True):
            if row[ROW_DONE] == PROBE_CHARGED:
                self.pairs[row[ROW_PRECHARGE], row[ROW_USED], no_wait] += 1
                self.misplaced[row[ROW_MISPLACED]] += 1
                self.booked_bytes += row[ROW_BYTES]
            elif row[ROW_DONE]:
                self.failed += 1


def node_tallies(ids: list[int], nodes: Any) -> tuple[NodeTally, ...]:
    """The rows that strategies.run.drive.run_operations kept, by node id."""
    return tuple(
        NodeTally(
            node, int(nodes[NODE_PAGES_MOST, i]), int(nodes[NODE_PAGES, i]), int(nodes[NODE_BYTES_MOST, i]),
            int(nodes[NODE_BYTES, i]),
        )
        for i, node in enumerate(ids)
    )  # fmt: skip
