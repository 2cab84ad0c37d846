"""Recorded hook arithmetic of a patched kernel against the engine's hooks, record by record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, OP_FREE, OP_PLACE
from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.topology import EXT_SIZES, Cpu, Node, Topology
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.fidelity.hook_records import CHARGED, FAILED, FIRST_CHUNK, NO_PAGES, OUTCOMES, HookRecord
from percpu_fuzz.strategies.fidelity.one_task import TRACE_CLASS, OneTask
from percpu_fuzz.strategies.run.drive import (
    PRECHARGE,
    REFUND,
    USED,
    WATCH_FREED,
    WATCH_PAGES,
    WATCH_REMAINDER,
    watch_operations,
)

BENCH_CHUNK = 2  # the dynamic chunk whose pages are laid as each record says
WATCHED_ONCE = {"precharge": PRECHARGE, "used": USED, "unprecharge": REFUND}
WATCHED_BY_NODE = {"node_pages": WATCH_PAGES, "node_remainder": WATCH_REMAINDER, "free_bytes": WATCH_FREED}


@dataclass(frozen=True, slots=True)
class Difference:
    """The first figure of a record in which kernel and engine differ."""

    record: int
    what: str
    kernel: object
    engine: object


@dataclass(frozen=True, slots=True)
class HookCheck:
    """records that were compared, how many of them equal, and the first difference (None if all equal).

    unknown: records that were not compared, by their outcome, a word that is not known.
    """

    records: int
    records_equal: int
    first_difference: Difference | None
    unknown: dict[str, int] = field(default_factory=dict)


def machine_of(record: HookRecord, ext_size: int) -> Topology:
    """A machine with the record's number of possible CPUs and nodes; places come from each record."""
    nr_nodes, nr_cpus = record.nr_nodes, record.nr_cpus
    rows = tuple(tuple(10 if i == j else 20 for j in range(nr_nodes)) for i in range(nr_nodes))
    cpus = tuple(Cpu(c, c * nr_nodes // nr_cpus) for c in range(nr_cpus))
    nodes = tuple(Node(n, pages=1 << 20) for n in range(nr_nodes))
    return Topology("hooks", nodes, cpus, rows, ext_size=ext_size, unit_pages=512)


def ext_size_of(records: Iterable[HookRecord]) -> int:
    """sizeof(pcpuobj_ext) from bytes_alloc = s * C + s / 4 * E of the first record that has it; 8 if none has.

    InputError for a size that no kernel has.
    """
    for number, record in enumerate(records, 1):
        if record.full_size_bytes is not None:
            over = (record.full_size_bytes - record.size_bytes * record.nr_cpus) * 4
            if over not in [size * record.size_bytes for size in EXT_SIZES]:
                given = f"full_size {record.full_size_bytes} of {record.size_bytes} bytes on {record.nr_cpus} CPUs"
                raise InputError(f"hooks, record {number}", given, "size * nr_cpus + size / 4 * 8, or * 16")
            return over // record.size_bytes
    return EXT_SIZES[0]


class HookBench(OneTask):
    """The engine with one task in one cgroup; each record is one allocation and its free."""

    def __init__(self, first: HookRecord, variant: Variant, ext_size: int) -> None:
        size = SIZE_CLASSES[TRACE_CLASS]
        if first.nr_nodes > size["nodes"] or first.nr_cpus > size["cpus"]:
            given = f"{first.nr_nodes} nodes and {first.nr_cpus} CPUs"
            raise InputError("hooks", given, f"at most {size['nodes']} nodes and {size['cpus']} CPUs")
        super().__init__(machine_of(first, ext_size), variant, nr_memcgs=2)
        self.shape = (first.nr_nodes, first.nr_cpus)
        self.prog["memcg_max0"][:] = -1
        self.restart()

    def restart(self) -> None:
        """One dynamic chunk, fully populated; where its pages lie is set for each record."""
        super().restart()
        state = self.state
        state["chunk_state"][BENCH_CHUNK], state["chunk_head"][BENCH_CHUNK] = 3, -1
        state["chunk_populated"][BENCH_CHUNK] = self.topo["unit_pages"]
        state["page_populated"][BENCH_CHUNK, :] = 1

    def lay_pages(self, record: HookRecord) -> int:
        """Put the record's pages where the kernel had them; its offset. Unobserved places lie on node 0."""
        state, page_size = self.state, int(self.topo["page_size"])
        off = record.off or 0
        if off + record.size_bytes > 512 * page_size:
            raise InputError("hooks", f"offset {off} of a {record.size_bytes}-byte area", "a unit of 512 pages")
        for cpu, nodes in enumerate(record.place or ()):
            first = off // page_size
            state["page_node"][BENCH_CHUNK, cpu, first : first + len(nodes)] = nodes
        begin = off // 4 * int(self.topo["ext_size"])
        for node, held in record.ext or ():
            state["ext_node"][BENCH_CHUNK, begin // page_size] = node
            begin += held
        return off

    def compute(self, record: HookRecord) -> dict[str, object] | None:
        """Allocate and free the record's area through the variant's hooks: their figures by name, nodes with 0 left
        out; None if that stops the engine.
        """
        state, prog = self.state, self.prog
        off = self.lay_pages(record)
        chunk = -1 if record.outcome in (FAILED, NO_PAGES) else BENCH_CHUNK
        state["chunk_state"][BENCH_CHUNK] = 1 if record.outcome == FIRST_CHUNK else 3
        prog["nr_ops"][0] = 2
        prog["op_kind"][0, :2], prog["op_memcg"][0, :2], prog["op_slot"][0, :2] = (OP_PLACE, OP_FREE), 1, 0
        prog["op_bytes"][0, 0], prog["op_align"][0, 0] = record.size_bytes, off
        prog["op_gfp"][0, 0], prog["op_value"][0, 0] = GFP_ACCOUNT, chunk
        seen, once = np.zeros((3, record.nr_nodes), dtype=np.int64), np.zeros(3, dtype=np.int64)
        if entry_of(self.variant, watch_operations)(self.topos, self.progs, self.states, seen, once):
            return None
        found: dict[str, object] = {name: int(once[i]) for name, i in WATCHED_ONCE.items()}
        for name, i in WATCHED_BY_NODE.items():
            found[name] = not_zero(dict(enumerate(seen[i].tolist())))
        return found


def not_zero(row: dict[int, int]) -> dict[int, int]:
    """Counts by node, ascending, nodes with 0 left out."""
    return {node: value for node, value in sorted(row.items()) if value}


def figures_of(record: HookRecord) -> dict[str, object]:
    """What can be compared of a record, by the names of HookBench.compute.

    A charged record without place has only its precharge and the balance of its refund: which nodes its pages lay on
    is not known. One whose allocation failed, or that has no obj_exts, needs no place.
    """
    found: dict[str, object] = {"precharge": record.precharge_pages}
    if record.outcome == CHARGED and record.place is None:
        return found | {"used + unprecharge": record.used_pages + record.unprecharge_pages}
    if record.outcome == CHARGED:
        found["node_pages"], found["node_remainder"] = not_zero(record.node_pages), not_zero(record.node_remainder)
    found["used"], found["unprecharge"] = record.used_pages, record.unprecharge_pages
    if record.outcome == CHARGED and record.free_bytes is not None:
        found["free_bytes"] = not_zero(record.free_bytes)
    return found


def compare(number: int, record: HookRecord, ours: dict[str, object]) -> Difference | None:
    """The first figure that differs."""
    ours = ours | {"used + unprecharge": record.precharge_pages}
    for what, kernel in figures_of(record).items():
        if kernel != ours[what]:
            return Difference(number, what, kernel, ours[what])
    return None


def judge(number: int, record: HookRecord, bench: HookBench) -> Difference | None:
    """One record on the bench, which is as new after one that stops the engine: the kernel went on."""
    before = bench.broken
    ours = bench.compute(record)
    if ours is not None:
        return compare(number, record, ours)
    broken = [name for name in bench.broken if name not in before]
    bench.restart()
    return Difference(number, "end", record.outcome, f"stops: {', '.join(broken) or 'no step is possible'}")


def check_hooks(records: Iterable[HookRecord], variant: Variant) -> HookCheck:
    """Every record with a known outcome through the variant's hooks.

    InputError if there is none, or if a record's machine is not the first one's.
    """
    numbered = list(enumerate(records, 1))
    unknown = Counter(record.outcome for _, record in numbered if not record.known)
    known = [(number, record) for number, record in numbered if record.known]
    if not known:
        raise InputError("hooks", f"no outcome but {', '.join(map(repr, sorted(unknown)))}", ", ".join(OUTCOMES))
    all_records = [record for _, record in known]
    bench = HookBench(all_records[0], variant, ext_size_of(all_records))
    equal, first = 0, None
    for number, record in known:
        if (record.nr_nodes, record.nr_cpus) != bench.shape:
            given, (nodes, cpus) = f"{record.nr_nodes} nodes, {record.nr_cpus} CPUs", bench.shape
            raise InputError(f"hooks, record {number}", given, f"those of record 1: {nodes} nodes, {cpus} CPUs")
        difference = judge(number, record, bench)
        equal += difference is None
        first = first or difference
    return HookCheck(len(all_records), equal, first, dict(sorted(unknown.items())))
