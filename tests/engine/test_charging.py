"""Who pays (I21), why a charge may fail (I22), what a released objcg (I23) and a dead CPU (I24) may not leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from percpu_fuzz.engine.core.labels import GFP_HIGH, GFP_NOBLOCK, NAMES
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.replay import Run, run_scenario

SEED = 3
TWO_NODES = preset("two-node")
PLANTED = {mutant.name: mutant.variant for mutant in catalogue()}
OWN, SCOPE = 129, 1  # gfp: the task's own cgroup, an active scope


def broken_in(variant: Variant, batches: int) -> Counter[str]:
    """Cases by invariant in so many batches of 1,000 of each stream."""
    run = Batches(make_plan(variant, SEED)).outcome
    found: Counter[str] = Counter()
    for stream in STREAMS:
        for k in range(batches):
            for signature, cases in run(stream, k).violations.items():
                found[signature.invariant] += cases
    return found


@pytest.mark.parametrize(
    ("name", "invariant"),
    [
        ("slip-uncharged", "I21"), ("slip-scope-up", "I21"), ("slip-moved", "I21"), ("slip-pointer", "I21"),
        ("slip-all-fail", "I22"), ("slip-dead-pages", "I24"),
    ],
)  # fmt: skip
def test_a_mistake_that_keeps_every_balance_is_seen(name: str, invariant: str) -> None:
    """Within 2,000 cases, and by this invariant alone: sums agree, references too."""
    assert set(broken_in(PLANTED[name], 1)) == {invariant}


def test_a_page_stock_that_evicts_must_give_the_pages_back() -> None:
    """Nine cgroups on a CPU do not fit into seven slots; an eviction that drops its pages shows in 2,000 cases."""
    assert {"I10", "I12"} <= set(broken_in(PLANTED["slip-evict"], 1))


@pytest.mark.parametrize("name", ["base", "split", "fixed"])
def test_variants_that_charge_rightly_break_nothing(name: str) -> None:
    """Control: 4,000 cases."""
    assert not broken_in(VARIANTS[name], 2)


def test_a_sibling_released_under_live_bytes_is_seen_without_a_lost_byte() -> None:
    """v2, an area of whole pages that outlives its cgroup: I23 breaks and I8 does not; base holds one objcg for all."""
    size = TWO_NODES.page_size
    ops = (Op("alloc", memcg=1, slot=0, size_bytes=size, align=8, gfp=SCOPE), Op("rmdir", memcg=1))
    scenario = Scenario(TWO_NODES, Program((Task(0, 0, ops=ops),), (Memcg(0),)))
    run = run_scenario(scenario, VARIANTS["v2"])
    assert {violation.invariant for violation in run.violations} == {"I23"}
    assert run.violations[0].found == size
    assert not run_scenario(scenario, VARIANTS["base"]).violations
    assert not run_scenario(scenario, VARIANTS["fixed"]).violations


def spoilt(variant: str, at: str, spoil: Callable[[Any], None], gfp: int = OWN) -> Run:
    """One allocation by a task in cgroup 2, below 1, whose state is spoilt after its step `at`."""
    ops = (Op("alloc", memcg=2, slot=0, size_bytes=64, align=8, gfp=gfp),)
    program = Program((Task(0, 2, ops=ops),), (Memcg(0), Memcg(1)))

    done: list[int] = []

    def watch(state: Any, task: int, label: int) -> None:
        if task == 0 and NAMES[label] == at and state.phase == 0 and not done:
            done.append(label)
            spoil(state)

    return run_scenario(Scenario(TWO_NODES, program), VARIANTS[variant], watch)


def pay_above(state: Any) -> None:
    """The entry names the parent's objcg of the same node."""
    state.area_entry[state.r_area[0]] -= 2


def pay_aside(state: Any) -> None:
    """The entry names the objcg of the other node."""
    state.area_entry[state.r_area[0]] ^= 1


def forget(state: Any) -> None:
    """There is no entry."""
    state.area_entry[state.r_area[0]] = -1


def pay_less(state: Any) -> None:
    """Four bytes of the first node are not charged."""
    state.l_bytes[state.r_area[0], 0] -= 4


