"""Replay a recorded workload through the engine's own hooks, and compare memory.stat percpu row by row.

Only charged areas are replayed, each where the recorded kernel put it, with the recorded node of every backing page.
Limits are not replayed: what else was charged to a cgroup is not in a trace, so a limit could not be judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from percpu_fuzz.engine.charge_tally import ChargeTally
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, GFP_NOBLOCK, OP_FREE, OP_MIGRATE, OP_MKDIR, OP_PLACE, OP_RMDIR
from percpu_fuzz.engine.core.primitives import ceil_div
from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.engine.core.stages import MEMCG_ONLINE
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.fidelity.charge_tally import node_charges
from percpu_fuzz.strategies.fidelity.one_task import TRACE_CLASS, FreeRows, OperationQueue
from percpu_fuzz.strategies.fidelity.stat_rows import ComparableRows, StatRow, lagging
from percpu_fuzz.strategies.run.drive import watch_operations
from percpu_fuzz.strategies.trace import operations as ops
from percpu_fuzz.strategies.trace.pages.pages_in_time import PagesInTime
from percpu_fuzz.strategies.trace.pages.placement import DepopulateRecord, Placement, PopulateRecord
from percpu_fuzz.strategies.trace.pages.placement_check import check_placement, check_used
from percpu_fuzz.strategies.trace.pages.placement_model import Filler, local, nearest
from percpu_fuzz.strategies.trace.states import Snapshot

PLACED = GFP_ACCOUNT | GFP_NOBLOCK
REPLAY_LEFT_OUT = {
    "cgroups_of_unknown_parent": "cgroups of unknown parent (taken as children of the root)",
    "removals_of_unknown_cgroups": "removals of cgroups that the trace never named",
    "areas_beyond_unit": "charged areas beyond the largest unit that can be replayed, or above PCPU_MIN_UNIT_SIZE",
    "areas_on_unrecorded_pages": "charged areas on pages whose node was not recorded (the nearest with memory serves)",
    "phases_never_seen": "snapshots whose marks are not in the trace",
    "phases_without_snapshot": "snapshot marks in the trace that the states do not have",
    "rows_of_unknown_cgroups": "rows of cgroups that the trace never named",
    "rows_not_observable": "rows of cgroups with one of unknown parent below them, or of the root of such a trace",
}


class Operations(Protocol):
    """A trace that has been read, or the stream of one, whose operations come once."""

    @property
    def operations(self) -> Iterable[ops.Operation]: ...

    @property
    def unknown_charged(self) -> int: ...


@dataclass
class Replayed:
    """What a replay left: compared rows, what was charged, counts of what was replayed.

    broken: invariants that a hook itself saw broken. left_out: what could not be replayed or compared, by kind
    (REPLAY_LEFT_OUT says which there are).
    """

    rows: list[StatRow] = field(default_factory=list)
    tally: ChargeTally = field(default_factory=ChargeTally)
    counts: Counter[str] = field(default_factory=Counter)
    broken: tuple[str, ...] = ()
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def rows_equal(self) -> int:
        return sum(not row.difference_bytes for row in self.rows)

    @property
    def rows_lagging(self) -> int:
        """Rows that differ only because the kernel had not flushed."""
        return sum(lagging(self.rows))

    @property
    def worst_difference_bytes(self) -> int:
        return max((row.difference_bytes for row in self.rows), default=0)

    @property
    def worst_other_bytes(self) -> int:
        """The worst difference of a row that does not lag."""
        rows = zip(self.rows, lagging(self.rows), strict=True)
        return max((row.difference_bytes for row, lags in rows if not lags), default=0)


class _Replay:
    """Walks the workload's operations; each kind has one method."""

    def __init__(
        self, topology: Topology, variant: Variant, pages: PagesInTime | None, snapshots: tuple[Snapshot, ...],
        filler: Filler | None = None,
    ) -> None:  # fmt: skip
        self.done = Replayed()
        self.engine = OperationQueue(topology, variant, self.done.tally)
        self.nodes = topology.node_index
        self.fill = local(topology) if filler is None else filler
        self.home = np.array(nearest(topology), dtype=np.int8)
        self.pages = pages
        self.rows = ComparableRows(snapshots)
        self.slots = FreeRows("live charged areas", 0, self.engine.size["slots"])
        self.memcgs = FreeRows("cgroups", 1, self.engine.size["memcgs"])
        self.chunks = FreeRows("chunks", 2, self.engine.size["chunks"])
        self.unit_bytes = self.engine.size["pages"] * topology.page_size
        self.page_bytes, self.most_bytes = topology.page_size, topology.min_unit_size_bytes
        self.nothing = bytearray(self.engine.size["pages"])
        self.recorded: dict[int, bytearray] = {}  # by chunk row: pages whose nodes are recorded
        self.removed: list[Any] = []
        self.first_t = self.last_t = -1

    def take(self, operation: ops.Operation) -> None:
        self.place_until(operation.t)
        self.first_t = operation.t if self.first_t < 0 else min(self.first_t, operation.t)
        self.last_t = max(self.last_t, operation.t)
        self.done.counts[type(operation).__name__] += 1
        handler = getattr(self, "do_" + type(operation).__name__, None)
        if handler is not None:
            handler(operation)

    def finished(self, unknown_charged: int) -> Replayed:
        """Rows that can be compared, now that all is known of the trace; the others are counted."""
        self.engine.run()
        self.done.rows = self.rows.rows(unknown_charged > 0)
        self.done.left_out.update(self.rows.left_out)
        self.done.left_out.update(dict.fromkeys(REPLAY_LEFT_OUT, 0))
        self.done.broken = self.engine.broken
        self.done.tally.nodes = node_charges(list(self.nodes), self.engine.nodes)
        return self.done

    def place_until(self, t: int) -> None:
        """Bring the pages' nodes up to this time."""
        while self.pages is not None and (record := self.pages.next_until(t)) is not None:
            self.engine.run()
            self.set_pages(record)

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
        state["page_node"][row, : len(self.home), :] = self.home[:, None]  # beyond the unit too
        state["page_node"][row, : nodes.shape[0], : nodes.shape[1]] = nodes
        state["ext_node"][row, :] = self.home[0]
        return row

    def set_pages(self, record: PopulateRecord | DepopulateRecord) -> None:
        if isinstance(record, PopulateRecord):
            row = self.chunk(record.base)
            for cpu, where in enumerate(record.node_by_cpu_by_page):
                nodes = [self.nodes[node] for node in where]
                self.engine.state["page_node"][row, cpu, record.page_start : record.page_end] = nodes
            known = self.recorded.setdefault(row, bytearray(self.engine.size["pages"]))
            known[record.page_start : record.page_end] = b"\x01" * (record.page_end - record.page_start)

    def do_MkCgroup(self, made: ops.MkCgroup) -> None:  # noqa: N802 - named after the operation
        if made.cg == ops.ROOT:
            return
        self.rows.made(made.cg)
        lost = made.parent != ops.ROOT and (made.parent not in self.memcgs.of or made.parent in self.removed)
        if lost or not made.parent_known:
            self.rows.without_parent(made.cg, made.path)
            self.new_cgroup(made.cg, 0)
        else:
            self.new_cgroup(made.cg, self.memcg(made.parent))

    def new_cgroup(self, cg: int, parent: int) -> int:
        """A row for a cgroup. One whose inode number comes again has been removed unseen."""
        self.reuse_removed()
        if cg in self.memcgs.of:
            self.engine.queue(OP_RMDIR, memcg=self.memcgs.of[cg])
            self.removed.append(self.memcgs.rename(cg))
            self.engine.run()
        row = self.memcgs.take(cg)
        self.engine.memcgs = max(self.engine.memcgs, row + 1)
        online = parent == 0 or self.engine.state["memcg_state"][parent] == MEMCG_ONLINE
        self.engine.queue(OP_MKDIR, memcg=row, slot=parent if online else 0)
        self.engine.run()
        return row

    def do_RmCgroup(self, gone: ops.RmCgroup) -> None:  # noqa: N802
        if gone.cg not in self.memcgs.of or gone.cg in self.removed:
            self.done.left_out["removals_of_unknown_cgroups"] += 1
            return
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
        """The row of a cgroup; one without a mark gets it now, as a child of the root."""
        if cg == ops.ROOT:
            return 0
        row = self.memcgs.of.get(cg)
        if row is None:
            self.rows.without_mark(cg)
            row = self.new_cgroup(cg, 0)
        return row

    def do_AllocArea(self, made: ops.AllocArea) -> None:  # noqa: N802
        if made.cg is None:
            return
        if made.off + made.size_bytes > self.unit_bytes or made.size_bytes > self.most_bytes:
            self.done.left_out["areas_beyond_unit"] += 1
            return
        row = self.chunk(made.base)
        if self.pages is not None and self.pages.any_known:
            first, last = made.off // self.page_bytes, plain(ceil_div)(made.off + made.size_bytes, self.page_bytes)
            self.done.left_out["areas_on_unrecorded_pages"] += 0 in self.recorded.get(row, self.nothing)[first:last]
        self.engine.on_cpu(made.cpu)
        memcg = self.memcg(made.cg)
        key = (made.base, made.off)
        if key in self.slots.of:  # its free is lost, and this area lies on another of its chunk's names
            self.engine.queue(OP_FREE, slot=self.slots.drop(key))
        slot = self.slots.take(key)
        self.engine.queue(OP_PLACE, memcg, slot, made.size_bytes, made.off, PLACED, row, nowait=made.is_atomic)

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
            row = self.chunks.drop(gone.base)
            self.engine.state["chunk_state"][row] = 0
            self.recorded.pop(row, None)

    def do_SnapEnd(self, mark: ops.SnapEnd) -> None:  # noqa: N802
        self.engine.run()
        totals = percpu_by_memcg(self.engine.state)
        held = {cg: int(totals[row]) for cg, row in self.memcgs.of.items()} | {ops.ROOT: int(totals[0])}
        self.rows.snapshot(mark.name, held)


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
    workload: Operations, topology: Topology, variant: Variant, placement: Placement | None = None,
    snapshots: tuple[Snapshot, ...] = (), where: str = "placement", pages: PagesInTime | None = None,
) -> Replayed:  # fmt: skip
    """Run the workload on the variant. InputError if it needs more rows than size class trace has, or if the placement
    (read from `where`) is not this machine's or not this trace's.

    pages: in place of a placement, one that becomes known while the workload passes. Pages that neither names lie on
    the nearest node with memory.
    """
    if placement is not None:
        unit_pages = SIZE_CLASSES[TRACE_CLASS]["pages"]
        check_placement(placement, topology, unit_pages, where)
        pages = PagesInTime(list(placement.records), unit_pages, where)
    replay = _Replay(topology, variant, pages, snapshots)
    for operation in workload.operations:
        replay.take(operation)
    done = replay.finished(workload.unknown_charged)
    if placement is not None:
        check_used(placement, replay.first_t, replay.last_t, where)
    return done


