"""Cases that people told with numbers, each computed here: what the series costs them, and what a number gives away.

Thirty-two nodes. A POWER partition shows 32 possible nodes, of which one has memory; its pages are 64 KiB. For 4 bytes
the second version of the series asks for a page of the bytes and one for each possible node.

Six pages. A cgroup stands six pages below its limit and is charged from softirq, which cannot reclaim. A 4-byte
allocation fits before the series. With v2 it fails as soon as the page and the N nodes are more than six.

A dump of chunks. /sys/kernel/debug/percpu_stats of a POWER9 guest with thousands of cgroups, of which ten of eleven
have been removed: every cgroup has areas of 156, 312 and twice 1,072 bytes, and the free bytes of a chunk tell how many
cgroups are still in it.

The selftest's rows. memory.stat percpu of a thousand child cgroups on machines of 8, 3 and 4 CPUs.

An uninitialised slot. Reports of an underflow of a page counter: -188, and -191 on another machine. Both come from one
line that is missing.

32 KiB. The largest percpu allocation, and one that is 24 bytes larger.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from places import DATA

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, GFP_NOBLOCK
from percpu_fuzz.engine.core.planted import SLIPS
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.draw.topologies import even, preset
from percpu_fuzz.strategies.fidelity.allocator import Allocator
from percpu_fuzz.strategies.machines.percpu_stats import parse_percpu_stats
from percpu_fuzz.strategies.run.replay import Run, run_scenario

MIB = 1 << 20
COSTLY_PAGES = 1 << 3  # PAGE_ALLOC_COSTLY_ORDER: above it, a charge neither kills nor retries on progress
ALLOC = Op("alloc", memcg=1, size_bytes=4, align=4, gfp=GFP_ACCOUNT)


def alone(topology: Topology, variant: Variant, *ops: Op, max_pages: int = -1, cpu: int = 0) -> Run:
    """One task that runs `ops` for cgroup 1, with nobody else on the machine."""
    memcg = Memcg(0) if max_pages < 0 else Memcg(0, max_pages=max_pages)
    return run_scenario(Scenario(topology, Program((Task(cpu=cpu, memcg=1, ops=ops),), (memcg,))), variant)


def charged(topology: Topology, variant: str, pages: int) -> bool:
    """Whether 4 bytes are charged to a cgroup so many pages below its limit, of GFP_NOWAIT on a page that is there."""
    rose = []

    def watch(state: object, _task: int, _label: int) -> None:
        if state.memcg_percpu[1] > 0:  # type: ignore[attr-defined]
            rose.append(True)

    ops = (replace(ALLOC, gfp=0), replace(ALLOC, slot=1, gfp=GFP_ACCOUNT | GFP_NOBLOCK))
    program = Program((Task(memcg=1, ops=ops),), (Memcg(0, max_pages=pages),))
    run_scenario(Scenario(topology, program), VARIANTS[variant], watch)
    return bool(rose)


def test_32_possible_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    """33 pages of 64 KiB for 4 bytes, above the 8 pages up to which the kernel tries hard; before the series, one."""
    machine = preset("power-lpar32")
    assert [node.id for node in machine.nodes if node.online] == [0, 2]
    assert sum(node.has_memory for node in machine.nodes) == 1
    pages = 1 + len(machine.nodes)
    assert [charged(machine, "v2", pages - 1), charged(machine, "v2", pages)] == [False, True]
    assert f"{pages * machine.page_size / MIB:.2f}" == "2.06"
    assert charged(machine, "base", 1)
    assert pages > COSTLY_PAGES
    assert call(["topology", "show", "power-lpar32"]) == 0
    assert capsys.readouterr().out.count('"online":true') == 2 + 32


def test_a_possible_node_costs_every_cgroup() -> None:
    """521,600 kB with 32 possible nodes against 212,416 kB with 2, a hundred cgroups each: 103 kB a node and cgroup."""
    assert round((521_600 - 212_416) / (32 - 2) / 100) == 103


def test_six_pages_of_headroom() -> None:
    """24 kB below the limit: it fits before the series on any machine, and with v2 on fewer than 6 possible nodes."""
    headroom = (7_812_500 - 7_812_476) * 1024 // 4096
    assert headroom == 6
    fitting = {variant: [n for n in range(1, 9) if charged(even(f"n{n}", n, 8), variant, headroom)] for variant in
               ("base", "v2")}  # fmt: skip
    assert fitting["base"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert fitting["v2"] == [n for n in range(1, 9) if 1 + n <= headroom] == [1, 2, 3, 4, 5]


UNIT_BYTES, AREAS, CGROUPS = 655_360, (156, 312, 1072, 1072), 11_001


def filled(cgroups: int) -> tuple[Allocator, list[list[tuple[str, int]]]]:
    """Chunks of the guest with the areas of so many cgroups, and where those of each lie."""
    allocator, places = Allocator(UNIT_BYTES // 65536, 65536), []
    for _ in range(cgroups):
        mine = []
        for size in AREAS:
            chosen = allocator.choose(size, 4, atomic=False)
            if chosen is None:
                allocator.add(f"chunk {len(allocator.chunks)}")
                chosen = allocator.choose(size, 4, atomic=False)
            assert chosen is not None
            chunk, at = chosen
            allocator.take(chunk, at, size // 4)
            mine.append((chunk.base, at))
        places.append(mine)
    return allocator, places


def test_the_chunks_of_a_power9_guest(capsys: pytest.CaptureFixture[str]) -> None:
    """2,612 bytes a cgroup: 250.9 of them a chunk, 44 chunks; and the free bytes of a chunk of so many areas."""
    assert call(["topology", "chunks", str(DATA / "machines" / "percpu_stats.txt")]) == 0
    printed = capsys.readouterr().out
    dump = parse_percpu_stats((DATA / "machines" / "percpu_stats.txt").read_text(), "dump")
    assert dump.unit_bytes == UNIT_BYTES
    assert (sum(AREAS), round(UNIT_BYTES / sum(AREAS), 1)) == (2612, 250.9)
    assert round(CGROUPS * sum(AREAS) / UNIT_BYTES, 1) == 43.8
    allocator, _ = filled(CGROUPS)
    assert len(allocator.chunks) == 44
    for areas in (92, 72, 12, 4):
        one, places = filled(areas // len(AREAS))
        (chunk,) = one.chunks.values()
        assert sum(map(len, places)) == areas
        free = chunk.free * 4
        assert free == UNIT_BYTES - areas // len(AREAS) * sum(AREAS)
        assert free in [c.free_bytes for c in dump.chunks if c.nr_alloc == areas]
        assert f"{areas:9,} {free:12,}" in printed


@pytest.mark.parametrize(("cpus", "size_bytes", "percpu"), [(8, 1528, 15_280_000), (3, 1688, 8_440_000),
                                                            (4, 2016, 12_096_000)])  # fmt: skip
def test_the_rows_of_the_selftest(cpus: int, size_bytes: int, percpu: int) -> None:
    """A thousand children's row is a thousand times size x (CPUs + 2): the metadata counts as two CPUs more."""
    most = []

    def watch(state: object, _task: int, _label: int) -> None:
        most.append(state.memcg_percpu[1])  # type: ignore[attr-defined]

    op = replace(ALLOC, size_bytes=size_bytes)
    program = Program((Task(memcg=1, ops=(op,)),), (Memcg(0),))
    run_scenario(Scenario(even("selftest", 1, cpus), program), VARIANTS["base"], watch)
    assert 1000 * max(most) == percpu == 1000 * size_bytes * (cpus + 2)


