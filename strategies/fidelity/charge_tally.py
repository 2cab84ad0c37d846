"""What batches of operations left (strategies/run/drive.py), taken into a ChargeTally."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.charge_tally import ChargeTally, NodeCharges
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

PROBE_CHARGED = 1  # State.probe_done of an allocation that was charged and lives


def take_operations(tally: ChargeTally, rows: Any, nowait: list[bool]) -> None:
    """Add what a batch of operations left; nowait: of each operation."""
    for row, no_wait in zip(rows.tolist(), nowait, strict=True):
        if row[ROW_DONE] == PROBE_CHARGED:
            tally.pairs[row[ROW_PRECHARGE], row[ROW_USED], no_wait] += 1
            tally.misplaced[row[ROW_MISPLACED]] += 1
            tally.booked_bytes += row[ROW_BYTES]
        elif row[ROW_DONE]:
            tally.failed += 1


def node_charges(ids: list[int], nodes: Any) -> tuple[NodeCharges, ...]:
    """The rows that run_operations kept: of each node by its id, and behind them of all together."""
    columns = nodes[[NODE_PAGES_MOST, NODE_PAGES, NODE_BYTES_MOST, NODE_BYTES]].T.tolist()
    return tuple(NodeCharges(node, *column) for node, column in zip([*ids, None], columns, strict=True))
