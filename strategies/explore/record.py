"""What a search keeps between two calls: counters and the hash of the state at hand, one record."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.layout import Vec, dtype_of, i32, i64, u64
from engine.records import NR_INVARIANTS, Record

MOST_DEPTH = 1 << 15
(FUEL_OUT, DONE, STATES_FULL, TABLE_CROWDED, ENDS_CROWDED, UNDO_FULL, TOO_DEEP, ROWS_FULL) = range(8)
STUCK_BIT = 30


class Search:
    """One search. length[i]: steps to the violation of invariant i that was found, 0 if none was."""

    use_hash: int = i32()
    use_sleep: int = i32()
    depth: int = i32()
    deepest: int = i32()
    begun: int = i32()
    nr_undo: int = i64()
    high: int = u64()
    low: int = u64()
    states: int = i64()
    transitions: int = i64()
    probes: int = i64()  # steps taken only to see whether two steps commute
    revisits: int = i64()
    ends: int = i64()
    most_states: int = i64()
    at: int = i64()  # breadth first: the row of the level at hand
    nr_next: int = i64()  # breadth first: rows of the next level
    length: Vec = i32("invariants")
    from_number: Vec = i32("invariants")  # breadth first: the state before the violating step
    by_task: Vec = i32("invariants")


def new_search() -> Record:
    array: Record = np.zeros(1, dtype=dtype_of(Search, {"invariants": NR_INVARIANTS}))
    return array


def as_search(record: Any) -> Any:
    """The one record of the array."""
    return record[0]
