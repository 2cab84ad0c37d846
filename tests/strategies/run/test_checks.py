"""Looking at the rows that a step touched finds what looking at all rows finds, at the same step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from equality import PlainSide

from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.checks.conservation import lay_area
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import machinery_of, run_batch
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.cases import Machinery
from percpu_fuzz.strategies.run.replay import violations_of
from percpu_fuzz.strategies.run.tally import new_rows
from percpu_fuzz.strategies.run.walk import CHECK_ALL, CHECK_NONE, CHECK_TOUCHED, checked_step
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took

SEED = 4_3
FIXED = VARIANTS["fixed"]
BREAKING = (  # one at least for each invariant that is judged by the rows that a step touched
    "inherited", "no-put", "slip-depopulate", "slip-duplicate", "slip-fat-slot", "slip-garbage", "slip-no-entry",
    "slip-orig", "slip-put", "slip-task-put",
)  # fmt: skip
CHECKED = [
    VARIANTS["v1"],
    VARIANTS["v2"],
    FIXED,
    replace(FIXED, name="no-get", get=1),
    replace(FIXED, name="no-put-on-eviction", evict=1),
    replace(FIXED, name="entry-not-cleared", entry=1),
    replace(FIXED, name="stock-cut-at-64", cap=1),
    *(mutant.variant for mutant in catalogue() if mutant.name in BREAKING),
]


def small_plan(variant: Variant) -> Any:
    plan = make_plan(variant, SEED)
    return replace(plan, families=tuple(f for f in families() if f.name in ("small-random", "two-node", "one-node")))


def walked(batch: Batch, checks: tuple[int, ...]) -> list[Any]:
    """The case walked once for each way to check, all by the first one's choices; the states at the end."""
    side = PlainSide(batch)
    topo: Any = side.topo
    prog: Any = side.prog
    rng: Any = side.rng
    states: list[Any] = [PlainRecord(side.state.to_array()[0]) for _ in checks]
    next_task, take_step, note, over = plain(choose), plain(checked_step), plain(took), plain(case_over)
    plain(begin)(side.sched, states[0], rng)
    while not over(states[0]):
        task = next_task(side.sched, topo, prog, states[0], rng)
        if task < 0:
            break
        note(side.sched, task, states[0].pc[task])
        for state, check in zip(states, checks, strict=True):
            take_step(topo, prog, state, task, check)
            found = [(v.invariant, v.step, v.task, v.label) for v in violations_of(state)]
            state.found_ = found
        if len(states) > 1:
            assert states[0].found_ == states[1].found_, (batch.k, states[0].nr_steps)
    return states


def broken(batch: Batch, machinery: Machinery, checks: int) -> list[tuple[str, ...]]:
    """What the first case of a batch breaks, compiled: invariant, step, task and label of each.

    A state keeps where an invariant broke first, so its end tells what it told after every step.
    """
    run_batch(replace(batch, cases=1), machinery, new_rows(1), checks)
    state = machinery.states[0]
    return [
        (INVARIANT_NAMES[i], *(str(state[name][i]) for name in ("viol_step", "viol_task", "viol_label")))
        for i in np.flatnonzero(state["violated"])
    ]


@pytest.mark.parametrize("variant", CHECKED, ids=lambda v: v.name)
def test_touched_rows_show_what_all_rows_show(variant: Variant) -> None:
    """In 200 random cases: the same invariants, broken at the same step of the same task. In plain mode, where looking
    at all rows takes nearly all the time, after every step of ten of them.
    """
    plan = small_plan(variant)
    machinery = machinery_of(plan.batch_of(STREAMS[0], 0))
    for k in range(200):
        batch = plan.batch_of(STREAMS[k % 2], k)
        assert broken(batch, machinery, CHECK_TOUCHED) == broken(batch, machinery, CHECK_ALL), k
    for k in range(30, 40):
        walked(plan.batch_of(STREAMS[k % 2], k), (CHECK_TOUCHED, CHECK_ALL))


def test_the_comparison_has_something_to_compare() -> None:
    """Control: the broken variants do break I4, I6 or I20 between quiescent points, which no checks at all miss; plain
    mode finds what compiled mode does.
    """
    seen: Counter[str] = Counter()
    missed = 0
    for variant in CHECKED[3:]:
        plan = small_plan(variant)
        machinery = machinery_of(plan.batch_of(STREAMS[0], 0))
        for k in range(40):
            batch = plan.batch_of(STREAMS[k % 2], k)
            names, unchecked = ({row[0] for row in broken(batch, machinery, c)} for c in (CHECK_TOUCHED, CHECK_NONE))
            seen.update(names)
            missed += len(names & {"I4", "I6", "I20"} - unchecked)
            if names and k < 10:
                (checked,) = walked(batch, (CHECK_TOUCHED,))
                assert names == {v.invariant for v in violations_of(checked)}
    assert {"I4", "I6", "I20"} <= set(seen)
    assert missed > 0


def test_where_bytes_lie_is_summed_as_node_by_node() -> None:
    """In thirty cases, bytes by node of each area as it becomes live, with and without its obj_exts slice."""
    plan, areas = small_plan(VARIANTS["fixed"]), 0
    for k in range(30):
        side = PlainSide(plan.batch_of("hunting", k))
        topo: Any = side.topo
        state: Any = side.state
        for _ in side.steps():
            for r in set(state.dirty_area[: state.dirty_area_n]):
                if state.area_used[r] != 2 or state.area_chunk[r] < 0:
                    continue
                areas += 1
                for with_exts in (False, True):
                    plain(lay_area)(topo, state, r, with_exts)
                    assert state.x_bytes[: topo.nr_nodes] == byte_by_byte(topo, state, r, with_exts)
                    for n in range(topo.nr_nodes):
                        state.x_bytes[n] = 0
    assert areas > 60


def byte_by_byte(topo: Any, state: Any, r: int, with_exts: bool) -> list[int]:
    """Bytes of an area by node, each granule of 4 looked up for itself: on every CPU, and in its obj_exts slice."""
    c, off, size_bytes = state.area_chunk[r], state.area_off[r], state.area_bytes[r]
    found = [0] * topo.nr_nodes
    for byte in range(off, off + size_bytes, 4):
        for cpu in range(topo.nr_cpus):
            found[state.page_node[c, cpu, byte // topo.page_size]] += 4
    first = off // 4 * topo.ext_size
    for byte in range(first, first + size_bytes // 4 * topo.ext_size, 4) if with_exts else ():
        found[state.ext_node[c, byte // topo.page_size]] += 4
    return found
