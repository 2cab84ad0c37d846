"""Rules that one step keeps: what a step may not wait for, count, forget or look at twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from percpu_fuzz.engine.case.runnable import runnable
from percpu_fuzz.engine.checks.conservation import check_bytes, check_css, check_quiescent
from percpu_fuzz.engine.checks.invariants import check_touched
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.evidence import I4, I6, I9, I13
from percpu_fuzz.engine.core.labels import AL_AREA, AL_UNLOCK, AT_BARRIER, FR_UNLOCK, IDLE, RF_GET
from percpu_fuzz.engine.core.stages import CHUNK_DYNAMIC
from percpu_fuzz.engine.kernel.balance import chunk_to_populate
from percpu_fuzz.engine.kernel.charge_hook import rf_get
from percpu_fuzz.engine.kernel.chunks import move_chunk, sidelined_slot
from percpu_fuzz.engine.kernel.percpu_alloc import illegal_request
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.run.replay import plain_records, run_scenario

TWO_NODES = preset("two-node")
ALLOC = Op("alloc", memcg=1, slot=0, size_bytes=64, align=8, gfp=129)


def records(variant: str = "v2", machine: Any = TWO_NODES, *ops: Op) -> tuple[Any, Any, Any]:
    program = Program((Task(0, 1, ops=ops), Task(0, 1), Task(0, 1, irq=True)), (Memcg(0), Memcg(1)))
    return plain_records(Scenario(machine, program), VARIANTS[variant])


@pytest.mark.parametrize("align", [0, 1, 2, 3, 4])
def test_an_alignment_below_four_becomes_four(align: int) -> None:
    """pcpu_alloc raises it before it judges: 3 is no mistake, 12 is one."""
    topo, _, _ = records()
    assert not plain(illegal_request)(topo, 64, align)
    assert plain(illegal_request)(topo, 64, 12)
    run = run_scenario(Scenario(TWO_NODES, Program((Task(0, 1, ops=(replace(ALLOC, align=align),)),))), VARIANTS["v2"])
    assert (run.state.nr_alloc, run.state.nr_illegal) == (1, 0)


def test_dropping_the_mutex_does_not_wait_for_pcpu_lock() -> None:
    """Another CPU's free holds pcpu_lock: the end of an allocation goes on, a search waits."""
    topo, prog, state = records("v2", TWO_NODES, ALLOC)
    state.pcpu_lock = 2
    for label, may in ((AL_UNLOCK, True), (AL_AREA, False)):
        state.pc[0] = label
        assert plain(runnable)(topo, prog, state, 0) is may


@pytest.mark.parametrize(("start", "room", "empty"), [(0, 8192, 2), (1024, 7168, 1), (0, 6144, 1), (1024, 2048, 0)])
def test_pages_shared_with_static_bytes_are_not_empty(start: int, room: int, empty: int) -> None:
    """Of the first chunk's populated pages only those that lie wholly in its room count as empty, also after use."""
    machine = replace(TWO_NODES, first_start_bytes=start, first_room_bytes=room)
    _, _, state = records("v2", machine)
    assert (state.chunk_empty[0], state.nr_empty_pop) == (empty, empty)
    run = run_scenario(Scenario(machine, Program((Task(0, 1, ops=(ALLOC, Op("free", slot=0))),))), VARIANTS["v2"])
    assert run.state.chunk_empty[0] == empty


@pytest.mark.parametrize("variant", ["base", "v1"])
@pytest.mark.parametrize("cpu", [0, 1])
def test_the_one_objcg_is_that_of_the_cpu_at_the_look(variant: str, cpu: int) -> None:
    """Before the series one look at the CPU's node fills task->objcg; where the task runs later changes nothing."""
    topo, prog, state = records(variant, TWO_NODES, ALLOC)
    state.pc[0], state.task_update[0] = RF_GET, 2
    state.task_cpu[0] = cpu
    plain(rf_get)(topo, prog, state, 0)
    assert state.pc[0] != RF_GET
    node = topo.act_node[cpu]
    assert [state.task_objcg[0, n] >= 0 for n in (0, 1)] == [n == node for n in (0, 1)]


