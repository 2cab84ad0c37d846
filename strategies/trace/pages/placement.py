"""Reads placement.json: the node on which each backing page really was, populate by populate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import read_json
from percpu_fuzz.strategies.trace.payload import pointer

PLACEMENT_JSON = "a recorded run's placement.json, plain or gzip"


@dataclass(frozen=True, slots=True)
class PopulateRecord:
    """Pages [page_start, page_end) of a chunk were populated. t is the entry of pcpu_populate_chunk in the trace.

    node_by_cpu_by_page[cpu][page - page_start]: node id; cpu counts the possible CPUs in ascending order.
    """

    t: int
    base: str
    page_start: int
    page_end: int
    node_by_cpu_by_page: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class DepopulateRecord:
    """Pages [page_start, page_end) of a chunk were given back at t."""

    t: int
    base: str
    page_start: int
    page_end: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Records in time order, and the node of each possible CPU's unit of the first chunk, by CPU id.

    Chunk bases are written as in the events of the trace. Pages populated before observation began are in no record.
    """

    first_chunk_node_by_cpu: dict[int, int]
    records: tuple[PopulateRecord | DepopulateRecord, ...]

    @property
    def populates(self) -> tuple[PopulateRecord, ...]:
        return tuple(record for record in self.records if isinstance(record, PopulateRecord))


class _Event(msgspec.Struct):
    t: Annotated[float, msgspec.Meta(ge=0, le=2**63)]
    chunk: str
    page_start: int
    page_end: int
    node_by_cpu_by_page: list[tuple[int, ...]] | None = None
    depopulate: bool = False


class _Placement(msgspec.Struct):
    first_chunk_node_by_cpu: dict[int, int]
    events: list[_Event]


def _record(event: _Event, nr_cpus: int, unit: int, where: str) -> PopulateRecord | DepopulateRecord:
    base, pages = pointer(event.chunk), event.page_end - event.page_start
    t = round(event.t * unit)
    if not 0 <= event.page_start < event.page_end:
        raise InputError(where, f"pages {event.page_start} to {event.page_end}", "0 <= page_start < page_end")
    if event.depopulate:
        return DepopulateRecord(t, base, event.page_start, event.page_end)
    nodes = event.node_by_cpu_by_page
    if nodes is None or len(nodes) != nr_cpus or any(len(row) != pages for row in nodes):
        lengths = None if nodes is None else [len(row) for row in nodes][:8]
        raise InputError(where, f"node_by_cpu_by_page of {lengths}", f"{nr_cpus} CPUs of {pages} pages each")
    return PopulateRecord(t, base, event.page_start, event.page_end, tuple(nodes))


def import_placement(path: Path) -> Placement:
    """The placement of a recorded run. Raises InputError naming the file and the event that does not fit."""
    read = read_json(path, _Placement, PLACEMENT_JSON)
    nr_cpus = len(read.first_chunk_node_by_cpu)
    # Ticks and nanoseconds are whole numbers; seconds, as trace text prints them, are not, and become nanoseconds.
    unit = 1 if all(float(event.t).is_integer() for event in read.events) else 1_000_000_000
    records = [_record(event, nr_cpus, unit, f"{path}, events[{i}]") for i, event in enumerate(read.events)]
    records.sort(key=lambda record: record.t)
    return Placement(dict(sorted(read.first_chunk_node_by_cpu.items())), tuple(records))
