"""Recorded hook arithmetic of a patched kernel against the engine's hooks, record by record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, OP_FREE, OP_PLACE
from percpu_fuzz.engine.core.records import SIZE_CLASSES, Prog, State, new_record
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import EXT_SIZES, Cpu, Node, Topology, topo_record
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.fidelity.hooks import CHARGED, FAILED, FIRST_CHUNK, HookRecord
from percpu_fuzz.strategies.run.drive import (
    PRECHARGE,
    REFUND,
    USED,
    WATCH_FREED,
    WATCH_PAGES,
    WATCH_REMAINDER,
    watch_operations,
)

SIZE_CLASS = "trace"
CHUNK = 2  # the dynamic chunk whose pages are laid as each record says


@dataclass(frozen=True, slots=True)
class Difference:
    """The first figure of a record in which kernel and engine differ."""

    record: int
    what: str
    kernel: object
    engine: object


@dataclass(frozen=True, slots=True)
class HookCheck:
    """records, how many of them equal, and the first difference (None if all equal)."""

    records: int
    records_equal: int
    first_difference: Difference | None


@dataclass(frozen=True, slots=True)
class Computed:
    """What the engine's hooks did with one allocation."""

    precharge_pages: int
    used_pages: int
    unprecharge_pages: int
    node_pages: dict[int, int]
    node_remainder: dict[int, int]
    free_bytes: dict[int, int]


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


