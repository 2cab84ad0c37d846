"""Small machines and one-task programs for tests, the steps of a replay by operation, and areas drawn by Hypothesis.

Areas shrink towards four bytes at offset 0 on the first node with memory.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, NAMES, OP_END
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.choices import KINDS
from percpu_fuzz.strategies.run.replay import Run, Watch, run_scenario

LARGEST_BYTES = 32768  # of an area that every machine can hold
USUAL_SIZES = tuple(sorted(size for size in KINDS["size"].values if 4 <= size <= LARGEST_BYTES))


def machine(nodes_of_cpus: list[int], nr_nodes: int, **more: Any) -> Topology:
    """nr_nodes equal nodes with plenty of memory, all 20 apart, and one CPU for each listed node."""
    rows = tuple(tuple(10 if i == j else 20 for j in range(nr_nodes)) for i in range(nr_nodes))
    cpus = tuple(Cpu(c, n) for c, n in enumerate(nodes_of_cpus))
    return Topology("machine", tuple(Node(n, pages=1000) for n in range(nr_nodes)), cpus, rows, **more)


def alloc(slot: int, size_bytes: int, align: int = 8, gfp: int = GFP_ACCOUNT) -> Op:
    """An accounted allocation in the scope of cgroup 1."""
    return Op("alloc", memcg=1, slot=slot, size_bytes=size_bytes, align=align, gfp=gfp)


def free(slot: int) -> Op:
    return Op("free", slot=slot)


def alone(topology: Topology, *ops: Op, user_pages: int = 0) -> Scenario:
    """One task that runs `ops` in cgroup 1, with nobody else on the machine."""
    program = Program((Task(memcg=1, ops=ops),), (Memcg(0, user_pages=user_pages),))
    return Scenario(topology, program)


def labels_by_operation(scenario: Scenario, variant: str, watch: Watch | None = None) -> tuple[list[list[str]], Run]:
    """The labels of the first task's steps, one list for each of its operations, and the run."""
    operations: list[list[str]] = [[]]

    def note(state: Any, task: int, label: int) -> None:
        if task == 0 and state.phase == 0:
            operations[-1].append(NAMES[label])
            if label == OP_END:
                operations.append([])
        if watch is not None:
            watch(state, task, label)

    run = run_scenario(scenario, VARIANTS[variant], note)
    return operations[:-1], run


def sizes(*, largest_bytes: int = LARGEST_BYTES) -> st.SearchStrategy[int]:
    """Sizes in bytes as the allocator rounds them: multiples of 4 from 4 to largest_bytes.

    Any such size, those that callers ask for, and those within a granule or two of whole and half pages.
    """
    near = st.tuples(st.sampled_from((2048, 4096, 8192, 16384, 32768)), st.integers(-2, 2))
    anything = st.one_of(
        st.integers(1, largest_bytes // 4).map(lambda granules: granules * 4),
        st.sampled_from(USUAL_SIZES),
        near.map(lambda pair: pair[0] + 4 * pair[1]),
    )
    return anything.filter(lambda size_bytes: 4 <= size_bytes <= largest_bytes)


def alignments(*, page_size: int = 4096) -> st.SearchStrategy[int]:
    """Alignments that pcpu_alloc accepts: powers of two from 4 to the page size, bytes."""
    return st.integers(2, page_size.bit_length() - 1).map(lambda shift: 1 << shift)


@st.composite
def areas(draw: st.DrawFn, topology: Topology) -> tuple[int, int]:
    """(offset, size) in bytes of an area that lies inside a unit, the offset aligned to some alignment.

    Offsets near the end of a page are as likely as others, so areas straddle often.
    """
    unit_bytes = topology.unit_pages * topology.page_size
    size_bytes = draw(sizes(largest_bytes=min(unit_bytes, topology.min_unit_size_bytes, LARGEST_BYTES)))
    align = draw(alignments(page_size=topology.page_size))
    most = (unit_bytes - size_bytes) // align
    before_end = topology.page_size - min(size_bytes, topology.page_size) // 2
    straddling = st.just(min(before_end // align, most))
    return align * draw(st.one_of(st.integers(0, most), straddling)), size_bytes


def page_nodes(topology: Topology, *, pages: int | None = None) -> st.SearchStrategy[list[list[int]]]:
    """Where backing pages lie: [page][CPU] = node index (not id), only nodes with memory. `pages`: all of a unit."""
    where = st.sampled_from([i for i, node in enumerate(topology.nodes) if node.has_memory])
    nr_pages = topology.unit_pages if pages is None else pages
    row = st.lists(where, min_size=len(topology.cpus), max_size=len(topology.cpus))
    return st.lists(row, min_size=nr_pages, max_size=nr_pages)


def ext_nodes(topology: Topology) -> st.SearchStrategy[list[int]]:
    """Where the pages of a chunk's obj_exts lie: node indices of nodes with memory, one for each page of the vector."""
    where = st.sampled_from([i for i, node in enumerate(topology.nodes) if node.has_memory])
    nr_pages = topology.unit_pages * topology.ext_size // 4
    return st.lists(where, min_size=nr_pages, max_size=nr_pages)
