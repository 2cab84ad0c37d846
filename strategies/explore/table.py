"""A set of 128-bit hashes with a number each: open addressing, linear probing, grown from outside."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled, compiled_entry, compiled_instruction
from percpu_fuzz.strategies.draw.rng import ONE, ZERO, to_word

FIRST_ROWS = 1 << 14


class HashTable(NamedTuple):
    """hashes: two words a row, high and low, side by side, so that a look-up waits for memory once; numbers: one."""

    hashes: Any
    numbers: Any


def new_table(rows: int = FIRST_ROWS) -> HashTable:
    """An empty set; rows is a power of two."""
    return HashTable(np.zeros(2 * rows, np.uint64), np.zeros(rows, np.int32))


def grown(table: HashTable) -> HashTable:
    """The same set in twice the rows."""
    wider = new_table(2 * len(table.numbers))
    move_rows(table, wider)
    return wider


@compiled
def row_of(table: HashTable, high: Any, low: Any) -> Any:
    """The row that holds the hash, or the empty row where it belongs. (0, 0) marks an empty row and is no hash."""
    hashes = table.hashes
    last = to_word(len(table.numbers) - 1)
    i = low & last
    while hashes[i + i] != ZERO or hashes[i + i + ONE] != ZERO:
        if hashes[i + i] == high and hashes[i + i + ONE] == low:
            return i
        i = (i + ONE) & last
    return i


@compiled_instruction
def begin_to_load(words: Any, at: Any) -> None:
    """Have the line of memory that holds a word of the array fetched, and do not wait for it."""


@compiled
def look_ahead(table: HashTable, low: Any) -> None:
    """Say that a hash with this low half will be looked up soon."""
    row = low & to_word(len(table.numbers) - 1)
    begin_to_load(table.hashes, row + row)


@compiled
def is_free(table: HashTable, row: Any) -> bool:
    """Whether a row holds no hash: both halves are 0."""
    return bool(table.hashes[row + row] == ZERO) and bool(table.hashes[row + row + ONE] == ZERO)


@compiled
def put(table: HashTable, row: Any, high: Any, low: Any, number: int) -> None:
    """Write a hash and its number into an empty row, which is that of row_of; the caller keeps count.

    There the number is 0: one that stays so costs no wait for its line of memory.
    """
    table.hashes[row + row] = high
    table.hashes[row + row + ONE] = low
    if number != 0:
        table.numbers[row] = number


@compiled
def crowded(table: HashTable, count: int) -> bool:
    """Whether the set should grow before another hash goes in."""
    return 5 * (count + 1) > 3 * len(table.numbers)


@compiled_entry
def remember(table: HashTable, high: Any, low: Any) -> None:
    """Put a hash into a set that does not hold it, with the number 0."""
    put(table, row_of(table, high, low), high, low, 0)


@compiled_entry
def move_rows(table: HashTable, wider: HashTable) -> None:
    """Put every hash of a set into another."""
    for i in range(len(table.numbers)):
        row = to_word(i)
        if not is_free(table, row):
            high, low = table.hashes[row + row], table.hashes[row + row + ONE]
            put(wider, row_of(wider, high, low), high, low, table.numbers[row])
