"""A set of 128-bit hashes with a number each: open addressing, linear probing, grown from outside."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.strategies.draw.rng import ZERO, to_int, to_word

FIRST_ROWS = 1 << 14


class HashTable(NamedTuple):
    """Rows of a hash's two halves, and the number kept with it."""

    highs: Any
    lows: Any
    numbers: Any


def new_table(rows: int = FIRST_ROWS) -> HashTable:
    """An empty set; rows is a power of two."""
    return HashTable(np.zeros(rows, np.uint64), np.zeros(rows, np.uint64), np.zeros(rows, np.int32))


def grown(table: HashTable) -> HashTable:
    """The same set in twice the rows."""
    wider = new_table(2 * len(table.highs))
    move_rows(table, wider)
    return wider


@compiled
def row_of(table: HashTable, high: Any, low: Any) -> int:
    """The row that holds the hash, or the empty row where it belongs. (0, 0) marks an empty row and is no hash."""
    highs, lows = table.highs, table.lows
    last = len(highs) - 1
    i: int = to_int(low & to_word(last))
    while highs[i] != ZERO or lows[i] != ZERO:
        if highs[i] == high and lows[i] == low:
            return i
        i = (i + 1) & last
    return i


@compiled
def is_free(table: HashTable, row: int) -> bool:
    """Whether a row holds no hash: both halves are 0."""
    return bool(table.highs[row] == ZERO) and bool(table.lows[row] == ZERO)


@compiled
def put(table: HashTable, row: int, high: Any, low: Any, number: int) -> None:
    """Write a hash and its number into a row, which is that of row_of; the caller keeps count."""
    table.highs[row] = high
    table.lows[row] = low
    table.numbers[row] = number


@compiled
def crowded(table: HashTable, count: int) -> bool:
    """Whether the set should grow before another hash goes in."""
    return 5 * (count + 1) > 3 * len(table.highs)


@compiled_entry
def move_rows(table: HashTable, wider: HashTable) -> None:
    """Put every hash of a set into another."""
    for i in range(len(table.highs)):
        if not is_free(table, i):
            high, low = table.highs[i], table.lows[i]
            put(wider, row_of(wider, high, low), high, low, table.numbers[i])
