"""An area that outlives its cgroup, on v2: a part of a page is charged in one objcg and given back in another.

With 6/9 every node of a cgroup has an objcg of its own, and an area stores one of them. A 4-byte area uses a part of a
page; the page is charged, and the rest of it, 4,092 bytes, goes into the per-CPU stock under the objcg of the cgroup's
own node. Then the cgroup is removed. Its objcgs are reparented: whoever asks one of them for its memcg now gets the
parent. The free hook starts at the stored objcg, asks for its memcg, and takes that memcg's objcg of the node: it gets
the parent's. So 4 bytes go into the stock under the parent's objcg, and the 4,092 stay under the dead one. Neither is
a whole page. When the last reference to the dead objcg is put, 4,092 bytes are left in it: I8, a released objcg leaves
no bytes short of a whole page. The kernel warns there; the page is never given back.

Nobody has to race for it: the order of rmdir and free is enough. Before the series (base), on the split without nodes
(split) and on the reference (fixed) the free meets the objcg that was charged, and the same case is clean.
"""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.program import Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario, Switch
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.reports.render.lanes import lanes_text
from percpu_fuzz.strategies.run.replay import run_scenario
from tests.support.plain_campaign import first_case

CASES = 120


MACHINE = Topology(
    name="smallest",
    nodes=(Node(id=0, pages=1048576, low_pages=64, min_pages=32),),
    cpus=(Cpu(id=0, node=0),),
    distances=((10,),),
)
OFFLINE_FIRST = (  # the task stands at its end while the cgroup goes offline; then it goes on to free
    Switch(0, "FINISHED", 0), Switch(2, "IDLE", 1), Switch(3, "IDLE", 1), Switch(4, "IDLE", 2), Switch(0, "", 0),
)  # fmt: skip


def outliving(size_bytes: int) -> Scenario:
    """alloc, rmdir of its cgroup, and what every case does at its end: free."""
    ops = (Op("alloc", memcg=1, size_bytes=size_bytes, align=8, gfp=1), Op("rmdir", memcg=1))
    return Scenario(MACHINE, Program((Task(ops=ops),)), OFFLINE_FIRST)


def test_a_short_campaign_finds_it() -> None:
    """Among the first cases of a hunting stream on two nodes is one that breaks I8, where an objcg is released."""
    found = first_case("v2", "I8", seed=1, cases=CASES)
    assert found is not None
    case, scenario, run = found
    broken = run.broken("I8")
    assert broken is not None
    assert broken.label == "RL_NODE"
    assert "rmdir" in {op.kind for task in scenario.program.tasks for op in task.ops}
    assert first_case("fixed", "I8", seed=1, cases=case + 1) is None


def test_the_case_in_two_operations_and_a_free() -> None:
    """On v2 the bytes that are left are those of the page that the area does not use."""
    broken = run_scenario(outliving(4), VARIANTS["v2"]).broken("I8")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("RL_NODE", 0, 4092)


@pytest.mark.parametrize("variant", ["base", "split", "fixed"])
def test_others_uphold_it(variant: str) -> None:
    """The control: the free of these meets the objcg that was charged."""
    assert run_scenario(outliving(4), VARIANTS[variant], lenient=True).violations == ()


def test_the_steps_tell_it() -> None:
    """The lanes show both stocks: 4,092 bytes under memcg1's objcg, then 4 under the parent's, then the release."""
    lines, _ = lanes(outliving(4), VARIANTS["v2"], until="I8")
    picture = "\n".join(lanes_text(lines))
    left, freed = picture.index("bytes objcg1.0: - -> 4092"), picture.index("bytes objcg0.0: - -> 4\n")
    assert left < freed < picture.index("I8 broken: expected 0, found 4092")
