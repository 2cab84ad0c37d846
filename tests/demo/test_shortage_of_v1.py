"""The shortage of v1: an allocation that needs more pages than were charged for it.

The first version of the series charges a percpu allocation before its pages are there, and so has to guess how many
pages of which nodes it will lie on: the bytes of all CPUs, rounded up to pages, and charges that. But what is used is
counted by node, and each node rounds up for itself. 2,048 bytes on two CPUs are 4,096 bytes, one page; with the CPUs
on two nodes they lie on two pages, of which a half is used each. The post hook takes a second page from a charge of
one: I1, it never uses more pages than were precharged. Later on the same page is missed wherever it should have been:
the counter of the cgroup is one page short (I10), and goes below zero when everything is given back (I5).

The second version charges one page more for each node, which is enough. That costs what the reports call waste.
"""

from __future__ import annotations

from percpu_fuzz.engine.program import Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.reports.render.lanes import lanes_text
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.run.replay import run_scenario
from tests.support.plain_campaign import first_case

CASES = 60


def one_allocation(size_bytes: int) -> Scenario:
    """All there is to it: two nodes with a CPU each, one task, one charged allocation."""
    op = Op("alloc", memcg=1, size_bytes=size_bytes, align=8, gfp=1)
    return Scenario(preset("two-node"), Program((Task(ops=(op,)),)))


def test_a_short_campaign_finds_it() -> None:
    """Among the first cases of a hunting stream on two nodes is one that breaks I1, and others after it; on v2 none."""
    found = first_case("v1", "I1", seed=1, cases=CASES)
    assert found is not None
    case, _, run = found
    assert {"I1", "I2", "I10"} <= {violation.invariant for violation in run.violations}
    assert first_case("v2", "I1", seed=1, cases=case + 1) is None


def test_the_shrunk_case_and_its_neighbours() -> None:
    """One allocation is enough; a smaller share of the page for each node is what breaks it, not the size as such."""
    short = run_scenario(one_allocation(2048), VARIANTS["v1"]).broken("I1")
    assert short is not None
    assert (short.want, short.found) == (1, 2)
    machine = preset("two-node")
    cpus_by_node = {node.id: sum(cpu.node == node.id for cpu in machine.cpus) for node in machine.nodes}
    assert set(cpus_by_node.values()) == {1}
    for variant in ("v2", "fixed"):
        assert run_scenario(one_allocation(2048), VARIANTS[variant]).violations == ()


def test_the_steps_tell_it() -> None:
    """The lanes end with the second node's page, which the charge did not hold."""
    lines, _ = lanes(one_allocation(2048), VARIANTS["v1"], until="I1")
    picture = lanes_text(lines)
    assert picture[-1] == "  >>  I1 broken: expected 1, found 2"
    kmem = [line for line in picture if "kmem[" in line]
    assert [line.split("memcg1 ")[1] for line in kmem] == ["kmem[0]: 0 -> 1", "kmem[1]: 0 -> 1"]