def pay_elsewhere(state: Any) -> None:
    """Four bytes are charged to the other node."""
    state.l_bytes[state.r_area[0], 0] -= 4
    state.l_bytes[state.r_area[0], 1] += 4


def through_above(state: Any) -> None:
    """The second node's bytes went through the parent's objcg."""
    state.l_objcg[state.r_area[0], 1] = 1 * 2 + 1


@pytest.mark.parametrize("variant", ["v1", "v2", "v2-exts", "fixed"])
@pytest.mark.parametrize("spoil", [pay_above, pay_aside, forget, pay_less, pay_elsewhere, through_above])
@pytest.mark.parametrize("gfp", [OWN, SCOPE])
def test_each_part_of_a_charge_by_node_is_judged(variant: str, spoil: Callable[[Any], None], gfp: int) -> None:
    """To whom, how much, on which node and through which objcg: each alone breaks I21."""
    at = "PO_CREDIT_OBJCG" if variant == "v1" else "PO_REFUND"
    if variant == "v1" and spoil is pay_aside and gfp == OWN:
        assert spoilt(variant, at, spoil, gfp).broken("I21") is None  # one pointer, whichever node it was made for
        return
    assert spoilt(variant, at, spoil, gfp).broken("I21") is not None
    assert spoilt(variant, at, lambda state: None, gfp).broken("I21") is None


@pytest.mark.parametrize("variant", ["base", "split"])
@pytest.mark.parametrize("spoil", [pay_above, forget, pay_less])
def test_each_part_of_a_charge_in_one_piece_is_judged(variant: str, spoil: Callable[[Any], None]) -> None:
    """To whom and how much, where one objcg has all the bytes."""
    at = "PO_ACCUMULATE" if variant == "base" else "PO_REFUND"
    assert spoilt(variant, at, spoil).broken("I21") is not None
    assert spoilt(variant, at, lambda state: None).broken("I21") is None


def failing(gfp: int, max_pages: int = 0, **more: Any) -> Run:
    ops = (Op("alloc", memcg=1, slot=0, size_bytes=64, align=8, gfp=gfp),)
    return run_scenario(Scenario(TWO_NODES, Program((Task(0, 1, ops=ops),), (Memcg(0, max_pages),), **more)),
                        VARIANTS["v2"])  # fmt: skip


@pytest.mark.parametrize("gfp", [OWN, OWN | GFP_NOBLOCK])
def test_a_full_limit_and_an_injected_failure_are_causes(gfp: int) -> None:
    """Both fail and neither breaks I22."""
    for run in (failing(gfp), failing(gfp, -1, fail_charge=(1,) * 8)):
        assert run.state.nr_charge_fail == 1
        assert not run.violations


def test_a_failure_without_a_cause_breaks_i22() -> None:
    """The slip fails with room to spare; a failure although __GFP_HIGH forces it is no better for a full limit."""
    ops = (Op("alloc", memcg=1, slot=0, size_bytes=64, align=8, gfp=OWN | GFP_NOBLOCK | GFP_HIGH),)
    for limit in (0, -1):
        scenario = Scenario(TWO_NODES, Program((Task(0, 1, ops=ops),), (Memcg(0, limit),)))
        assert run_scenario(scenario, PLANTED["slip-all-fail"]).broken("I22") is not None
        assert run_scenario(scenario, VARIANTS["v2"]).broken("I22") is None


def test_what_comes_back_to_a_dead_cpu_is_seen_at_rest() -> None:
    """I24 is asked again wherever the program is at rest."""
    ops = (Op("cpu_dead", value=1), Op("nop"), Op("barrier"), Op("nop"))

    def watch(state: Any, task: int, label: int) -> None:
        if NAMES[label] == "OP_END" and state.cpu_online[1] == 0:
            state.ps_memcg[1, 3], state.memcg_ref[1] = 1, 2

    scenario = Scenario(TWO_NODES, Program((Task(0, 1, ops=ops),), (Memcg(0),)))
    broken = run_scenario(scenario, VARIANTS["fixed"], watch).broken("I24")
    assert broken is not None
    assert run_scenario(scenario, VARIANTS["fixed"]).broken("I24") is None