def replay_side_by_side(
    operations: Iterable[ops.Operation], topology: Topology, variant: Variant, fillers: Sequence[Filler]
) -> list[Replayed]:
    """The same operations with pages where each filler puts them, in one pass: no rows, what was charged alone."""
    replays = [_Replay(topology, variant, None, (), filler) for filler in fillers]
    for operation in operations:
        for replay in replays:
            replay.take(operation)
    return [replay.finished(0) for replay in replays]


def check_compared(replayed: Replayed, snapshots: int, where: str) -> None:
    """Snapshots were given: at least one row must have been compared. InputError says why there is none."""
    if replayed.rows:
        return
    out = replayed.left_out
    given = (
        f"no row of {snapshots} snapshots could be compared ({out['phases_never_seen']} snapshots not marked in the "
        f"trace, {out['rows_of_unknown_cgroups']} rows of cgroups it never named, {out['rows_not_observable']} not "
        "observable)"
    )
    raise InputError(where, given, "the snapshots of this trace, whose marks are in it")


def warm() -> None:
    """Compile what replays run, in this process; from the cache if it is there."""
    engine = OperationQueue(preset("one-node"), VARIANTS["base"])
    engine.queue(OP_MIGRATE)
    engine.run()
    seen, once = np.zeros((3, 1), dtype=np.int64), np.zeros(3, dtype=np.int64)
    watch_operations(engine.topos, engine.progs, engine.states, seen, once)
