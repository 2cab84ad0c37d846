"""What a search keeps between two calls: counters and the hash of the state at hand, one record."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.core.declare import Vec, dtype_of, i32, i64, u64
from percpu_fuzz.engine.core.records import NR_INVARIANTS, Record

MOST_DEPTH = 1 << 15
(FUEL_OUT, DONE, STATES_FULL, TABLE_CROWDED, ENDS_CROWDED, UNDO_FULL, TOO_DEEP, ROWS_FULL) = range(8)
STUCK_BIT = 30
# Search.use_sleep. The last is wrong on purpose, so that a test can show that a wrong reduction is noticed.
NO_SLEEP, SLEEP, SLEEP_ALL = range(3)


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
    ends: int = i64()
    most_states: int = i64()
    at: int = i64()  # breadth first: the row of the level at hand
    nr_next: int = i64()  # breadth first: rows of the next level
    length: Vec = i32("invariants")
    from_number: Vec = i32("invariants")  # breadth first: the state before the violating step
    by_task: Vec = i32("invariants")


def new_search() -> Record:
    """An array of one Search, all zeros: not begun, nothing counted, no violation found."""
    array: Record = np.zeros(1, dtype=dtype_of(Search, {"invariants": NR_INVARIANTS}))
    return array


class Stack(NamedTuple):
    """Depth first, by depth: the task that steps there, tasks left to explore and asleep as bits, where to undo to."""

    path: Any
    todo: Any
    asleep: Any
    undo_mark: Any
    highs: Any
    lows: Any
    broken: Any


class Level(NamedTuple):
    """Breadth first: the states of one distance, each with its words in use, its hash and its number."""

    rows: Any
    highs: Any
    lows: Any
    numbers: Any


class StepTree(NamedTuple):
    """Breadth first, by number of a state: the state before it, and the task whose step leads from there."""

    parents: Any
    tasks: Any
