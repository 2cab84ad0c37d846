"""The engine's records with one task, whose operations are queued and run in batches, and which rows are free."""

from __future__ import annotations

from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.charge_tally import ChargeTally
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import OP_MIGRATE
from percpu_fuzz.engine.core.records import SIZE_CLASSES, Prog, State, new_record
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.topology import Topology, size_class_of, topo_record
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.fidelity.charge_tally import take_operations
from percpu_fuzz.strategies.run.drive import NR_NODE, NR_ROW, run_operations

TRACE_CLASS = "trace"


class OneTask:
    """The engine's records for one task: topo, prog and state, and the arrays of one that compiled functions take."""

    def __init__(self, topology: Topology, variant: Variant, nr_memcgs: int) -> None:
        self.size = SIZE_CLASSES[TRACE_CLASS]
        self.topos = topo_record(topology, TRACE_CLASS)
        self.progs, self.states = new_record(Prog, TRACE_CLASS), new_record(State, TRACE_CLASS)
        self.topo, self.prog, self.state = self.topos[0], self.progs[0], self.states[0]
        variant.write(self.prog)
        self.variant = variant
        self.prog["nr_tasks"], self.prog["nr_memcgs"], self.prog["nr_retries"] = 1, nr_memcgs, 16
        self.prog["memcg_parent0"][0], self.prog["nr_table"] = -1, 1

    def restart(self) -> None:
        """As if nothing had been run."""
        entry_of(self.variant, reset_record)(self.topo, self.prog, self.state, True)

    @property
    def broken(self) -> tuple[str, ...]:
        """The invariants that have been violated since the restart."""
        return tuple(name for name, hit in zip(INVARIANT_NAMES, self.state["violated"], strict=False) if hit)


class OperationQueue(OneTask):
    """Operations of the task, queued and run in batches; `tally` counts what each did."""

    def __init__(self, topology: Topology, variant: Variant, tally: ChargeTally | None = None) -> None:
        size_class_of(topology, (TRACE_CLASS,))
        super().__init__(topology, variant, nr_memcgs=1)
        self.restart()
        # Nobody lets the mutex go: balance work, which would free chunks that the recorded kernel kept, never runs.
        # Placed areas are atomic for that reason, and for no other: without limits it makes no difference to a charge.
        self.state["mutex"] = 1
        self.tally = ChargeTally() if tally is None else tally
        self.rows = np.zeros((self.size["ops"], NR_ROW), dtype=np.int64)
        self.nodes = np.zeros((NR_NODE, len(topology.nodes) + 1), dtype=np.int64)
        self.nowait: list[bool] = []  # of each queued operation
        self.memcgs = 1  # rows of cgroups that were ever in use
        self.queued = 0
        self.acting = acting_rows(topology, self.size["act"])
        self.cpu = 0

    def queue(
        self, kind: int, memcg: int = 0, slot: int = 0, size: int = 0, off: int = 0, gfp: int = 0, value: int = 0,
        nowait: bool = False,
    ) -> None:  # fmt: skip
        """Queue an operation of task 0. nowait: the recorded caller might not block; only counted."""
        if self.queued == self.size["ops"]:
            self.run()
        self.nowait.append(nowait)
        i, prog = self.queued, self.prog
        prog["op_kind"][0, i], prog["op_memcg"][0, i], prog["op_slot"][0, i] = kind, memcg, slot
        prog["op_bytes"][0, i], prog["op_align"][0, i] = size, off
        prog["op_gfp"][0, i], prog["op_value"][0, i] = gfp, value
        self.queued += 1

    def on_cpu(self, cpu: int) -> None:
        """The operations that follow run on this CPU or, if it is none of the acting ones, on one of its node."""
        row = self.acting.get(cpu, self.cpu)
        if row != self.cpu:
            self.cpu = row
            self.queue(OP_MIGRATE, slot=row, value=0)

    def run(self) -> None:
        if self.queued:
            self.prog["nr_ops"][0] = self.queued
            nowait, rows = self.nowait, self.rows[: self.queued]
            rows[:] = 0
            self.queued, self.nowait = 0, []
            stopped = entry_of(self.variant, run_operations)(
                self.topos, self.progs, self.states, rows, self.nodes, self.memcgs
            )
            take_operations(self.tally, rows, nowait)
            if stopped:
                raise InputError(
                    "trace", "a workload that stops the engine (fatal violation or no task can run)", "none"
                )


def acting_rows(topology: Topology, most: int) -> dict[int, int]:
    """For each possible CPU's id the acting row that stands for it: its own, else the first of its node."""
    acting = topology.acting_cpus(most)
    of_node: dict[int, int] = {}
    for row, cpu_id in enumerate(acting):
        of_node.setdefault(topology.cpus[topology.cpu_index[cpu_id]].node, row)
    rows = {cpu.id: of_node[cpu.node] for cpu in topology.cpus if cpu.node in of_node}
    return rows | {cpu_id: row for row, cpu_id in enumerate(acting)}


class FreeRows:
    """Free row numbers of one kind, refused by name when there are none left."""

    def __init__(self, what: str, first: int, count: int) -> None:
        self.what, self.count, self.renamed = what, count, 0
        self.free = list(range(count - 1, first - 1, -1))
        self.of: dict[Any, int] = {}

    def take(self, key: Any) -> int:
        if not self.free:
            raise InputError("trace", f"more than {self.count} {self.what} at a time", f"at most {self.count}")
        self.of[key] = self.free.pop()
        return self.of[key]

    def rename(self, key: Any) -> Any:
        """Another key for the row of a thing that is gone and not forgotten; that key."""
        self.renamed += 1
        self.of["gone", self.renamed] = self.of.pop(key)
        return "gone", self.renamed

    def drop(self, key: Any) -> int:
        row = self.of.pop(key)
        self.free.append(row)
        return row
