"""A set of 128-bit hashes with a number each: open addressing, linear probing, grown from outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.compiled import compiled, compiled_entry
from strategies.rng import to_int, to_word

Table = tuple[Any, Any, Any]
FIRST_ROWS = 1 << 14
ZERO: Any = np.uint64(0)
ONE: Any = np.uint64(1)


def new_table(rows: int = FIRST_ROWS) -> Table:
    """An empty set; rows is a power of two. The arrays are high, low and the number kept with each hash."""
    return np.zeros(rows, dtype=np.uint64), np.zeros(rows, dtype=np.uint64), np.zeros(rows, dtype=np.int32)


def grown(table: Table) -> Table:
    """The same set in twice the rows."""
    wider = new_table(2 * len(table[0]))
    move_rows(table, wider)
    return wider


@compiled
def row_of(table: Any, high: Any, low: Any) -> int:
    """The row that holds the hash, or the empty row where it belongs. (0, 0) marks an empty row and is no hash."""
    highs, lows, numbers = table
    last = len(highs) - 1
    i = to_int(low & to_word(last))
    while highs[i] != ZERO or lows[i] != ZERO:
        if highs[i] == high and lows[i] == low:
            return i
        i = (i + 1) & last
    return i


@compiled
def is_free(table: Any, row: int) -> bool:
    return table[0][row] == ZERO and table[1][row] == ZERO


@compiled
def put(table: Any, row: int, high: Any, low: Any, number: int) -> None:
    table[0][row] = high
    table[1][row] = low
    table[2][row] = number


@compiled
def crowded(table: Any, count: int) -> bool:
    """Whether the set should grow before another hash goes in."""
    return 5 * (count + 1) > 3 * len(table[0])


@compiled_entry
def move_rows(table: Any, wider: Any) -> None:
    """Put every hash of a set into another."""
    for i in range(len(table[0])):
        if not is_free(table, i):
            high, low = table[0][i], table[1][i]
            put(wider, row_of(wider, high, low), high, low, table[2][i])
