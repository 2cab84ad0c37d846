"""Replay a recorded workload through the engine's own hooks, and compare memory.stat percpu row by row.

Only charged areas are replayed, each where the recorded kernel put it, with the recorded node of every backing page.
Limits are not replayed: what else was charged to a cgroup is not in a trace, so a limit could not be judged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.base import INVARIANT_NAMES
from engine.errors import InputError
from engine.labels import GFP_ACCOUNT, GFP_NOBLOCK, OP_FREE, OP_MIGRATE, OP_MKDIR, OP_PLACE, OP_RMDIR
from engine.records import SIZE_CLASSES, Prog, State, new_record
from engine.reset import reset
from engine.topology import Topology, size_class_of, topo_record
from engine.variant import VARIANTS, Variant
from strategies.drive import NR_NODE, NR_ROW, run_operations, watch_operations
from strategies.recorded import operations as ops
from strategies.recorded.placement import DepopulateRecord, Placement, PopulateRecord
from strategies.recorded.placing import Filler, local, nearest
from strategies.recorded.states import Snapshot
from strategies.recorded.tally import ALL_NODES, Tally, node_tallies
from strategies.recorded.workload import Workload
from strategies.topologies import preset

SIZE_CLASS = "trace"
PLACED = GFP_ACCOUNT | GFP_NOBLOCK


@dataclass(frozen=True, slots=True)
class Row:
    """One cgroup in one snapshot: percpu bytes as the kernel showed them and as the engine has them."""

    phase: str
    path: str
    kernel_bytes: int
    engine_bytes: int


@dataclass
class Replayed:
    """What a replay left: compared rows, what was charged, counts of what was replayed.

    broken: invariants that a hook itself saw broken.
    """

    rows: list[Row] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    counts: Counter[str] = field(default_factory=Counter)
    broken: tuple[str, ...] = ()

    @property
    def waste_pages(self) -> dict[int, int]:
        return self.tally.waste()

    @property
    def rows_equal(self) -> int:
        return sum(row.kernel_bytes == row.engine_bytes for row in self.rows)

    @property
    def worst_difference_bytes(self) -> int:
        return max((abs(row.kernel_bytes - row.engine_bytes) for row in self.rows), default=0)


class _Engine:
    """The engine's records with one task whose operations are queued and run in batches."""

    def __init__(self, topology: Topology, variant: Variant, tally: Tally | None = None) -> None:
        size_class_of(topology, (SIZE_CLASS,))
        self.tally = Tally() if tally is None else tally
        self.topos = topo_record(topology, SIZE_CLASS)
        self.progs, self.states = new_record(Prog, SIZE_CLASS), new_record(State, SIZE_CLASS)
        self.topo, self.prog, self.state = self.topos[0], self.progs[0], self.states[0]
        variant.write(self.prog)
        self.prog["nr_tasks"], self.prog["nr_memcgs"], self.prog["nr_retries"] = 1, 1, 16
        self.prog["memcg_parent0"][0], self.prog["nr_table"] = -1, 1
        reset(self.topo, self.prog, self.state, True)
        # Nobody lets the mutex go: balance work, which would free chunks that the recorded kernel kept, never runs.
        # Placed areas are atomic for that reason, and for no other: without limits it makes no difference to a charge.
        self.state["mutex"] = 1
        self.size = SIZE_CLASSES[SIZE_CLASS]
        self.rows = np.zeros((self.size["ops"], NR_ROW), dtype=np.int64)
        self.nodes = np.zeros((NR_NODE, len(topology.nodes) + 1), dtype=np.int64)
        self.nowait: list[bool] = []  # of each queued operation
        self.memcgs = 1  # rows of cgroups that were ever in use
        self.queued = 0
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
        """The operations that follow run on this CPU, if it is one of the acting ones."""
        if cpu != self.cpu and cpu < int(self.topo["nr_act"]):
            self.cpu = cpu
            self.queue(OP_MIGRATE, slot=cpu, value=0)

    def run(self) -> None:
        if self.queued:
            self.prog["nr_ops"][0] = self.queued
            nowait, rows = self.nowait, self.rows[: self.queued]
            rows[:] = 0
            self.queued, self.nowait = 0, []
            stopped = run_operations(self.topos, self.progs, self.states, rows, self.nodes, self.memcgs)
            self.tally.take(rows, nowait)
            if stopped:
                raise InputError(
                    "trace", "a workload that stops the engine (fatal violation or no task can run)", "none"
                )