@pytest.mark.parametrize(("cpu", "garbage"), [(0, 252), (1, 255)])
def test_an_uninitialised_slot(cpu: int, garbage: int) -> None:
    """One batch of 64 pages is charged; draining what a byte of garbage says is there takes 64 - nr_pages.

    The number that is reported says what the byte was. I4 has it at the charge, long before the counter falls.
    """
    wrong = replace(VARIANTS["fixed"], name="garbage", slip=SLIPS["garbage"][0])
    ops = (Op("charge_user", memcg=1, value=1, gfp=GFP_ACCOUNT), Op("drain", memcg=1))
    run = alone(preset("two-node"), wrong, *ops, cpu=cpu)
    first, usage, underflow = run.broken("I4"), run.broken("I10"), run.broken("I5")
    assert first is not None
    assert usage is not None
    assert underflow is not None
    assert (first.want, first.found) == (64, garbage)
    assert usage.found == 64
    assert underflow.found == usage.found - garbage == {252: -188, 255: -191}[garbage]
    assert alone(preset("two-node"), VARIANTS["fixed"], *ops, cpu=cpu).violations == ()


@pytest.mark.parametrize(("size_bytes", "taken"), [(32_768, True), (32_792, False)])
def test_32_kib(size_bytes: int, taken: bool) -> None:
    """The larger one is refused before anything is charged: no step of the charge is ever taken."""
    op = replace(ALLOC, size_bytes=size_bytes, align=8)
    labels = {step.label for step in alone(preset("one-node"), VARIANTS["v2"], op).steps}
    assert preset("one-node").min_unit_size_bytes == 32_768
    assert any(label.startswith("TC_") for label in labels) is taken
