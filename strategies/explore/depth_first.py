"""Depth-first search over all interleavings, with state hashes, sleep sets, both or neither.

Godefroid, "Partial-order methods for the verification of concurrent systems", LNCS 1032, 1996: sleep sets (figure 5.2)
and their union with a store of visited states (figure 5.3): a state keeps the sleep set that it was explored with; met
again with a smaller one, what was asleep then and is awake now is explored, and the intersection is kept. Two steps
count as independent at a state if both orders exist from that very state and end in the same state: measured, not
declared. Why this is enough is argued in docs/adr.
"""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.records import NR_INVARIANTS
from percpu_fuzz.strategies.explore.model import Model, broken_mask, is_over, label_of, may_step, ready_mask, take_step
from percpu_fuzz.strategies.explore.record import (
    DONE,
    ENDS_CROWDED,
    FUEL_OUT,
    NO_SLEEP,
    SLEEP_ALL,
    STATES_FULL,
    STUCK_BIT,
    TABLE_CROWDED,
    TOO_DEEP,
    UNDO_FULL,
    Stack,
)
from percpu_fuzz.strategies.explore.state_words import BLOCK, Space, note_changes, undo_to
from percpu_fuzz.strategies.explore.table import HashTable, crowded, is_free, look_ahead, put, row_of


@compiled
def take(model: Model, space: Space, sr: Any, t: int) -> None:
    """Task t's step; what it changed is logged."""
    label = label_of(model, t)
    take_step(model, t)
    note_changes(sr, space, label)


@compiled
def note_end(model: Model, ends: HashTable, sr: Any) -> None:
    """Keep the hash of a terminal state with what is broken there; a deadlock is marked."""
    row = row_of(ends, sr.high, sr.low)
    if is_free(ends, row):
        info = broken_mask(model)
        if not is_over(model):
            info |= 1 << STUCK_BIT
        put(ends, row, sr.high, sr.low, info)
        sr.ends += 1


@compiled
def independent_of(model: Model, space: Space, sr: Any, t: int, sleep: int) -> int:
    """Those tasks of `sleep` whose steps commute with t's step here; the state is left as it was."""
    if sleep == 0 or sr.use_sleep == SLEEP_ALL:
        return sleep
    mark, high, low = sr.nr_undo, sr.high, sr.low
    commute = 0
    for a in range(32):
        if sleep >> a & 1 and commutes(model, space, sr, a, t):
            commute |= 1 << a
        undo_to(sr, space, mark, high, low)
    return commute


@compiled
def commutes(model: Model, space: Space, sr: Any, a: int, b: int) -> bool:
    """Both enabled here: whether a b and b a both exist and end in the same state. The caller undoes."""
    mark, high, low = sr.nr_undo, sr.high, sr.low
    take(model, space, sr, a)
    sr.probes += 1
    if not may_step(model, b):
        return False
    take(model, space, sr, b)
    sr.probes += 1
    one_high, one_low = sr.high, sr.low
    undo_to(sr, space, mark, high, low)
    take(model, space, sr, b)
    sr.probes += 1
    if not may_step(model, a):
        return False
    take(model, space, sr, a)
    sr.probes += 1
    return bool(one_high == sr.high) and bool(one_low == sr.low)


@compiled
def enter(model: Model, stack: Stack, table: HashTable, ends: HashTable, sr: Any) -> None:
    """Decide what is to be explored from the state at hand, which has just been reached stack.asleep[depth]."""
    d = sr.depth
    stack.highs[d], stack.lows[d], stack.undo_mark[d] = sr.high, sr.low, sr.nr_undo
    sr.deepest = max(sr.deepest, d)
    ready = ready_mask(model)
    stack.todo[d] = ready & ~stack.asleep[d]
    if sr.use_hash == 0:
        sr.states += 1
    else:
        row = row_of(table, sr.high, sr.low)
        if is_free(table, row):
            sr.states += 1
            put(table, row, sr.high, sr.low, stack.asleep[d])
        elif sr.use_sleep == NO_SLEEP:  # everybody was explored from here, or is being
            stack.todo[d] = 0
        else:
            before = table.numbers[row]
            stack.todo[d] = before & ~stack.asleep[d]
            stack.asleep[d] &= before
            table.numbers[row] = stack.asleep[d]
    if ready == 0:
        note_end(model, ends, sr)


@compiled
def note_broken(model: Model, stack: Stack, paths: Any, sr: Any) -> None:
    """Keep the shortest path so far to each invariant that the last step broke."""
    d = sr.depth
    stack.broken[d] = broken_mask(model)
    new = stack.broken[d] & ~stack.broken[d - 1]
    if new == 0:
        return
    for i in range(NR_INVARIANTS):
        if new >> i & 1 and (sr.length[i] == 0 or d < sr.length[i]):
            sr.length[i] = d
            for k in range(d):
                paths[i, k] = stack.path[k]


@compiled
def lowest_bit(mask: int) -> int:
    """The place of the lowest bit set in a mask, which must not be 0."""
    t = 0
    while not mask >> t & 1:
        t += 1
    return t


@compiled
def no_room(space: Space, stack: Stack, table: HashTable, ends: HashTable, sr: Any) -> int:
    """Why another step cannot be taken now; FUEL_OUT if it can."""
    if sr.use_hash == 1 and crowded(table, sr.states):
        return TABLE_CROWDED
    if crowded(ends, sr.ends):
        return ENDS_CROWDED
    if sr.nr_undo + 2 * BLOCK * len(space.blocks) > len(space.undo_index):
        return UNDO_FULL
    if sr.states >= sr.most_states:
        return STATES_FULL
    if sr.depth + 1 >= len(stack.path):
        return TOO_DEEP
    return FUEL_OUT


@compiled
def go_back(space: Space, stack: Stack, sr: Any) -> None:
    """Return to the state before; the step that led here sleeps there from now on."""
    sr.depth -= 1
    d = sr.depth
    undo_to(sr, space, stack.undo_mark[d], stack.highs[d], stack.lows[d])
    if sr.use_sleep != NO_SLEEP:
        stack.asleep[d] |= 1 << stack.path[d]


@compiled_entry
def search_depth_first(
    model: Model, space: Space, stack: Stack, table: HashTable, ends: HashTable, paths: Any, records: Any, fuel: int
) -> int:
    """Go on for at most `fuel` steps; DONE, or why it stopped. Everything is in the arrays: call again to go on."""
    sr = records[0]
    if sr.begun == 0:
        sr.begun = 1
        enter(model, stack, table, ends, sr)
    while fuel > 0:
        d = sr.depth
        if stack.todo[d] == 0:
            if d == 0:
                return DONE
            go_back(space, stack, sr)
            continue
        reason = no_room(space, stack, table, ends, sr)
        if reason != FUEL_OUT:
            return reason
        fuel -= 1
        t = lowest_bit(stack.todo[d])
        stack.todo[d] &= ~(1 << t)
        stack.asleep[d + 1] = independent_of(model, space, sr, t, stack.asleep[d])
        stack.path[d] = t
        take(model, space, sr, t)
        look_ahead(table, sr.low)
        sr.transitions += 1
        sr.depth = d + 1
        note_broken(model, stack, paths, sr)
        enter(model, stack, table, ends, sr)
    return FUEL_OUT