class _Rows:
    """Free row numbers of one kind, refused by name when there are none left."""

    def __init__(self, what: str, first: int, count: int) -> None:
        self.what, self.count = what, count
        self.free = list(range(count - 1, first - 1, -1))
        self.of: dict[Any, int] = {}

    def take(self, key: Any) -> int:
        if not self.free:
            raise InputError("trace", f"more than {self.count} {self.what} at a time", f"at most {self.count}")
        self.of[key] = self.free.pop()
        return self.of[key]

    def drop(self, key: Any) -> int:
        row = self.of.pop(key)
        self.free.append(row)
        return row


class _Replay:
    """Walks the workload's operations; each kind has one method."""

    def __init__(
        self, topology: Topology, variant: Variant, placement: Placement | None, snapshots: tuple[Snapshot, ...],
        filler: Filler | None = None,
    ) -> None:  # fmt: skip
        self.done = Replayed()
        self.engine = _Engine(topology, variant, self.done.tally)
        self.nodes = topology.node_index
        self.fill = local(topology) if filler is None else filler
        self.ext_node = nearest(topology)[0]
        self.pages = list(placement.records) if placement else []
        self.next_page = 0
        self.snapshots = {snapshot.phase: snapshot for snapshot in snapshots}
        self.slots = _Rows("live charged areas", 0, self.engine.size["slots"])
        self.memcgs = _Rows("cgroups", 1, self.engine.size["memcgs"])
        self.chunks = _Rows("chunks", 2, self.engine.size["chunks"])
        self.paths: dict[int, str] = {ops.ROOT: "/"}
        self.removed: list[int] = []

    def walk(self, workload: Workload) -> Replayed:
        for operation in workload.operations:
            self.place_until(operation.t)
            self.done.counts[type(operation).__name__] += 1
            handler = getattr(self, "do_" + type(operation).__name__, None)
            if handler is not None:
                handler(operation)
        self.engine.run()
        violated = self.engine.state["violated"]
        self.done.broken = tuple(name for i, name in enumerate(INVARIANT_NAMES) if violated[i])
        self.done.tally.nodes = node_tallies([*self.nodes, ALL_NODES], self.engine.nodes)
        return self.done

    def place_until(self, t: int) -> None:
        """Bring the pages' nodes up to this time."""
        while self.next_page < len(self.pages) and self.pages[self.next_page].t <= t:
            self.engine.run()
            self.set_pages(self.pages[self.next_page])
            self.next_page += 1

    def chunk(self, base: str) -> int:
        """The row of a chunk; one that was never seen begins fully populated, where the model places its pages.

        Its metadata lies on one node, the nearest of the first CPU: no trace says where.
        """
        if base in self.chunks.of:
            return self.chunks.of[base]
        self.engine.run()
        row, state = self.chunks.take(base), self.engine.state
        state["chunk_state"][row], state["chunk_head"][row] = 3, -1
        state["chunk_populated"][row] = self.engine.topo["unit_pages"]
        state["page_populated"][row, :] = 1
        state["page_areas"][row, :] = 0
        nodes = self.fill()
        state["page_node"][row, : nodes.shape[0], : nodes.shape[1]] = nodes
        state["ext_node"][row, :] = self.ext_node
        return row

    def set_pages(self, record: PopulateRecord | DepopulateRecord) -> None:
        if isinstance(record, PopulateRecord):
            row = self.chunk(record.base)
            for cpu, where in enumerate(record.node_by_cpu_by_page):
                nodes = [self.nodes[node] for node in where]
                self.engine.state["page_node"][row, cpu, record.page_start : record.page_end] = nodes

    def do_MkCgroup(self, made: ops.MkCgroup) -> None:  # noqa: N802 - named after the operation
        self.reuse_removed()
        row = self.memcgs.take(made.cg)
        self.engine.memcgs = max(self.engine.memcgs, row + 1)
        self.paths[made.cg] = made.path
        self.engine.queue(OP_MKDIR, memcg=row, slot=self.memcg(made.parent))
        self.engine.run()

    def do_RmCgroup(self, gone: ops.RmCgroup) -> None:  # noqa: N802
        self.engine.queue(OP_RMDIR, memcg=self.memcgs.of[gone.cg])
        self.engine.run()
        self.removed.append(gone.cg)

    def reuse_removed(self) -> None:
        """Rows of removed cgroups whose last reference is gone: what they held in the tree goes to the parent."""
        self.engine.run()
        state, nr_nodes = self.engine.state, int(self.engine.topo["nr_nodes"])
        for cg in list(self.removed):
            m = self.memcgs.of[cg]
            mine = slice(m * nr_nodes, (m + 1) * nr_nodes)
            if state["memcg_state"][m] == 5 and set(state["objcg_state"][mine].tolist()) <= {0, 5}:
                parent = int(state["memcg_parent"][m])
                state["memcg_percpu"][parent] += state["memcg_percpu"][m]
                state["memcg_kmem"][parent * nr_nodes : (parent + 1) * nr_nodes] += state["memcg_kmem"][mine]
                clear_memcg_rows(state, m, mine)
                self.memcgs.drop(cg)
                self.removed.remove(cg)
        if state["rcu_head"] == state["rcu_tail"]:
            state["rcu_head"], state["rcu_tail"] = 0, 0
        if state["off_head"] == state["off_tail"]:
            state["off_head"], state["off_tail"] = 0, 0

    def memcg(self, cg: int) -> int:
        return 0 if cg == ops.ROOT else self.memcgs.of[cg]

    def do_AllocArea(self, made: ops.AllocArea) -> None:  # noqa: N802
        if made.cg is None:
            return
        row = self.chunk(made.base)
        self.engine.on_cpu(made.cpu)
        slot = self.slots.take((made.base, made.off))
        self.engine.queue(
            OP_PLACE, self.memcg(made.cg), slot, made.size_bytes, made.off, PLACED, row, nowait=made.is_atomic
        )

    def do_FailedAlloc(self, failed: ops.FailedAlloc) -> None:  # noqa: N802
        if failed.cg is None:
            return
        self.engine.on_cpu(failed.cpu)
        slot = self.slots.take("failed")
        self.engine.queue(OP_PLACE, self.memcg(failed.cg), slot, failed.size_bytes, 0, PLACED, -1)
        self.slots.drop("failed")

    def do_FreeArea(self, freed: ops.FreeArea) -> None:  # noqa: N802
        key = (freed.base, freed.off)
        if key in self.slots.of:
            self.engine.on_cpu(freed.cpu)
            self.engine.queue(OP_FREE, slot=self.slots.drop(key))

    def do_RmChunk(self, gone: ops.RmChunk) -> None:  # noqa: N802
        if gone.base in self.chunks.of:
            self.engine.run()
            self.engine.state["chunk_state"][self.chunks.drop(gone.base)] = 0

    def do_SnapEnd(self, mark: ops.SnapEnd) -> None:  # noqa: N802
        self.engine.run()
        snapshot = self.snapshots.get(mark.name)
        if snapshot is None:
            return
        totals = percpu_by_memcg(self.engine.state)
        for path, row in snapshot.cgroups.items():
            if row.ino == ops.ROOT or row.ino in self.memcgs.of:
                self.done.rows.append(Row(mark.name, path, row.percpu_bytes, int(totals[self.memcg(row.ino)])))


