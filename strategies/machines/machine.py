"""Machine: what importers of real machines share: lists of ids, distances and CPUs that no file tells of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import LOCAL_DISTANCE, PAGE_SIZES, Topology
from percpu_fuzz.strategies.machines.boot_log import FirstChunk
from percpu_fuzz.strategies.machines.page_frames import FrameNodes

MACHINE_FORMATS = (
    "a sysfs folder or tar of it, a topology file, a recorded run's topology.json, hwloc XML, virsh capabilities, "
    "numactl -H, lscpu (plain, -e, -p, -J), a boot log with SRAT lines, QEMU arguments"
)
REMOTE_DISTANCE = 20
ID_MAX = 65535
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
MIN_UNIT_BYTES = 32768
NODE_PAGES_MAX = 2**31 - 1
NO_UNIT = "no percpu unit size is said: {pages} pages of {bytes} bytes are assumed, --percpu-stats gives it"
NO_WATERMARKS = "no watermarks are said: low and min are 0, --zoneinfo gives them"


@dataclass(frozen=True, slots=True)
class Imported:
    """A topology read from a real machine; each note says one thing that had to be assumed.

    Of a recorded run also the first words of its kernel's version, the page frames of its nodes where its zones say
    where they begin, and what its boot log says of the first chunk.
    """

    topology: Topology
    notes: tuple[str, ...] = ()
    kernel: str = ""
    frames: FrameNodes | None = None
    first_chunk: FirstChunk | None = None


def parse_list(text: str, where: str) -> tuple[int, ...]:
    """Ids of a kernel list such as "0-3,8"; blank is none. Raises InputError for what is no ascending list of ids."""
    ids: list[int] = []
    for part in text.strip().split(",") if text.strip() else ():
        found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last or last > ID_MAX or (ids and first <= ids[-1]):
            raise InputError(where, f"list {text.strip()[:80]!r}", f'ascending ids up to {ID_MAX}, as in "0-3,8"')
        ids.extend(range(first, last + 1))
    return tuple(ids)


def show_list(ids: Iterable[int]) -> str:
    """The inverse of parse_list."""
    runs: list[list[int]] = []
    for i in ids:
        if runs and runs[-1][1] == i - 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def number_of(text: str, what: str, where: str, most: int) -> int:
    """A whole number from 0 to most. InputError for anything else."""
    if not WHOLE_NUMBER.fullmatch(text) or int(text) > most:
        raise InputError(where, f"{what} {text[:20]!r}", f"a number from 0 to {most}")
    return int(text)


def one_node_each(node_of: dict[int, int], cpu: int, node: int, where: str, allowed: str = "one node each") -> None:
    """Note the node of a CPU. InputError if another one has it."""
    if node_of.setdefault(cpu, node) != node:
        raise InputError(where, f"CPU {cpu} on nodes {node_of[cpu]} and {node}", allowed)


def some_pages(pages: int, what: str, notes: list[str]) -> int:
    """Pages of a node that has memory: at least one, for a node without any would count as memoryless; a note."""
    kept = min(max(pages, 1), NODE_PAGES_MAX)
    if kept != pages:
        notes.append(f"{what} has {pages} free pages: {kept} are assumed")
    return kept


def check_page_size(page_size: int, where: str) -> int:
    """A page size that a kernel can have; InputError for any other."""
    if page_size not in PAGE_SIZES:
        raise InputError(where, str(page_size), ", ".join(map(str, PAGE_SIZES)))
    return page_size


def unit_pages_of(unit_bytes: int, page_size: int) -> int:
    """Pages of a unit of that many bytes; of an unknown one (0) 8, or the kernel's minimum if that is more."""
    return unit_bytes // page_size if unit_bytes else max(8, MIN_UNIT_BYTES // page_size)


def with_first_chunk(imported: Imported, chunk: FirstChunk) -> Imported:
    """The same machine with the unit and the first chunk of a boot log or of percpu_stats."""
    page_size = imported.topology.page_size
    unit_pages = unit_pages_of(chunk.unit_bytes, page_size)
    topology = replace(
        imported.topology,
        unit_pages=unit_pages,
        first_room_bytes=chunk.dynamic_bytes,
        first_start_bytes=(chunk.static_bytes + chunk.reserved_bytes) % page_size,
        reserved_room_bytes=chunk.reserved_bytes,
    )
    notes = tuple(note for note in imported.notes if not note.startswith(NO_UNIT[:20]))
    return replace(imported, topology=topology, notes=notes, first_chunk=chunk)


def all_distances(
    possible: Sequence[int], known: Mapping[int, Mapping[int, int]], notes: list[str], remote: int | None = None
) -> tuple[tuple[int, ...], ...]:
    """Distances of all possible nodes, from rows that know the online ones and `remote` for the other pairs.

    Without `remote` the kernel's default is assumed for them, and a note says so.
    """
    silent = [node for node in possible if node not in known]
    if silent and remote is None and len(possible) > 1:
        notes.append(
            f"nodes {show_list(silent)} are possible and offline: their distances are not recorded, "
            f"{REMOTE_DISTANCE} is assumed both ways"
        )
    other = REMOTE_DISTANCE if remote is None else remote

    def one(here: int, there: int) -> int:
        assumed = LOCAL_DISTANCE if here == there else other
        return known.get(here, {}).get(there, assumed)

    return tuple(tuple(one(here, there) for there in possible) for here in possible)


def spread_absent(
    possible: Sequence[int], known: Mapping[int, int], nodes: Sequence[int], notes: list[str]
) -> dict[int, int]:
    """cpu_to_node of all possible CPUs, where `nodes` are those with memory, ascending.

    x86 lays all CPUs over the nodes that have memory in turn before it knows of any CPU (arch/x86/mm/numa.c,
    numa_init_array); those that it never finds keep that. So the turn counts CPUs that are there too. Appends a note.
    """
    absent = [cpu for cpu in possible if cpu not in known]
    if absent:
        notes.append(
            f"CPUs {show_list(absent)} are possible and listed by no node: "
            f"laid in turn over the nodes {show_list(nodes)}, as x86 does at boot"
        )
    turn = {cpu: nodes[i % len(nodes)] for i, cpu in enumerate(possible)}
    return {cpu: known.get(cpu, turn[cpu]) for cpu in possible}
