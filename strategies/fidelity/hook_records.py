"""Reads hook records (jsonl, plain or gzip): what a patched kernel's hooks computed, one charged allocation a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.primitives import ceil_div
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.fidelity.allocator_chunk import GRANULE_BYTES
from percpu_fuzz.strategies.reading import decode_json, lines_of

CHARGED, FAILED, FIRST_CHUNK, NO_PAGES = "charged", "failed", "first_chunk", "no_pages"
OUTCOMES = (CHARGED, FAILED, FIRST_CHUNK, NO_PAGES)
ALLOWED_RECORD = "one JSON hook record a line"
PAGE_BYTES = 4096  # records are of machines with such pages
AREA_MOST = 32 << 10  # bytes: PCPU_MIN_UNIT_SIZE there
EXT_MOST = 16  # bytes of the pcpuobj_ext of each granule
COUNT_MOST = 1 << 31


class HookRecord(msgspec.Struct, frozen=True):
    """One allocation as the hooks of a patched kernel saw it; None is what was not observed.

    size_bytes: after rounding to 4. off: in the chunk. nr_cpus, nr_nodes: possible ones. full_size_bytes: bytes_alloc
    of the tracepoint. precharge_pages, unprecharge_pages, used_pages: pages. ext: (node, bytes) of the metadata slice,
    page by page. node_pages: pages accounted for each node. node_remainder: bytes given to each node's stock right
    after. node_by_page: by CPU, the node of every page that the area covers. free_bytes: bytes that the free hook
    uncharged for each node.
    outcome: "charged"; "failed", the allocator failed after the precharge and all was returned; "first_chunk", an
    area of the chunk without metadata vector, all returned; "no_pages", all returned, where pages lie was not recorded.
    Another word is an outcome that is not known: such a record is not compared.
    """

    topology: str
    kernel: str
    size_bytes: int = msgspec.field(name="size")
    align: int
    off: int | None
    nr_cpus: int
    nr_nodes: int
    alloc_cpu: int
    objcg_nid: int
    call_site: str | None
    gfp: str | None
    atomic: int
    full_size_bytes: int | None = msgspec.field(name="full_size")
    precharge_pages: int = msgspec.field(name="precharge")
    node_pages: dict[int, int]
    node_remainder: dict[int, int]
    used_pages: int = msgspec.field(name="used")
    unprecharge_pages: int = msgspec.field(name="unprecharge")
    outcome: str
    node_by_page: dict[int, tuple[int, ...]] | None = msgspec.field(name="place", default=None)
    ext: tuple[tuple[int, int], ...] | None = None
    free_bytes: dict[int, int] | None = None

    @property
    def known(self) -> bool:
        """Whether it says an outcome that can be compared."""
        return self.outcome in OUTCOMES

    @property
    def place(self) -> tuple[tuple[int, ...], ...] | None:
        """node_by_page in the order of CPUs; None if that is not known, or not where in the chunk the area lies."""
        if self.node_by_page is None or self.off is None:
            return None
        return tuple(self.node_by_page[cpu] for cpu in sorted(self.node_by_page))


def _check(record: HookRecord, where: str) -> None:
    size, off = record.size_bytes, record.off or 0
    if size <= 0 or size % GRANULE_BYTES or min(record.align, record.nr_cpus, record.nr_nodes) <= 0:
        given = f"size {size}, align {record.align}, {record.nr_cpus} CPUs, {record.nr_nodes} nodes"
        raise InputError(where, given, "a size that is a multiple of 4, all of them positive")
    if size > AREA_MOST or off % GRANULE_BYTES:
        allowed = f"at most {AREA_MOST} bytes at a multiple of {GRANULE_BYTES}"
        raise InputError(where, f"size {size} at offset {record.off}", allowed)
    _check_nodes({record.objcg_nid}, "objcg_nid", record, where)
    counts = (off, record.precharge_pages, record.used_pages, record.unprecharge_pages)
    least = min(record.alloc_cpu, record.objcg_nid, *counts)
    if least < 0:
        raise InputError(where, f"a negative value {least}", "CPUs, nodes, offsets and pages from 0 on")
    most = max(record.nr_cpus, record.nr_nodes, record.full_size_bytes or 0, *counts)
    if most >= COUNT_MOST:
        raise InputError(where, f"a value {most}", f"less than {COUNT_MOST}")
    _check_place(record, where)
    _check_ext(record, where)


def _check_place(record: HookRecord, where: str) -> None:
    rows = record.place
    if rows is None:
        return
    pages = plain(ceil_div)((record.off or 0) % PAGE_BYTES + record.size_bytes, PAGE_BYTES)
    if len(rows) != record.nr_cpus or any(len(row) != pages for row in rows):
        given = f"place of {len(rows)} CPUs, {sorted({len(row) for row in rows})} pages"
        allowed = f"{record.nr_cpus} CPUs, {pages} pages each (offset {record.off}, size {record.size_bytes})"
        raise InputError(where, given, allowed)
    _check_nodes({node for row in rows for node in row}, "place", record, where)


def _check_ext(record: HookRecord, where: str) -> None:
    parts = record.ext or ()
    _check_nodes({node for node, _ in parts}, "ext", record, where)
    total, most = sum(held for _, held in parts), record.size_bytes // GRANULE_BYTES * EXT_MOST
    if any(held <= 0 for _, held in parts) or total > most:
        raise InputError(where, f"ext of {total} bytes", f"parts of at least 1 byte, {most} in all")


def _check_nodes(nodes: set[int], what: str, record: HookRecord, where: str) -> None:
    unknown = sorted(node for node in nodes if not 0 <= node < record.nr_nodes)
    if unknown:
        raise InputError(where, f"{what} on nodes {unknown[:8]}", f"0 to {record.nr_nodes - 1}")


def read_hooks(path: Path) -> Iterator[HookRecord]:
    """Yields the records of a file in order; blank lines are skipped.

    Raises InputError naming the file and the line for one that is malformed, and for a file without any record.
    """
    records = 0
    for number, text in enumerate(lines_of(path), start=1):
        if not text.strip():
            continue
        where = f"{path}, line {number}"
        record = decode_json(text, HookRecord, where, ALLOWED_RECORD)
        if record.known:
            _check(record, where)
        yield record
        records += 1
    if not records:
        raise InputError(f"{path}, line 1", "no record", ALLOWED_RECORD)
