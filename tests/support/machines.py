"""Small machines and one-task programs for tests, and the steps of a replay by operation."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, NAMES, OP_END
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.run.replay import Run, Watch, run_scenario


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
