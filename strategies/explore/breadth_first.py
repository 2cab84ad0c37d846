"""Breadth-first search: every state once, nearest first, so that the first violation of each invariant is a shortest.

A level is a block of rows, each the words of a state; parents and tasks lead back to the start.
"""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.records import NR_INVARIANTS
from percpu_fuzz.strategies.explore.depth_first import note_end, take
from percpu_fuzz.strategies.explore.model import Model, broken_mask, ready_mask
from percpu_fuzz.strategies.explore.record import (
    DONE,
    ENDS_CROWDED,
    FUEL_OUT,
    ROWS_FULL,
    STATES_FULL,
    TABLE_CROWDED,
    Level,
    StepTree,
)
from percpu_fuzz.strategies.explore.state_words import Space, load_row, save_row, undo_to
from percpu_fuzz.strategies.explore.table import HashTable, crowded, is_free, put, row_of


@compiled
def note_nearest(model: Model, sr: Any, before: int, number: int, t: int) -> None:
    """The first state that shows a broken invariant is as near as any."""
    new = broken_mask(model) & ~before
    if new == 0:
        return
    for i in range(NR_INVARIANTS):
        if new >> i & 1 and sr.length[i] == 0:
            sr.length[i] = sr.depth + 1
            sr.from_number[i] = number
            sr.by_task[i] = t


@compiled
def keep_row(space: Space, sr: Any, following: Level, tree: StepTree, number: int, t: int) -> None:
    """Append the state at hand to the next level."""
    n = sr.nr_next
    save_row(space, following.rows[n])
    following.highs[n], following.lows[n], following.numbers[n] = sr.high, sr.low, sr.states
    tree.parents[sr.states] = number
    tree.tasks[sr.states] = t
    sr.states += 1
    sr.nr_next = n + 1


@compiled
def expand(
    model: Model,
    space: Space,
    table: HashTable,
    ends: HashTable,
    sr: Any,
    level: Level,
    following: Level,
    tree: StepTree,
) -> int:
    """Every step from the state at row sr.at; how many."""
    at = sr.at
    high, low, number = level.highs[at], level.lows[at], level.numbers[at]
    load_row(sr, space, level.rows[at], high, low)
    ready = ready_mask(model)
    if ready == 0:
        note_end(model, ends, sr)
        return 0
    before, taken = broken_mask(model), 0
    for t in range(32):
        if ready >> t & 1:
            take(model, space, sr, t)
            taken += 1
            note_nearest(model, sr, before, number, t)
            row = row_of(table, sr.high, sr.low)
            if is_free(table, row):
                put(table, row, sr.high, sr.low, 0)
                keep_row(space, sr, following, tree, number, t)
            undo_to(sr, space, 0, high, low)
    return taken


@compiled_entry
def search_level(
    model: Model, space: Space, table: HashTable, ends: HashTable, records: Any, level: Level, count: int,
    following: Level, tree: StepTree, fuel: int,
) -> int:  # fmt: skip
    """Expand rows sr.at to count-1 of a level into the next; DONE, or why it stopped. Call again to go on."""
    sr = records[0]
    while sr.at < count:
        if fuel <= 0:
            return FUEL_OUT
        if crowded(table, sr.states + 32):
            return TABLE_CROWDED
        if crowded(ends, sr.ends):
            return ENDS_CROWDED
        if sr.nr_next + 32 > len(following.highs) or sr.states + 32 > len(tree.parents):
            return ROWS_FULL
        if sr.states >= sr.most_states:
            return STATES_FULL
        taken = expand(model, space, table, ends, sr, level, following, tree)
        sr.transitions += taken
        fuel -= taken + 1
        sr.at += 1
    return DONE
