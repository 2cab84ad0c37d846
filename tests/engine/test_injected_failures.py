"""Injected failures of charges, of searches that must not block, and of pages by node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.program import Memcg, Op, Program, Task, prog_record, program_of
from percpu_fuzz.engine.scenario import Finding, Scenario, dump_finding, load_finding
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.run.replay import Run, run_scenario

TWO_NODES: Topology = preset("two-node")
ALWAYS, NEVER = (1,) * 8, (0,) * 8
ACCOUNT, NOBLOCK, HIGH, NORETRY, NOFAIL = 1, 2, 4, 8, 16


def run(gfp: int, failures: dict[str, tuple[int, ...]], variant: str = "v2", times: int = 1) -> Run:
    """A task that allocates and frees 64 accounted bytes, in turn."""
    ops = (Op("alloc", memcg=1, slot=0, size_bytes=64, align=8, gfp=ACCOUNT | gfp), Op("free", slot=0)) * times
    program = replace(Program((Task(cpu=0, memcg=1, ops=ops),), (Memcg(0),)), **failures)  # type: ignore[arg-type]
    return run_scenario(Scenario(TWO_NODES, program), VARIANTS[variant])


@pytest.mark.parametrize("variant", sorted(VARIANTS))
@pytest.mark.parametrize("gfp", [0, NOBLOCK, NORETRY])
def test_a_failed_charge_ends_the_allocation(gfp: int, variant: str) -> None:
    """Nothing is allocated and nothing stays charged."""
    failed = run(gfp, {"fail_charge": ALWAYS}, variant)
    assert (failed.state.nr_charge_fail, failed.state.nr_alloc, failed.state.memcg_usage[1]) == (1, 0, 0)
    assert failed.violations == ()
    assert run(gfp, {"fail_charge": NEVER}, variant).state.nr_charge_fail == 0


@pytest.mark.parametrize("gfp", [NOBLOCK | HIGH, NOFAIL])
def test_a_charge_that_may_not_fail_is_forced(gfp: int) -> None:
    """__GFP_HIGH and __GFP_NOFAIL charge past the injected failure."""
    forced = run(gfp, {"fail_charge": ALWAYS})
    assert (forced.state.nr_charge_fail, forced.violations) == (0, ())
    assert forced.state.nr_charged == (1 if gfp == NOFAIL else 0)  # an atomic search finds no populated page here


def test_no_space_fails_searches_that_must_not_block() -> None:
    """Every atomic search fails and is refunded (H13); those that may block are left alone."""
    for gfp, allocated in ((0, 3), (NOBLOCK, 0)):
        ran = run(gfp, {"fail_space": ALWAYS}, times=3)
        assert (ran.state.nr_alloc, ran.state.hazard[13], ran.violations) == (allocated, 3 - allocated, ())


def test_a_dry_node_fails_the_populate_half_way() -> None:
    """Pages that CPUs before it had taken go back, whichever node runs dry; a populate without one succeeds."""
    for node in (1, 2):
        ran = run(0, {"fail_node": (node,) * 8})
        assert (ran.state.nr_alloc, ran.state.hazard[13], ran.violations) == (0, 1, ())
        taken = sum(machine.pages for machine in TWO_NODES.nodes) - sum(ran.state.node_free[:2])
        assert taken == TWO_NODES.unit_pages * TWO_NODES.ext_size // 4  # the chunk's obj_exts and nothing else
        assert ran.state.dry_node == 0
    assert run(0, {"fail_node": NEVER}).state.nr_alloc == 1


def test_files_say_them_and_files_without_them_inject_none() -> None:
    """A scenario file keeps the rows; a row of zeros is left out, and so is equal to one of before they existed."""
    program = Program((Task(),), fail_charge=ALWAYS, fail_node=(0, 3, *NEVER[2:]))
    finding = Finding(Scenario(TWO_NODES, program), "v2", "I1")
    text = dump_finding(finding)
    assert load_finding(text, "here") == finding
    assert b"fail_space" not in text
    record = prog_record(program, "small", 1)[0]
    assert program_of(record) == replace(program, memcgs=program.memcgs)
    with pytest.raises(ScenarioError, match="eight entries of 0 or 1"):
        load_finding(text.replace(b'"fail_charge": [\n   1', b'"fail_charge": [\n   2'), "here")
