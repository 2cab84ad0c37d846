"""Memcg operations of one uncontended alloc and free, by machine: the patch claims O(nodes), its first version O(CPUs).

Counted are the calls into memcg that the hooks make: precharge, account, refill and uncharge of bytes, unprecharge.
The same machines and sizes for every variant, in plain mode, on a class of its own that keeps order by CPU.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace

from percpu_fuzz.engine.case.runnable import runnable
from percpu_fuzz.engine.core.labels import GFP_ACCOUNT
from percpu_fuzz.engine.own.engines import plain_of
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.choices import KINDS
from percpu_fuzz.strategies.draw.topologies import random_topology
from percpu_fuzz.strategies.run.kept import Rows, kept_rows
from percpu_fuzz.strategies.run.replay import plain_records
from percpu_fuzz.strategies.run.steps import steps
from percpu_fuzz.strategies.run.walk import CHECK_NONE

NR_MACHINES = 200
SURVEYED = ("v1", "split", "v2")
NODES_MAX, CPUS_MAX = 16, 256
USER_PAGES = 1000


@dataclass(frozen=True, slots=True)
class OperationCount:
    """Memcg operations of one alloc and one free on a machine. touched: nodes that hold a byte of the area."""

    machine: str
    nodes: int
    cpus: int
    touched: int
    size_bytes: int
    variant: str
    alloc_ops: int
    free_ops: int


def machines() -> list[tuple[Topology, int]]:
    """The surveyed machines with the size of their allocation: always the same, nodes and CPUs spread evenly."""
    rng = random.Random("survey")
    sizes = [size for size in KINDS["size"].values if 4 <= size <= 4096]
    chosen = []
    for i in range(NR_MACHINES):
        nodes_max = 1 + i % NODES_MAX
        cpus_max = (4, 16, 64, CPUS_MAX)[i // NODES_MAX % 4]
        drawn = random_topology(rng, f"survey-{i}", nodes_max, cpus_max)
        chosen.append((replace(drawn, first_room_bytes=0, reserved_room_bytes=0), rng.choice(sizes)))
    return chosen


def count_operations(topology: Topology, size_bytes: int, variant: Variant) -> OperationCount:
    """One alloc and one free of an otherwise idle machine, its pages spread over the nodes with memory."""
    ops = (Op("alloc", memcg=1, size_bytes=size_bytes, align=8, gfp=GFP_ACCOUNT), Op("free"))
    # User pages keep v1's counter above zero, which its short precharge would pull below.
    memcgs = (Memcg(0, user_pages=USER_PAGES),)
    program = Program((Task(memcg=1, ops=ops),), memcgs, placement="table", table=(0, 0, 0, 1))
    topo, prog, state = plain_records(Scenario(topology, program), variant, "survey")
    may_step = plain_of(variant, runnable)

    def lowest() -> int:
        return next(t for t in range(state.nr_all) if may_step(topo, prog, state, t))

    touched = 0
    for _ in steps(variant, topo, prog, state, lowest, CHECK_NONE):
        assert state.fatal == 0
        touched = max(touched, sum(state.l_bytes[0, n] > 0 for n in range(len(topology.nodes))))
        if state.op_i[0] == len(ops):
            break
    return OperationCount(
        topology.name, len(topology.nodes), len(topology.cpus), touched, size_bytes, variant.name,
        state.alloc_ops, state.free_ops,
    )  # fmt: skip


def survey() -> list[OperationCount]:
    """Every surveyed variant on every machine."""
    return [count_operations(t, size, VARIANTS[name]) for t, size in machines() for name in SURVEYED]


def kept_survey() -> Rows:
    """The survey's rows as plain data, counted once for each version of the code."""
    return kept_rows("memcg-operations", lambda: [asdict(row) for row in survey()])
