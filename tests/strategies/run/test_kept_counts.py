"""What is kept or summed in one pass against what it stands for, counted anew, after each step of random cases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from equality import PlainSide

from percpu_fuzz.engine.case.teardown import all_settled, nothing_queued
from percpu_fuzz.engine.checks.conservation import check_bytes, check_counters, check_css, surplus
from percpu_fuzz.engine.checks.invariants import count_entries, count_holders
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.evidence import count_pointers
from percpu_fuzz.engine.core.hooks import ask_everybody
from percpu_fuzz.engine.core.labels import AT_BARRIER, FINISHED, IDLE
from percpu_fuzz.engine.core.stages import MEMCG_ABSENT, MEMCG_OFFLINE
from percpu_fuzz.engine.kernel.charge_hook import stat_bytes
from percpu_fuzz.engine.kernel.drain import below
from percpu_fuzz.engine.kernel.precharge import full_size
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.variant import JUDGE_EXACT
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.recipe import make_plan

is_below = plain(below)


def states(variant: str, cases: int = 12) -> Iterator[tuple[Any, Any, Any]]:
    """Machine, program and state after each step of so many random cases of both streams."""
    plan = make_plan(variant, 31)
    for k in range(cases):
        yield from states_of(plan.batch_of(STREAMS[k % 2], k))


def states_of(batch: Batch) -> Iterator[tuple[Any, Any, Any]]:
    """The same of a batch's first case, on a small machine."""
    if batch.size_class != "small":
        return
    side = PlainSide(batch)
    for _ in side.steps():
        yield side.topo, side.prog, side.state


@pytest.mark.parametrize("variant", ["fixed", "v2", "base"])
def test_pointers_of_tasks_are_as_many_as_are_kept(variant: str) -> None:
    """task->objcgs: how many entries and whose, after each step; there are steps with none, with some, with all."""
    seen = set()
    for topo, prog, state in states(variant):
        for t in range(prog.nr_tasks):
            kept = state.x_held[t], state.x_memcg[t]
            plain(count_pointers)(topo, state, t)
            assert kept == (state.x_held[t], state.x_memcg[t])
            seen.add(min(kept[0], 1) if kept[0] < topo.nr_nodes else 2)
    assert {0, 2} <= seen


def test_pointers_of_several_memcgs_are_counted_anew() -> None:
    """Entries of two memcgs make -1, and every holder is found nevertheless; one memcg's make their number again."""
    topo, prog, state = next(states("fixed", 1))
    topo.nr_nodes, prog.nr_tasks = 2, 1
    state.task_objcg[0, 0], state.task_objcg[0, 1] = 2, 5
    plain(count_pointers)(topo, state, 0)
    assert (state.x_held[0], state.x_memcg[0]) == (-1, 0)
    one, other = (plain(count_holders)(topo, prog, state, row) for row in (2, 4))
    state.task_objcg[0, 0] = 4
    plain(count_pointers)(topo, state, 0)
    assert (state.x_held[0], state.x_memcg[0]) == (2, 2)
    assert plain(count_holders)(topo, prog, state, 2) == one - 1
    assert plain(count_holders)(topo, prog, state, 4) == other + 1


def test_holders_are_found_without_what_is_kept() -> None:
    """Where a file brings steps of its own, entries are gone through: the same holders after each step."""
    twin: Any = plain(count_holders)
    counting = type(twin)(twin.__code__, {**twin.__globals__, "ready_follows": plain(ask_everybody)})
    most = 0
    for topo, prog, state in states("fixed", 6):
        for row in range(0, state.memcg_rows * topo.nr_nodes, topo.nr_nodes):
            assert twin(topo, prog, state, row) == counting(topo, prog, state, row)
            most = max(most, twin(topo, prog, state, row))
    assert most > 4


def test_entries_are_counted_area_by_area() -> None:
    """Accounted areas by the objcg that their entry names: eight rows at a time is as one at a time."""
    most = 0
    for topo, _, state in states("v2", 6):
        for first in range(0, state.memcg_rows * topo.nr_nodes, topo.nr_nodes):
            end = first + topo.nr_nodes
            used = [r for r in range(len(state.area_used)) if state.area_used[r] != 0 and state.area_acct[r] == 1]
            named = sum(first <= state.area_entry[r] < end for r in used)
            assert plain(count_entries)(state, first, end) == named
            most = max(most, named)
    assert most > 1