def clear_memcg_rows(state: Any, m: int, mine: slice) -> None:
    """Make a removed cgroup's rows as if they had never been used."""
    for name in ("memcg_state", "memcg_usage", "memcg_user", "memcg_percpu", "memcg_ref", "memcg_over", "memcg_heir"):
        state[name][m] = 0
    for name in ("memcg_kmem", "objcg_state", "objcg_ref", "objcg_ncb", "objcg_pages", "objcg_live", "objcg_lost"):
        state[name][mine] = 0
    state["pn_objcg"][mine] = -1
    state["objcg_memcg"][mine] = -1


def percpu_by_memcg(state: Any) -> Any:
    """memory.stat percpu of every memcg row, bytes: own level and all below."""
    own, parents = state["memcg_percpu"].copy(), state["memcg_parent"]
    totals = np.zeros_like(own)
    for m in np.flatnonzero(own):
        here = int(m)
        while here >= 0:
            totals[here] += own[m]
            here = int(parents[here])
    return totals


def replay_workload(
    workload: Workload, topology: Topology, variant: Variant, placement: Placement | None = None,
    snapshots: tuple[Snapshot, ...] = (), filler: Filler | None = None,
) -> Replayed:  # fmt: skip
    """Run the workload on the variant. InputError if it needs more rows than size class trace has.

    filler: where pages lie that the placement does not name; by default on the nearest node with memory.
    """
    return _Replay(topology, variant, placement, snapshots, filler).walk(workload)


def warm() -> None:
    """Compile what replays run, in this process; from the cache if it is there."""
    engine = _Engine(preset("one-node"), VARIANTS["base"])
    engine.queue(OP_MIGRATE)
    engine.run()
    seen, once = np.zeros((3, 1), dtype=np.int64), np.zeros(3, dtype=np.int64)
    watch_operations(engine.topos, engine.progs, engine.states, seen, once)