class HookBench:
    """The engine with one task in one cgroup; each record is one allocation and its free."""

    def __init__(self, first: HookRecord, variant: Variant, ext_size: int) -> None:
        size = SIZE_CLASSES[SIZE_CLASS]
        if first.nr_nodes > size["nodes"] or first.nr_cpus > size["cpus"]:
            given = f"{first.nr_nodes} nodes and {first.nr_cpus} CPUs"
            raise InputError("hooks", given, f"at most {size['nodes']} nodes and {size['cpus']} CPUs")
        topology = machine_of(first, ext_size)
        self.shape = (first.nr_nodes, first.nr_cpus)
        self.topos = topo_record(topology, SIZE_CLASS)
        self.progs, self.states = new_record(Prog, SIZE_CLASS), new_record(State, SIZE_CLASS)
        prog = self.progs[0]
        variant.write(prog)
        prog["nr_tasks"], prog["nr_memcgs"], prog["nr_retries"], prog["nr_table"] = 1, 2, 16, 1
        prog["memcg_parent0"][:2], prog["memcg_max0"][:] = (-1, 0), -1
        self.restart()

    def restart(self) -> None:
        """As if no record had been run."""
        reset_record(self.topos[0], self.progs[0], self.states[0], True)
        self.open_chunk()

    def broken(self) -> list[str]:
        """The invariants that have been violated since the restart."""
        return [name for name, hit in zip(INVARIANT_NAMES, self.states[0]["violated"], strict=False) if hit]

    def open_chunk(self) -> None:
        """One dynamic chunk, fully populated; where its pages lie is set for each record."""
        state = self.states[0]
        state["chunk_state"][CHUNK], state["chunk_head"][CHUNK] = 3, -1
        state["chunk_populated"][CHUNK] = self.topos[0]["unit_pages"]
        state["page_populated"][CHUNK, :] = 1

    def lay_pages(self, record: HookRecord) -> int:
        """Put the record's pages where the kernel had them; its offset. Unobserved places lie on node 0."""
        state, page_size = self.states[0], int(self.topos[0]["page_size"])
        off = record.off or 0
        if off + record.size_bytes > 512 * page_size:
            raise InputError("hooks", f"offset {off} of a {record.size_bytes}-byte area", "a unit of 512 pages")
        for cpu, nodes in enumerate(record.place or ()):
            first = off // page_size
            state["page_node"][CHUNK, cpu, first : first + len(nodes)] = nodes
        begin = off // 4 * int(self.topos[0]["ext_size"])
        for node, held in record.ext or ():
            state["ext_node"][CHUNK, begin // page_size] = node
            begin += held
        return off

    def compute(self, record: HookRecord) -> Computed | None:
        """Allocate and free the record's area through the hooks of the variant; None if that stops the engine."""
        state, prog = self.states[0], self.progs[0]
        off = self.lay_pages(record)
        chunk = -1 if record.outcome == FAILED else CHUNK
        state["chunk_state"][CHUNK] = 1 if record.outcome == FIRST_CHUNK else 3
        prog["nr_ops"][0] = 2
        prog["op_kind"][0, :2], prog["op_memcg"][0, :2], prog["op_slot"][0, :2] = (OP_PLACE, OP_FREE), 1, 0
        prog["op_bytes"][0, 0], prog["op_align"][0, 0] = record.size_bytes, off
        prog["op_gfp"][0, 0], prog["op_value"][0, 0] = GFP_ACCOUNT, chunk
        seen, once = np.zeros((3, record.nr_nodes), dtype=np.int64), np.zeros(3, dtype=np.int64)
        if watch_operations(self.topos, self.progs, self.states, seen, once):
            return None
        return Computed(
            int(once[PRECHARGE]), int(once[USED]), int(once[REFUND]), by_node(seen[WATCH_PAGES]),
            by_node(seen[WATCH_REMAINDER]), by_node(seen[WATCH_FREED]),
        )  # fmt: skip


def by_node(row: Any) -> dict[int, int]:
    """An array indexed by node as a dict, nodes with 0 left out."""
    return {int(n): int(row[n]) for n in np.flatnonzero(row)}


def not_zero(row: dict[int, int]) -> dict[int, int]:
    """The same counts by node, ascending, nodes with 0 left out: as by_node gives the engine's."""
    return {node: value for node, value in sorted(row.items()) if value}


def compare(number: int, record: HookRecord, ours: Computed) -> Difference | None:
    """The first figure that differs.

    A charged record without place has only its precharge and the balance of its refund to compare: which nodes its
    pages lay on is not known. One whose allocation failed, or that has no obj_exts, needs no place.
    """
    pairs: list[tuple[str, object, object]] = [("precharge", record.precharge_pages, ours.precharge_pages)]
    if record.outcome != CHARGED:
        pairs += [
            ("used", record.used_pages, ours.used_pages),
            ("unprecharge", record.unprecharge_pages, ours.unprecharge_pages),
        ]
    elif record.place is None:
        pairs.append(("used + unprecharge", record.used_pages + record.unprecharge_pages, record.precharge_pages))
    else:
        pairs += [
            ("node_pages", not_zero(record.node_pages), ours.node_pages),
            ("node_remainder", not_zero(record.node_remainder), ours.node_remainder),
            ("used", record.used_pages, ours.used_pages),
            ("unprecharge", record.unprecharge_pages, ours.unprecharge_pages),
        ]
        if record.free_bytes is not None:
            pairs.append(("free_bytes", not_zero(record.free_bytes), ours.free_bytes))
    for what, kernel, engine in pairs:
        if kernel != engine:
            return Difference(number, what, kernel, engine)
    return None


def judge(number: int, record: HookRecord, bench: HookBench) -> Difference | None:
    """One record on the bench, which is as new after one that stops the engine: the kernel went on."""
    before = bench.broken()
    ours = bench.compute(record)
    if ours is not None:
        return compare(number, record, ours)
    broken = [name for name in bench.broken() if name not in before]
    bench.restart()
    return Difference(number, "end", record.outcome, f"stops: {', '.join(broken) or 'no step is possible'}")


def check_hooks(records: Iterable[HookRecord], variant: Variant) -> HookCheck:
    """Every record through the variant's hooks. InputError if a record's machine is not the first one's."""
    all_records = list(records)
    bench = HookBench(all_records[0], variant, ext_size_of(all_records))
    equal, first = 0, None
    for number, record in enumerate(all_records, 1):
        if (record.nr_nodes, record.nr_cpus) != bench.shape:
            given, (nodes, cpus) = f"{record.nr_nodes} nodes, {record.nr_cpus} CPUs", bench.shape
            raise InputError(f"hooks, record {number}", given, f"those of record 1: {nodes} nodes, {cpus} CPUs")
        difference = judge(number, record, bench)
        equal += difference is None
        first = first or difference
    return HookCheck(len(all_records), equal, first)
