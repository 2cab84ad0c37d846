"""What a user can see of a case, and how two accountings differ in it: each difference worked out by hand before."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.run.behaviour import AFTER_FREE, AT_REST, CURRENT, GRANTED, KERNEL, OOM, REFUSED, STOPPED
from percpu_fuzz.strategies.run.differences import behaviour_differences, seen_of

TWO_NODES, EIGHT_NODES = preset("two-node"), preset("vm8")
OWN = 129
NR_ROW = 16  # slots that a program of class small has


def case(*ops: Op, machine: Topology = TWO_NODES, headroom: int = -1, user_pages: int = 0) -> Scenario:
    """One task in a cgroup that may grow by so many pages."""
    return Scenario(machine, Program((Task(0, 1, ops=ops),), (Memcg(0, headroom, user_pages),)))


def alloc(slot: int = 0, size_bytes: int = 8, gfp: int = OWN) -> Op:
    return Op("alloc", memcg=1, slot=slot, size_bytes=size_bytes, align=8, gfp=gfp)


def results(scenario: Scenario, variant: str) -> list[int]:
    """What became of task 0's operations."""
    seen = seen_of(scenario, VARIANTS[variant])[1]
    return [int(seen.results[0, i]) for i in range(len(scenario.program.tasks[0].ops))]


def found(scenario: Scenario, variant: str, base: str = "base") -> tuple[str, ...]:
    return behaviour_differences(scenario, VARIANTS[base], VARIANTS[variant])


@pytest.mark.parametrize(("machine", "nodes"), [(TWO_NODES, 2), (EIGHT_NODES, 8)])
def test_a_small_allocation_needs_a_page_more_than_there_are_nodes(machine: Topology, nodes: int) -> None:
    """8 bytes: base needs one page, v2 1 + N pages of headroom, whatever it uses of them."""
    for headroom in range(nodes + 3):
        scenario = case(alloc(), machine=machine, headroom=headroom)
        (base,), (v2,) = results(scenario, "base"), results(scenario, "v2")
        assert base & ~OOM == (GRANTED if headroom >= 1 else REFUSED)
        assert v2 & ~OOM == (GRANTED if headroom >= 1 + nodes else REFUSED)
        kinds = found(scenario, "v2")
        differs = kinds[:1] and kinds[0].startswith("the first allocation: succeeds | -ENOMEM")
        assert bool(differs) == (1 <= headroom < 1 + nodes)


def test_of_a_row_of_allocations_one_succeeds() -> None:
    """Headroom from 1 + N to 2N pages: v2 grants one of a row, base all of it from one page on; 2N + 1 pages do."""
    row = tuple(alloc(slot) for slot in range(NR_ROW))
    for headroom, granted in ((2, 0), (3, 1), (4, 1), (5, NR_ROW)):
        scenario = case(*row, headroom=headroom)
        assert [code & 7 for code in results(scenario, "v2")].count(GRANTED) == granted
        assert results(scenario, "base").count(GRANTED) == NR_ROW
    assert found(case(*row, headroom=3), "v2") == ("a further allocation: succeeds | -ENOMEM, OOM killer called",)


def test_above_eight_pages_nobody_calls_the_oom_killer() -> None:
    """8 nodes: v2 asks for 9 pages, so GFP_KERNEL gets -ENOMEM at once where base calls the OOM killer."""
    scenario = case(alloc(), machine=EIGHT_NODES, headroom=0)
    assert results(scenario, "base") == [REFUSED | OOM]
    assert results(scenario, "v2") == [REFUSED]
    assert found(scenario, "v2") == ("the first allocation: -ENOMEM, OOM killer called | -ENOMEM",)


def test_above_eight_pages_reclaim_is_given_up_though_it_makes_progress() -> None:
    """Usage 400 pages over the limit, all reclaimable: base goes on a page at a time, v2 ends after 16 retries."""
    lower = Op("set_max", memcg=1, value=16384 + 400)
    scenario = case(lower, alloc(), machine=EIGHT_NODES, user_pages=500)
    assert results(scenario, "base")[1] == GRANTED
    assert results(scenario, "v2")[1] == REFUSED


def test_metadata_pages_are_the_only_difference_between_6_and_7() -> None:
    """v2-exts against v2: more kernel pages where the obj_exts slice does not fit into the payload's last pages."""
    scenario = case(alloc(size_bytes=4096))
    kinds = found(scenario, "v2-exts", "v2")
    assert kinds
    assert all(kind.startswith(("memory.stat kernel", "memory.current", "memory.numa_stat")) for kind in kinds)


def test_a_variant_does_not_differ_from_itself() -> None:
    """Control: no kind for any variant against itself, in a case in which all of them do something."""
    scenario = case(alloc(), alloc(1, 4096), Op("free", slot=0), Op("rmdir", memcg=1), headroom=8)
    for variant in VARIANTS.values():
        assert behaviour_differences(scenario, variant, variant) == ()


def test_amounts_are_those_of_the_cgroup_at_the_three_looks() -> None:
    """v2, 8 bytes on two nodes: a page a node is kernel memory; a batch of 64 is charged until the stock is drained."""
    seen = seen_of(case(alloc()), VARIANTS["v2"])[1]
    assert seen.amounts[:, 1, KERNEL].tolist() == [2, 2, 0]
    assert seen.amounts[:, 1, CURRENT].tolist() == [64, 2, 0]
    assert seen.amounts[AT_REST, 1, CURRENT] > seen.amounts[AFTER_FREE, 1, CURRENT]


def test_a_kernel_that_stops_is_seen() -> None:
    """v1's short precharge makes a counter fall below zero: where base goes on, v1 warns and clamps."""
    scenario = case(alloc(size_bytes=2048), Op("drain", memcg=1), Op("free", slot=0), Op("drain", memcg=1))
    assert results(scenario, "v1")[3] == STOPPED
    assert found(scenario, "v1") == ("a further operation: goes on | the kernel stops",)


def test_barriers_keep_nobody_waiting() -> None:
    """A barrier of one task is passed over: the others need none."""
    tasks = (Task(0, 1, ops=(Op("barrier"), alloc())), Task(0, 1, ops=(alloc(1),)))
    scenario = Scenario(TWO_NODES, Program(tasks, (Memcg(0),)))
    seen = seen_of(scenario, VARIANTS["v2"])[1]
    assert (seen.results[0, 1], seen.results[1, 0]) == (GRANTED, GRANTED)
