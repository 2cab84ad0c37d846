"""Reads /sys/kernel/debug/percpu_stats: the geometry of the machine's percpu chunks, and what is in each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.boot_log import FirstChunk
from percpu_fuzz.strategies.machines.pasted import numbered, told_by, within

STATS_MARK = re.compile(r"^ *Percpu Memory Statistics|^ *unit_size +: +\d", re.MULTILINE)
STATS_ROW = re.compile(r"\s*([a-z_]+)\s*:\s*(-?\d{1,20})")
CHUNK = re.compile(r"\s*+Chunk *+:?+ *+(?:<- )?+\(?+([A-Za-z_]*+(?: ++[A-Za-z_]++)*+) *+\)?+ *+:?+")
TITLE = re.compile(r"\s*(?:Percpu Memory Statistics|(?:Allocation Info|Global Stats|Per Chunk Stats):|-{8,})")
PERCPU_STATS = "/sys/kernel/debug/percpu_stats as the kernel prints it"
GEOMETRY = ("unit_size", "static_size", "reserved_size", "dyn_size", "atom_size", "alloc_size")
OF_CHUNK = ("nr_alloc", "free_bytes", "contig_bytes", "max_frag")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: what the kernel says of its kind (First Chunk, Reserved Chunk, to_depopulate, sidelined, or nothing).

    nr_alloc: areas in it. free_bytes of one CPU's unit, contig_bytes those of the longest free run.
    """

    kind: str
    nr_alloc: int
    free_bytes: int
    contig_bytes: int
    max_frag: int
    memcg_aware: bool | None = None


@dataclass(frozen=True, slots=True)
class PercpuStats:
    """Sizes in bytes of one CPU's unit, and of what is allocated at a time for a group of CPUs; every chunk."""

    unit_bytes: int
    static_bytes: int
    reserved_bytes: int
    dynamic_bytes: int
    alloc_bytes: int
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...] = ()

    @property
    def first_chunk(self) -> FirstChunk:
        """As a boot log has it."""
        return FirstChunk(self.static_bytes, self.reserved_bytes, self.dynamic_bytes, self.unit_bytes)

    @property
    def units_at_a_time(self) -> int:
        """Units that lie side by side in one allocation: as many CPUs of one group, at most."""
        return self.alloc_bytes // self.unit_bytes


def parse_percpu_stats(text: str, where: str) -> PercpuStats:
    """The statistics in a text as it was pasted. InputError for a row that is missing, twice, or none of the file's."""
    notes: list[str] = []
    plain = told_by(text, STATS_MARK.search, notes)
    if plain is None:
        raise InputError(where, "no `Percpu Memory Statistics`", PERCPU_STATS)
    sections: list[tuple[str | None, dict[str, int]]] = [(None, {})]
    for number, line in within(numbered(plain), _known, notes):
        if found := CHUNK.fullmatch(line):
            sections.append((found[1].strip(), {}))
        elif row := STATS_ROW.fullmatch(line):
            _once(sections[-1][1], row, f"{where}, line {number}", sections[-1][0] is None)
        elif not TITLE.fullmatch(line):
            raise InputError(f"{where}, line {number}", repr(line.strip()[:60]), PERCPU_STATS)
    return _stats([(kind, rows) for kind, rows in sections if kind is None or rows], notes, where)


def _known(line: str) -> bool:
    return any(pattern.fullmatch(line) for pattern in (STATS_ROW, CHUNK, TITLE))


def _once(rows: dict[str, int], row: re.Match[str], where: str, is_head: bool) -> None:
    """Note a row. In the head nr_alloc and the like are of all chunks, and empty_pop_pages is once in each part."""
    if row[1] in rows:
        raise InputError(where, f"{row[1]} twice" + ("" if is_head else " in one chunk"), PERCPU_STATS)
    rows[row[1]] = int(row[2])


def _stats(sections: list[tuple[str | None, dict[str, int]]], notes: list[str], where: str) -> PercpuStats:
    head = sections[0][1]
    missing = [name for name in GEOMETRY if name not in head]
    if missing:
        raise InputError(where, f"no {', '.join(missing)}", PERCPU_STATS)
    unit, static, reserved, dynamic, _, alloc = (head[name] for name in GEOMETRY)
    if (
        not 0 < unit < 1 << 32
        or alloc % unit
        or min(static, reserved, dynamic) < 0
        or static + reserved + dynamic > unit
    ):
        given = f"unit_size {unit}, static_size {static}, reserved_size {reserved}, dyn_size {dynamic}"
        raise InputError(where, given, "parts that fit a unit, and alloc_size a multiple of it")
    chunks = []
    for kind, rows in sections[1:]:
        absent = [name for name in OF_CHUNK if name not in rows]
        if absent or not 0 <= rows["contig_bytes"] <= rows["free_bytes"] <= unit or rows["nr_alloc"] < 0:
            given = f"a chunk without {', '.join(absent)}" if absent else f"free_bytes {rows['free_bytes']}"
            raise InputError(where, given, f"{', '.join(OF_CHUNK)}, and no more free than a unit has")
        aware = rows.get("memcg_aware")
        areas, free, contig, frag = (rows[name] for name in OF_CHUNK)
        chunks.append(Chunk(kind or "", areas, free, contig, frag, None if aware is None else aware > 0))
    listed = sum(chunk.kind != "Reserved Chunk" for chunk in chunks)
    if chunks and head.get("nr_chunks", listed) != listed:
        notes.append(f"{where} lists {listed} chunks of {head['nr_chunks']} (nr_chunks): the others are not known")
    return PercpuStats(unit, static, reserved, dynamic, alloc, tuple(chunks), tuple(notes))


def first_chunk_of_stats(text: str, where: str, notes: list[str]) -> FirstChunk:
    """The first chunk alone; notes take what had to be assumed."""
    stats = parse_percpu_stats(text, where)
    notes += stats.notes
    return stats.first_chunk