def test_a_limit_raised_above_the_usage_is_a_limit_again() -> None:
    """memory.max below the usage exempts from I13 until it is raised: an excess after that is a violation."""
    lower, higher = Op("set_max", memcg=1, value=16384 + 3), Op("set_max", memcg=1, value=5)
    program = Program((Task(0, 1, ops=(lower,)),), (Memcg(0, user_pages=8),))
    for ops, over in (((lower,), 1), ((lower, higher), 0)):
        tasks = (replace(program.tasks[0], ops=ops),)
        topo, prog, _ = plain_records(Scenario(TWO_NODES, program), VARIANTS["v2"])
        run = run_scenario(Scenario(TWO_NODES, replace(program, tasks=tasks)), VARIANTS["v2"])
        assert run.state.memcg_over[1] == over
        run.state.memcg_usage[1] = run.state.memcg_max[1] + 1
        run.state.memcg_state[1], run.state.phase = 1, 0
        plain(check_quiescent)(topo, prog, run.state, 0, AT_BARRIER)
        assert run.state.violated[I13] == 1 - over


def test_balance_populates_sidelined_chunks() -> None:
    """A chunk that reclaim sidelined is on the lists that balance work goes through, before the free ones."""
    topo, _, state = records()
    assert plain(chunk_to_populate)(topo, state) == -1
    state.chunk_state[2], state.chunk_isolated[2] = CHUNK_DYNAMIC, 1
    plain(move_chunk)(state, 2, plain(sidelined_slot)(topo), False)
    assert plain(chunk_to_populate)(topo, state) == 2


def test_an_entry_touched_under_another_s_lock_is_judged_later() -> None:
    """I6 cannot be looked at while a free holds pcpu_lock; when that free lets go, it is."""
    topo, prog, state = records()
    state.area_used[3], state.area_acct[3], state.nr_areas = 2, 1, 1  # accounted, without an entry
    state.dirty_area[0], state.dirty_area_n = 3, 1
    state.pcpu_lock = 2
    plain(check_touched)(topo, prog, state, 0, AL_UNLOCK)
    assert state.violated[I6] == 0
    state.pcpu_lock, state.dirty_area_n = 0, 0
    plain(check_touched)(topo, prog, state, 1, AL_UNLOCK)
    assert state.violated[I6] == 0
    plain(check_touched)(topo, prog, state, 1, FR_UNLOCK)
    assert state.violated[I6] == 1


@pytest.mark.parametrize("lost", [-1, 1])
def test_a_css_reference_too_few_or_too_many_shows_at_rest(lost: int) -> None:
    """I4: id, children and page slots hold a css; the state after a reset has exactly those."""
    topo, prog, state = records()
    plain(check_css)(topo, prog, state, 0, AT_BARRIER)
    assert state.violated[I4] == 0
    state.ps_memcg[0, 2] = 1
    state.memcg_ref[1] += 1 + lost
    plain(check_css)(topo, prog, state, 0, AT_BARRIER)
    assert state.violated[I4] == 1


@pytest.mark.parametrize(("variant", "alone"), [("base", 1), ("split", 1), ("fixed", 1), ("v1", 0), ("v2", 0)])
def test_each_objcg_is_judged_alone_where_bytes_go_back_to_it(variant: str, alone: int) -> None:
    """I9 after an inheritance: a page too many here and too few there is seen, unless the lookup moves bytes itself."""
    topo, prog, state = records(variant)
    first, second = topo.nr_nodes, topo.nr_nodes + 1
    state.memcg_heir[1] = 1
    state.objcg_pages[first], state.objcg_pages[second] = 1, -1
    plain(check_bytes)(topo, prog, state, 0, AT_BARRIER)
    assert state.violated[I9] == alone
    state.objcg_pages[second] = 0
    plain(check_bytes)(topo, prog, state, 0, AT_BARRIER)
    assert state.violated[I9] == 1


def test_a_barrier_does_not_wait_for_interrupts_that_have_not_come() -> None:
    """Tasks at a barrier go on although an interrupt source has operations left; one that runs is waited for."""
    topo, prog, state = records()
    state.pc[0] = state.pc[1] = AT_BARRIER
    assert plain(runnable)(topo, prog, state, 0)
    state.pc[2] = AL_AREA
    assert not plain(runnable)(topo, prog, state, 0)
    state.pc[2], state.pc[1] = IDLE, IDLE
    assert not plain(runnable)(topo, prog, state, 0)