def test_settled_is_every_task_at_its_end_and_nothing_queued() -> None:
    """Tasks of the program are finished and workers idle, one by one; it holds after some steps and not after most."""
    found = set()
    for _, prog, state in states("v2", 6):
        ends = [state.pc[t] == (FINISHED if t < prog.nr_tasks else IDLE) for t in range(state.nr_all)]
        queued = any(state.ps_queued) or any(state.os_queued) or state.balance_queued == 1
        queued = queued or state.off_head != state.off_tail or state.rcu_head != state.rcu_tail
        assert plain(nothing_queued)(state) == (not queued)
        assert plain(all_settled)(prog, state) == (all(ends) and not queued)
        found.add(all(ends) and not queued)
    assert found == {True, False}


def pages_below(topo: Any, state: Any, x: int) -> int:
    """Pages charged to x and below: of users, through objcgs, in page stocks."""
    rows = range(1, state.memcg_rows)
    users = sum(state.memcg_user[m] for m in rows if is_below(state, m, x))
    objcgs = [m * topo.nr_nodes + n for m in rows if state.memcg_state[m] != MEMCG_ABSENT for n in range(topo.nr_nodes)]
    kmem = sum(state.objcg_pages[o] for o in objcgs if is_below(state, state.objcg_memcg[o], x))
    slots = [(a, i) for a in range(topo.nr_act) for i in range(7) if state.ps_memcg[a, i] > 0]
    return int(users + kmem + sum(state.ps_pages[at] for at in slots if is_below(state, state.ps_memcg[at], x)))


def bytes_below(topo: Any, prog: Any, state: Any, x: int) -> int:
    """Bytes of accounted areas of x and below."""
    total = 0
    for r in range(len(state.area_used)):
        if state.area_used[r] == 2 and state.area_chunk[r] >= 0 and state.area_acct[r] == 1:
            if is_below(state, state.objcg_memcg[state.area_entry[r]], x):
                exact = prog.v_judge & JUDGE_EXACT
                size = state.area_bytes[r]
                total += plain(full_size)(topo, size) if exact else plain(stat_bytes)(topo, prog, size)
    return total


@pytest.mark.parametrize("variant", ["fixed", "v2", "v1", "base"])
def test_sums_by_memcg_are_those_of_each_alone(variant: str) -> None:
    """After each step: what is missing and lost (I9), pages (I10), bytes (I11), css holders (I4), memcg by memcg."""
    most = [0, 0, 0]
    for topo, prog, state in states(variant, 8):
        there = [m for m in range(state.memcg_rows) if state.memcg_state[m] != MEMCG_ABSENT]
        plain(check_bytes)(topo, prog, state, 0, AT_BARRIER)
        for m in there:
            own = [o * topo.nr_nodes + n for o in there for n in range(topo.nr_nodes)]
            own = [o for o in own if state.objcg_memcg[o] == m]
            missing = [plain(surplus)(topo, state, o) for o in own]
            assert state.x_found[m] == sum(missing)
            assert state.x_first[m] == next((amount for amount in missing if amount), 0)
            assert state.x_want[m] == sum(state.objcg_lost[o] for o in own)
        plain(check_counters)(topo, prog, state, 0, AT_BARRIER)
        for x in there[1:]:
            stat = sum(state.memcg_percpu[m] for m in range(state.memcg_rows) if is_below(state, m, x))
            wanted = pages_below(topo, state, x), bytes_below(topo, prog, state, x), stat
            assert (state.x_want[x], state.x_first[x], state.x_found[x]) == wanted
            most = [max(old, new) for old, new in zip(most, wanted, strict=True)]
        plain(check_css)(topo, prog, state, 0, AT_BARRIER)
        for m in there:
            holders = 1 if state.memcg_state[m] < MEMCG_OFFLINE else 0
            holders += sum(state.ps_memcg[a, i] == m for a in range(topo.nr_act) for i in range(7))
            children = [c for c in range(1, state.memcg_rows) if state.memcg_parent[c] == m]
            assert state.x_want[m] == holders + sum(state.objcg_orig[c * topo.nr_nodes] for c in children)
    assert min(most) > 0
