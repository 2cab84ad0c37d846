"""An objcg that is NULL is seen at its use (I18), whatever the stock's lock says, and touches no other row."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.run.replay import Run, run_scenario

TWO_NODES: Topology = preset("two-node")
NO_ENTRY = next(mutant.variant for mutant in catalogue() if mutant.name == "slip-no-entry")
KMEM = Op("kmem", memcg=1, slot=0, size_bytes=64, align=8, gfp=1)


def freed_without_entry(trylock_fails: int) -> Run:
    """A slab object whose entry was never written, allocated and freed."""
    task = Task(cpu=0, memcg=1, ops=(KMEM, Op("free", slot=0)))
    program = Program((task,), (Memcg(0),), fail_trylock=(trylock_fails,) * 8)
    return run_scenario(Scenario(TWO_NODES, program), NO_ENTRY)


@pytest.mark.parametrize("trylock_fails", [0, 1])
def test_null_is_a_violation_with_and_without_the_lock(trylock_fails: int) -> None:
    """I18 at the refill; no objcg's row shows traffic that was not its own, and H25 is not passed."""
    run = freed_without_entry(trylock_fails)
    broken = run.broken("I18")
    assert broken is not None
    assert broken.label == "RO_LOCK"
    last = len(run.state.objcg_moved) - 1
    assert run.state.objcg_moved[last] == 0
    assert run.state.hazard[25] == 0
