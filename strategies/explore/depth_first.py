"""Depth-first search over all interleavings, with state hashes, sleep sets, both or neither.

Godefroid, "Partial-order methods for the verification of concurrent systems", LNCS 1032, 1996: sleep sets (figure 5.2)
and their union with a store of visited states (figure 5.3): a state keeps the sleep set that it was explored with; met
again with a smaller one, what was asleep then and is awake now is explored, and the intersection is kept. Two steps
count as independent at a state if both orders exist from that very state and end in the same state: measured, not
declared. Why this is enough is argued in docs/adr.
"""

from __future__ import annotations

from typing import Any

from engine.compiled import compiled, compiled_entry
from engine.records import NR_INVARIANTS
from strategies.explore.model import broken_mask, is_over, may_step, ready_mask, take_step
from strategies.explore.record import (
    DONE,
    ENDS_CROWDED,
    FUEL_OUT,
    STATES_FULL,
    STUCK_BIT,
    TABLE_CROWDED,
    TOO_DEEP,
    UNDO_FULL,
)
from strategies.explore.table import crowded, is_free, put, row_of
from strategies.explore.words import note_changes, undo_to


@compiled
def note_end(model: Any, ends: Any, sr: Any) -> None:
    """Keep the hash of a terminal state with what is broken there; a deadlock is marked."""
    row = row_of(ends, sr.high, sr.low)
    if is_free(ends, row):
        info = broken_mask(model)
        if not is_over(model):
            info |= 1 << STUCK_BIT
        put(ends, row, sr.high, sr.low, info)
        sr.ends += 1


@compiled
def independent_of(model: Any, space: Any, sr: Any, t: int, sleep: int) -> int:
    """Those tasks of `sleep` whose steps commute with t's step here; the state is left as it was."""
    if sleep == 0:
        return 0
    mark, high, low = sr.nr_undo, sr.high, sr.low
    commute = 0
    for a in range(32):
        if sleep >> a & 1 and commutes(model, space, sr, a, t):
            commute |= 1 << a
        undo_to(sr, space, mark, high, low)
    return commute


@compiled
def commutes(model: Any, space: Any, sr: Any, a: int, b: int) -> bool:
    """Both enabled here: whether a b and b a both exist and end in the same state. The caller undoes."""
    mark, high, low = sr.nr_undo, sr.high, sr.low
    take_step(model, a)
    note_changes(sr, space)
    sr.probes += 1
    if not may_step(model, b):
        return False
    take_step(model, b)
    note_changes(sr, space)
    sr.probes += 1
    one_high, one_low = sr.high, sr.low
    undo_to(sr, space, mark, high, low)
    take_step(model, b)
    note_changes(sr, space)
    sr.probes += 1
    if not may_step(model, a):
        return False
    take_step(model, a)
    note_changes(sr, space)
    sr.probes += 1
    return one_high == sr.high and one_low == sr.low


@compiled
def enter(model: Any, stack: Any, table: Any, ends: Any, sr: Any) -> None:
    """Decide what is to be explored from the state at hand, which has just been reached asleep[depth]."""
    path, todo, asleep, undo_mark, highs, lows, broken = stack
    d = sr.depth
    highs[d], lows[d], undo_mark[d] = sr.high, sr.low, sr.nr_undo
    sr.deepest = max(sr.deepest, d)
    ready = ready_mask(model)
    todo[d] = ready & ~asleep[d]
    if sr.use_hash == 0:
        sr.states += 1
    else:
        row = row_of(table, sr.high, sr.low)
        if is_free(table, row):
            sr.states += 1
            put(table, row, sr.high, sr.low, asleep[d])
        else:
            sr.revisits += 1
            before = table[2][row]
            todo[d] = before & ~asleep[d]
            asleep[d] &= before
            table[2][row] = asleep[d]
    if ready == 0:
        note_end(model, ends, sr)


@compiled
def note_broken(model: Any, stack: Any, paths: Any, sr: Any) -> None:
    """Keep the shortest path so far to each invariant that the last step broke."""
    path, todo, asleep, undo_mark, highs, lows, broken = stack
    d = sr.depth
    broken[d] = broken_mask(model)
    new = broken[d] & ~broken[d - 1]
    if new == 0:
        return
    for i in range(NR_INVARIANTS):
        if new >> i & 1 and (sr.length[i] == 0 or d < sr.length[i]):
            sr.length[i] = d
            for k in range(d):
                paths[i, k] = path[k]


@compiled
def lowest_bit(mask: int) -> int:
    t = 0
    while not mask >> t & 1:
        t += 1
    return t


@compiled
def no_room(space: Any, stack: Any, table: Any, ends: Any, sr: Any) -> int:
    """Why another step cannot be taken now; FUEL_OUT if it can."""
    if sr.use_hash == 1 and crowded(table, sr.states):
        return TABLE_CROWDED
    if crowded(ends, sr.ends):
        return ENDS_CROWDED
    if sr.nr_undo + 2 * len(space[1]) > len(space[4]):
        return UNDO_FULL
    if sr.states >= sr.most_states:
        return STATES_FULL
    if sr.depth + 1 >= len(stack[0]):
        return TOO_DEEP
    return FUEL_OUT


@compiled
def go_back(space: Any, stack: Any, sr: Any) -> None:
    """Return to the state before; the step that led here sleeps there from now on."""
    path, todo, asleep, undo_mark, highs, lows, broken = stack
    sr.depth -= 1
    d = sr.depth
    undo_to(sr, space, undo_mark[d], highs[d], lows[d])
    if sr.use_sleep == 1:
        asleep[d] |= 1 << path[d]


@compiled_entry
def search_depth_first(
    model: Any, space: Any, stack: Any, table: Any, ends: Any, paths: Any, records: Any, fuel: int
) -> int:
    """Go on for at most `fuel` steps; DONE, or why it stopped. Everything is in the arrays: call again to go on."""
    sr = records[0]
    path, todo, asleep, undo_mark, highs, lows, broken = stack
    if sr.begun == 0:
        sr.begun = 1
        enter(model, stack, table, ends, sr)
    while fuel > 0:
        d = sr.depth
        if todo[d] == 0:
            if d == 0:
                return DONE
            go_back(space, stack, sr)
            continue
        reason = no_room(space, stack, table, ends, sr)
        if reason != FUEL_OUT:
            return reason
        fuel -= 1
        t = lowest_bit(todo[d])
        todo[d] &= ~(1 << t)
        asleep[d + 1] = independent_of(model, space, sr, t, asleep[d])
        path[d] = t
        take_step(model, t)
        note_changes(sr, space)
        sr.transitions += 1
        sr.depth = d + 1
        note_broken(model, stack, paths, sr)
        enter(model, stack, table, ends, sr)
    return FUEL_OUT
