"""Reads hook records (jsonl, plain or gzip): what a patched kernel's hooks computed, one charged allocation a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.primitives import ceil_div
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import decode_json, read_bytes

CHARGED, FAILED, FIRST_CHUNK = "charged", "failed", "first_chunk"
OUTCOMES = (CHARGED, FAILED, FIRST_CHUNK)
ALLOWED = "one JSON hook record a line"
PAGE_BYTES = 4096  # records are of machines with such pages
SIZE_MOST = 32 << 10  # PCPU_MIN_UNIT_SIZE there
GRANULE_BYTES, EXT_MOST = 4, 16  # an area has one pcpuobj_ext of up to 16 bytes for each granule
COUNT_MOST = 1 << 31


@dataclass(frozen=True, slots=True)
class HookRecord:
    """One allocation as the hooks of a patched kernel saw it; None is what was not observed.

    size_bytes: after rounding to 4. off: in the chunk. nr_cpus, nr_nodes: possible ones. full_size_bytes: bytes_alloc
    of the tracepoint. precharge_pages, unprecharge_pages, used_pages: pages. place: for each possible CPU in order,
    the node of every page that the area covers. ext: (node, bytes) of the metadata slice, page by page.
    node_pages: pages accounted for each node. node_remainder: bytes given to each node's stock right after.
    free_bytes: bytes that the free hook uncharged for each node.
    outcome: "charged"; "failed", the allocator failed after the precharge and all was returned; "first_chunk", an
    area of the chunk without metadata vector, all returned.
    """

    topology: str
    kernel: str
    size_bytes: int
    align: int
    off: int | None
    nr_cpus: int
    nr_nodes: int
    alloc_cpu: int
    objcg_nid: int
    call_site: str | None
    gfp: tuple[str, ...] | None
    is_atomic: bool
    full_size_bytes: int | None
    precharge_pages: int
    place: tuple[tuple[int, ...], ...] | None
    ext: tuple[tuple[int, int], ...] | None
    node_pages: dict[int, int]
    node_remainder: dict[int, int]
    used_pages: int
    unprecharge_pages: int
    free_bytes: dict[int, int] | None
    outcome: str


class _Line(msgspec.Struct):
    topology: str
    kernel: str
    size: int
    align: int
    off: int | None
    nr_cpus: int
    nr_nodes: int
    alloc_cpu: int
    objcg_nid: int
    call_site: str | None
    gfp: str | None
    atomic: int
    full_size: int | None
    precharge: int
    node_pages: dict[int, int]
    node_remainder: dict[int, int]
    used: int
    unprecharge: int
    outcome: str
    place: dict[int, tuple[int, ...]] | None = None
    ext: list[tuple[int, int]] | None = None
    free_bytes: dict[int, int] | None = None


def _place(line: _Line, where: str) -> tuple[tuple[int, ...], ...] | None:
    """The node of every page, CPU by CPU; None if that was not observed, or not where in the chunk the area lies."""
    if line.place is None or line.off is None:
        return None
    rows = tuple(line.place[cpu] for cpu in sorted(line.place))
    pages = plain(ceil_div)(line.off % PAGE_BYTES + line.size, PAGE_BYTES)
    if len(rows) != line.nr_cpus or any(len(row) != pages for row in rows):
        lengths = sorted({len(row) for row in rows})
        given = f"place of {len(rows)} CPUs, {lengths} pages"
        raise InputError(where, given, f"{line.nr_cpus} CPUs, {pages} pages each (offset {line.off}, size {line.size})")
    _check_nodes({node for row in rows for node in row}, "place", line, where)
    return rows


def _ext(line: _Line, where: str) -> tuple[tuple[int, int], ...] | None:
    if line.ext is None:
        return None
    _check_nodes({node for node, _ in line.ext}, "ext", line, where)
    total, most = sum(held for _, held in line.ext), line.size // GRANULE_BYTES * EXT_MOST
    if any(held <= 0 for _, held in line.ext) or total > most:
        raise InputError(where, f"ext of {total} bytes", f"parts of at least 1 byte, {most} in all")
    return tuple(line.ext)


def _check_nodes(nodes: set[int], what: str, line: _Line, where: str) -> None:
    unknown = sorted(node for node in nodes if not 0 <= node < line.nr_nodes)
    if unknown:
        raise InputError(where, f"{what} on nodes {unknown[:8]}", f"0 to {line.nr_nodes - 1}")


def _record(line: _Line, where: str) -> HookRecord:
    if line.outcome not in OUTCOMES:
        raise InputError(where, f"outcome {line.outcome!r}", ", ".join(OUTCOMES))
    if line.size <= 0 or line.size % 4 or line.align <= 0 or line.nr_cpus <= 0 or line.nr_nodes <= 0:
        given = f"size {line.size}, align {line.align}, {line.nr_cpus} CPUs, {line.nr_nodes} nodes"
        raise InputError(where, given, "a size that is a multiple of 4, all of them positive")
    if line.size > SIZE_MOST or (line.off or 0) % GRANULE_BYTES:
        given = f"size {line.size} at offset {line.off}"
        raise InputError(where, given, f"at most {SIZE_MOST} bytes at a multiple of {GRANULE_BYTES}")
    _check_nodes({line.objcg_nid}, "objcg_nid", line, where)
    least = min(line.alloc_cpu, line.objcg_nid, line.off or 0, line.precharge, line.used, line.unprecharge)
    if least < 0:
        raise InputError(where, f"a negative value {least}", "CPUs, nodes, offsets and pages from 0 on")
    most = max(
        line.nr_cpus, line.nr_nodes, line.off or 0, line.full_size or 0, line.precharge, line.used, line.unprecharge
    )
    if most >= COUNT_MOST:
        raise InputError(where, f"a value {most}", f"less than {COUNT_MOST}")
    return HookRecord(
        line.topology, line.kernel, line.size, line.align, line.off, line.nr_cpus, line.nr_nodes, line.alloc_cpu,
        line.objcg_nid, line.call_site, None if line.gfp is None else tuple(line.gfp.split("|")), line.atomic != 0,
        line.full_size, line.precharge, _place(line, where), _ext(line, where),
        line.node_pages, line.node_remainder, line.used, line.unprecharge, line.free_bytes, line.outcome,
    )  # fmt: skip


def read_hooks(path: Path) -> Iterator[HookRecord]:
    """Yields the records of a file in order; blank lines are skipped.

    Raises InputError naming the file and the line for one that is malformed, and for a file without any record.
    """
    records = 0
    for number, text in enumerate(read_bytes(path).splitlines(), start=1):
        if not text.strip():
            continue
        where = f"{path}, line {number}"
        yield _record(decode_json(text, _Line, where, ALLOWED), where)
        records += 1
    if not records:
        raise InputError(f"{path}, line 1", "no record", ALLOWED)
