"""Topology files: a Topology as canonical JSON, and back. The file says `"schema": 1`; unknown fields are refused."""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from percpu_fuzz.engine.errors import TopologyError
from percpu_fuzz.engine.topology import Cpu, Node, Topology

TOPOLOGY_SCHEMA: Literal[1] = 1
ALLOWED = f"a topology file of schema {TOPOLOGY_SCHEMA}"


class NodeRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """engine.topology.Node as the file has it; movable_only stands there only if it is true."""

    id: int
    online: bool = True
    pages: int = 0
    low_pages: int = 0
    min_pages: int = 0
    movable_only: bool | msgspec.UnsetType = msgspec.UNSET


class CpuRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """engine.topology.Cpu as the file has it."""

    id: int
    node: int
    online: bool = True
    isolated: bool = False


class TopologyRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """engine.topology.Topology as the file has it."""

    schema: Literal[1]
    name: str
    nodes: tuple[NodeRow, ...]
    cpus: tuple[CpuRow, ...]
    distances: tuple[tuple[int, ...], ...]
    page_size: int = 4096
    ext_size: int = 8
    unit_pages: int = 8
    first_room_bytes: int = 0
    first_start_bytes: int = 0
    reserved_room_bytes: int = 0
    acting: tuple[int, ...] = ()


def row_of(topology: Topology) -> TopologyRow:
    """The row that stands for a topology."""
    return TopologyRow(
        schema=TOPOLOGY_SCHEMA,
        name=topology.name,
        nodes=tuple(
            NodeRow(n.id, n.online, n.pages, n.low_pages, n.min_pages, n.movable_only or msgspec.UNSET)
            for n in topology.nodes
        ),
        cpus=tuple(CpuRow(c.id, c.node, c.online, c.isolated) for c in topology.cpus),
        distances=topology.distances,
        page_size=topology.page_size,
        ext_size=topology.ext_size,
        unit_pages=topology.unit_pages,
        first_room_bytes=topology.first_room_bytes,
        first_start_bytes=topology.first_start_bytes,
        reserved_room_bytes=topology.reserved_room_bytes,
        acting=topology.acting,
    )


def topology_of(row: TopologyRow) -> Topology:
    """The topology that a row stands for. Raises TopologyError for a machine that cannot exist."""
    return Topology(
        row.name,
        tuple(Node(n.id, n.online, n.pages, n.low_pages, n.min_pages, n.movable_only is True) for n in row.nodes),
        tuple(Cpu(c.id, c.node, c.online, c.isolated) for c in row.cpus),
        row.distances,
        row.page_size,
        row.ext_size,
        row.unit_pages,
        row.first_room_bytes,
        row.first_start_bytes,
        row.reserved_room_bytes,
        row.acting,
    )


def dump_topology(topology: Topology) -> bytes:
    """Canonical JSON, one line of ASCII: sorted keys, no blanks, every field. Equal topologies give equal bytes."""
    return _ascii(msgspec.json.encode(row_of(topology), order="sorted")) + b"\n"


def _ascii(text: bytes) -> bytes:
    """JSON with what is not ASCII as \\u and four digits, in pairs where that takes two."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text.decode()).encode()


def load_topology(data: bytes, where: str) -> Topology:
    """The inverse of dump_topology; fields that have a default may be missing.

    where: what to call the data in a message. Raises TopologyError, in one line, with the place of what is malformed.
    """
    try:
        row = msgspec.json.decode(data, type=TopologyRow)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TopologyError(where, " ".join(str(error).split()), ALLOWED) from None
    try:
        return topology_of(row)
    except TopologyError as error:
        raise TopologyError(f"{where}, {error.where}", error.given, error.allowed) from None
