"""Reads topology.json of a recorded run: the machine, its page frames, its kernel, and the boot log beside the file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.strategies.machines.boot_log import BOOT_LOG, read_boot_log
from percpu_fuzz.strategies.machines.machine import (
    Imported,
    all_distances,
    check_page_size,
    parse_list,
    show_list,
    unit_pages_of,
)
from percpu_fuzz.strategies.machines.page_frames import frames_of
from percpu_fuzz.strategies.machines.zoneinfo import WITHOUT_KERNEL_PAGES
from percpu_fuzz.strategies.reading import decode_json

TOPOLOGY_JSON = "a recorded run's topology.json"


class _Zone(msgspec.Struct):
    free: int
    min: int
    low: int
    managed: int
    zone: str = ""
    node: int = -1
    spanned: int = 0
    start_pfn: int = 0


class _Node(msgspec.Struct):
    distance: list[int]
    zones: list[_Zone]


class _Cpu(msgspec.Struct):
    cpu_to_node: int


class _FirstChunk(msgspec.Struct):
    unit_size: int = 0


class _Machine(msgspec.Struct):
    page_size: int
    possible_cpus: str
    online_cpus: str
    possible_nodes: str
    online_nodes: str
    has_memory: str
    nodes: dict[int, _Node]
    cpus: dict[int, _Cpu]
    percpu_first_chunk: _FirstChunk = msgspec.field(default_factory=_FirstChunk)
    kernel: str = ""


def _node(node_id: int, machine: _Machine, online: tuple[int, ...], memory: tuple[int, ...]) -> Node:
    row = machine.nodes.get(node_id)
    if row is None or node_id not in memory:
        return Node(node_id, node_id in online)
    # An empty zone may carry watermarks that bind nothing.
    filled = [zone for zone in row.zones if zone.managed > 0]
    zones = [zone for zone in filled if zone.zone not in WITHOUT_KERNEL_PAGES]
    if not zones and any(zone.zone == "Movable" for zone in filled):
        return Node(node_id, node_id in online, movable_only=node_id in online)
    free, low, least = (sum(getattr(z, what) for z in zones) for what in ("free", "low", "min"))
    return Node(node_id, node_id in online, max(free, 1), low, least)


def _distances(path: Path, machine: _Machine, online: tuple[int, ...]) -> dict[int, dict[int, int]]:
    rows: dict[int, dict[int, int]] = {}
    for node in online:
        row = machine.nodes.get(node)
        if row is None or len(row.distance) != len(online):
            given = "missing" if row is None else f"{len(row.distance)} distances"
            raise InputError(f"{path}, node {node}", given, f"{len(online)} distances, one for each online node")
        rows[node] = dict(zip(online, row.distance, strict=True))
    return rows


def _cpus(path: Path, machine: _Machine) -> tuple[Cpu, ...]:
    possible = parse_list(machine.possible_cpus, f"{path}, possible_cpus")
    online = parse_list(machine.online_cpus, f"{path}, online_cpus")
    silent = [cpu for cpu in possible if cpu not in machine.cpus]
    if silent:
        raise InputError(f"{path}, cpus", f"no cpu_to_node of CPUs {show_list(silent)}", "one for every possible CPU")
    return tuple(Cpu(cpu, machine.cpus[cpu].cpu_to_node, cpu in online) for cpu in possible)


def import_topology_json(data: bytes, path: Path, name: str) -> Imported:
    """The machine of a recorded run as it was when the workload began: pages are those free then.

    A node's pages and watermarks are sums over its zones. With a boot log beside the file, the unit and the first
    chunk's dynamic and reserved room are those that it has. Raises InputError or TopologyError.
    """
    machine = decode_json(data, _Machine, str(path), TOPOLOGY_JSON)
    check_page_size(machine.page_size, f"{path}, page_size")
    notes: list[str] = []
    sizes = read_boot_log(path.parent)
    if sizes.missing:
        notes.append(f"no pcpu-alloc line in {BOOT_LOG} beside the file: the first chunk has no room")
    possible = parse_list(machine.possible_nodes, f"{path}, possible_nodes")
    online = parse_list(machine.online_nodes, f"{path}, online_nodes")
    memory = parse_list(machine.has_memory, f"{path}, has_memory")
    topology = Topology(
        name,
        tuple(_node(node, machine, online, memory) for node in possible),
        _cpus(path, machine),
        all_distances(possible, _distances(path, machine, online), notes),
        page_size=machine.page_size,
        unit_pages=unit_pages_of(sizes.unit_bytes or machine.percpu_first_chunk.unit_size, machine.page_size),
        first_room_bytes=sizes.dynamic_bytes,
        first_start_bytes=(sizes.static_bytes + sizes.reserved_bytes) % machine.page_size,
        reserved_room_bytes=sizes.reserved_bytes,
    )
    frames = frames_of((z.start_pfn, z.spanned, z.node) for node in machine.nodes.values() for z in node.zones)
    return Imported(topology, tuple(notes), " ".join(machine.kernel.split()[:3])[:120], frames, sizes)
