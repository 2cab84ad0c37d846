"""Topology: the machine a scenario runs on, validated, and its form as a Topo record.

Node and CPU ids are the kernel's and may be sparse; the engine works on dense indices in ascending id order, which is
the order of for_each_possible_cpu and for_each_online_node.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from percpu_fuzz.engine.core.records import SIZE_CLASSES, Record, Topo, new_record
from percpu_fuzz.engine.errors import TopologyError

if TYPE_CHECKING:
    import numpy as np

LOCAL_DISTANCE = 10
PAGE_SIZES = (4096, 16384, 65536)
EXT_SIZES = (8, 16)
MAX_NODES = 1024
MAX_CPUS = 8192
MOST_NODE_PAGES = (1 << 31) - 1
PENALTY_FOR_NODE_WITH_CPUS = 1
DISTANCES = bytes(range(LOCAL_DISTANCE, 256))


@dataclass(frozen=True, slots=True)
class Node:
    """A possible NUMA node. Pages are counted in the topology's page size.

    pages: those that a percpu page can be, which is never one of ZONE_MOVABLE or CMA. A node without any has pages ==
    0: it has no memory, or, movable_only, memory in ZONE_MOVABLE alone (GPU, CXL, pmem, movablecore). The latter ranks
    with the others when the kernel orders a zonelist, and then gives nothing.
    """

    id: int
    online: bool = True
    pages: int = 0
    low_pages: int = 0
    min_pages: int = 0
    movable_only: bool = False

    @property
    def has_memory(self) -> bool:
        """Whether a percpu page can lie on it."""
        return self.pages > 0


@dataclass(frozen=True, slots=True)
class Cpu:
    """A possible CPU. `node` is what cpu_to_node() says, for an absent CPU too."""

    id: int
    node: int
    online: bool = True
    isolated: bool = False


@dataclass(frozen=True)
class Topology:
    """A machine. `distances[i][j]` is the SLIT distance from nodes[i] to nodes[j]; it may be asymmetric.

    unit_pages: pages of a percpu chunk's unit. first_room_bytes: room for dynamic areas in the first chunk, which has
    no obj_exts and is never charged; first_start_bytes: where that region begins within its first page.
    acting: ids of the CPUs on which tasks run in a scenario; () takes the first online ones.
    Raises TopologyError, naming what is wrong.
    """

    name: str
    nodes: tuple[Node, ...]
    cpus: tuple[Cpu, ...]
    distances: tuple[tuple[int, ...], ...]
    page_size: int = 4096
    ext_size: int = 8
    unit_pages: int = 8
    first_room_bytes: int = 0
    first_start_bytes: int = 0
    reserved_room_bytes: int = 0
    acting: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_sizes(self)
        _check_nodes(self)
        _check_distances(self)
        _check_cpus(self)

    @cached_property
    def node_index(self) -> dict[int, int]:
        """Index in `nodes` by node id."""
        return {node.id: index for index, node in enumerate(self.nodes)}

    @cached_property
    def cpu_index(self) -> dict[int, int]:
        """Index in `cpus` by CPU id."""
        return {cpu.id: index for index, cpu in enumerate(self.cpus)}

    @cached_property
    def zonelists(self) -> dict[int, tuple[int, ...]]:
        """By node id: ids of the nodes with memory in the order in which they are tried, the nearest first."""
        ids = [node.id for node in self.nodes]
        rows = zonelist_table(self).tolist()
        return {node: tuple(ids[n] for n in row if n >= 0) for node, row in zip(ids, rows, strict=True)}

    @property
    def min_unit_size_bytes(self) -> int:
        """PCPU_MIN_UNIT_SIZE: 32 KiB or one page, whichever is larger; the largest percpu allocation."""
        return max(32768, self.page_size)

    def acting_cpus(self, most: int) -> tuple[int, ...]:
        """Ids of the acting CPUs: as given, else up to `most` online ones, one node after the other in turn."""
        if self.acting:
            return self.acting
        by_node: dict[int, list[int]] = {}
        for cpu in self.cpus:
            if cpu.online:
                by_node.setdefault(cpu.node, []).append(cpu.id)
        chosen: list[int] = []
        while len(chosen) < most and any(by_node.values()):
            for ids in by_node.values():
                if ids and len(chosen) < most:
                    chosen.append(ids.pop(0))
        return tuple(sorted(chosen))


def _fail(topology: Topology, given: str, allowed: str) -> TopologyError:
    return TopologyError(f"topology {topology.name}", given, allowed)


def _check_sizes(topology: Topology) -> None:
    if topology.page_size not in PAGE_SIZES:
        raise _fail(topology, f"page size {topology.page_size}", "4096, 16384 or 65536")
    if topology.ext_size not in EXT_SIZES:
        raise _fail(topology, f"sizeof(pcpuobj_ext) {topology.ext_size}", "8 or 16")
    least = topology.min_unit_size_bytes // topology.page_size
    if topology.unit_pages < least:
        raise _fail(topology, f"a unit of {topology.unit_pages} pages", f"at least {least} pages (PCPU_MIN_UNIT_SIZE)")
    unit_bytes = topology.unit_pages * topology.page_size
    for what, room in (("first", topology.first_room_bytes), ("reserved", topology.reserved_room_bytes)):
        most = unit_bytes - (topology.first_start_bytes if what == "first" else 0)
        if room < 0 or room % 4 or room > most:
            raise _fail(topology, f"{what} chunk room {room}", f"a multiple of 4 from 0 to {most}")
    if not 0 <= topology.first_start_bytes < topology.page_size or topology.first_start_bytes % 4:
        raise _fail(topology, f"first chunk start {topology.first_start_bytes}", "a multiple of 4 below the page size")


def _check_nodes(topology: Topology) -> None:
    ids = [node.id for node in topology.nodes]
    if not ids or len(ids) > MAX_NODES:
        raise _fail(topology, f"{len(ids)} possible nodes", f"1 to {MAX_NODES}")
    if ids != sorted(set(ids)) or ids[0] < 0:
        raise _fail(topology, f"node ids {ids[:8]}", "ascending, different, not negative")
    if not any(node.has_memory for node in topology.nodes):
        raise _fail(topology, "no node with memory", "at least one node with pages > 0")
    for node in topology.nodes:
        if node.movable_only and (node.has_memory or not node.online):
            raise _fail(
                topology,
                f"node {node.id} is movable_only, with {node.pages} pages, {'online' if node.online else 'offline'}",
                "movable_only on online nodes without pages",
            )
        if node.has_memory and not node.online:
            raise _fail(topology, f"node {node.id} has memory and is offline", "memory only on online nodes")
        if not 0 <= node.pages <= MOST_NODE_PAGES or not 0 <= node.min_pages <= node.low_pages <= MOST_NODE_PAGES:
            raise _fail(
                topology,
                f"node {node.id}: pages {node.pages}, watermarks min {node.min_pages} low {node.low_pages}",
                f"pages from 0 to {MOST_NODE_PAGES} and 0 <= min <= low",
            )


def _check_distances(topology: Topology) -> None:
    nr_nodes = len(topology.nodes)
    rows = topology.distances
    if len(rows) != nr_nodes or any(len(row) != nr_nodes for row in rows):
        lengths = [len(row) for row in rows]
        raise _fail(topology, f"distances of {len(rows)} rows, lengths {lengths[:8]}", f"{nr_nodes} rows of {nr_nodes}")
    for i, row in enumerate(rows):
        if row[i] == LOCAL_DISTANCE and _are_distances(row):
            continue
        for j, distance in enumerate(row):
            here, there = topology.nodes[i].id, topology.nodes[j].id
            if i == j and distance != LOCAL_DISTANCE:
                raise _fail(topology, f"distance of node {here} to itself {distance}", str(LOCAL_DISTANCE))
            if i != j and not LOCAL_DISTANCE <= distance <= 255:
                raise _fail(topology, f"distance of node {here} to node {there} {distance}", "10 to 255")


def _are_distances(row: tuple[int, ...]) -> bool:
    try:
        return not bytes(row).translate(None, DISTANCES)  # a million distances of a large machine, at once
    except ValueError:  # above a byte, or below 0
        return False


def _check_cpus(topology: Topology) -> None:
    ids = [cpu.id for cpu in topology.cpus]
    if not ids or len(ids) > MAX_CPUS:
        raise _fail(topology, f"{len(ids)} possible CPUs", f"1 to {MAX_CPUS}")
    if ids != sorted(set(ids)) or ids[0] < 0:
        raise _fail(topology, f"CPU ids {ids[:8]}", "ascending, different, not negative")
    by_id = {cpu.id: cpu for cpu in topology.cpus}
    node_ids = {node.id for node in topology.nodes}
    for cpu in topology.cpus:
        if cpu.node not in node_ids:
            raise _fail(topology, f"CPU {cpu.id} on unknown node {cpu.node}", f"one of {sorted(node_ids)[:8]}")
    if not any(cpu.online for cpu in topology.cpus):
        raise _fail(topology, "no CPU online", "at least one online CPU")
    for cpu_id in topology.acting:
        if cpu_id not in by_id or not by_id[cpu_id].online:
            raise _fail(topology, f"acting CPU {cpu_id}", "an online possible CPU")


def zonelist_table(topology: Topology) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The order in which nodes with memory are tried for each node: (nr_nodes, nr_nodes) indices, -1 at the end.

    As the kernel builds them: the node itself first, then by distance, nodes of a lower id and nodes with CPUs put
    back, ties by how often a node was already first of its distance, then by id. Nodes with movable memory only rank
    too, and are then left out (find_next_best_node goes over N_MEMORY; an allocation skips zones above its own).
    """
    import numpy as np  # for records alone

    nr_nodes = len(topology.nodes)
    distance = np.array(topology.distances, dtype=np.int64).reshape(nr_nodes, nr_nodes)
    memory = np.array([node.has_memory or node.movable_only for node in topology.nodes])
    gives = np.array([node.has_memory for node in topology.nodes])
    has_cpu = np.zeros(nr_nodes, dtype=np.int64)
    for cpu in topology.cpus:
        if cpu.online:
            has_cpu[topology.node_index[cpu.node]] = PENALTY_FOR_NODE_WITH_CPUS
    load = np.zeros(nr_nodes, dtype=np.int64)
    out = np.full((nr_nodes, nr_nodes), -1, dtype=np.int16)
    ids = np.arange(nr_nodes)
    for local in range(nr_nodes):
        value = distance[local] + (ids < local) + has_cpu
        order = np.lexsort((ids, load, value))
        others = order[memory[order] & (order != local)]
        tried = np.concatenate(([local], others))
        far = distance[local, tried]
        load[others[far[1:] != far[:-1]]] += 1
        given = tried[gives[tried]]
        out[local, : len(given)] = given
    return out


def cpu_runs(topology: Topology) -> list[tuple[int, int]]:
    """Possible CPUs in order as runs of one cpu_to_node: (node index, number of CPUs)."""
    runs: list[tuple[int, int]] = []
    for cpu in topology.cpus:
        node = topology.node_index[cpu.node]
        if runs and runs[-1][0] == node:
            runs[-1] = (node, runs[-1][1] + 1)
        else:
            runs.append((node, 1))
    return runs


def size_class_of(topology: Topology, among: tuple[str, ...] = ("small", "wide")) -> str:
    """The first of the size classes that holds this topology; TopologyError if none does."""
    for name in among:
        size = SIZE_CLASSES[name]
        fits = len(topology.nodes) <= size["nodes"] and len(topology.cpus) <= size["cpus"]
        if fits and topology.unit_pages <= size["pages"] and len(topology.acting) <= size["act"]:
            return name
    limits = "; ".join(
        f"{name}: {SIZE_CLASSES[name]['nodes']} nodes, {SIZE_CLASSES[name]['cpus']} CPUs, "
        f"{SIZE_CLASSES[name]['act']} acting, units of {SIZE_CLASSES[name]['pages']} pages"
        for name in among
    )
    raise _fail(
        topology,
        f"{len(topology.nodes)} nodes, {len(topology.cpus)} CPUs, units of {topology.unit_pages} pages",
        limits,
    )


def topo_record(topology: Topology, size_class: str) -> Record:
    """The Topo record (array of one) of a topology for a size class that holds it."""
    array = new_record(Topo, size_class)
    topo = array[0]
    nr_nodes, nr_cpus = len(topology.nodes), len(topology.cpus)
    acting = topology.acting_cpus(SIZE_CLASSES[size_class]["act"])
    for name in ("page_size", "ext_size", "unit_pages"):
        topo[name] = getattr(topology, name)
    topo["nr_nodes"], topo["nr_cpus"], topo["nr_act"] = nr_nodes, nr_cpus, len(acting)
    topo["nr_online_nodes"] = sum(node.online for node in topology.nodes)
    topo["by_count"] = int(SIZE_CLASSES[size_class]["map_cpus"] == 1)
    topo["first_start"], topo["first_room"] = topology.first_start_bytes, topology.first_room_bytes
    topo["reserved_room"], topo["min_unit_size"] = topology.reserved_room_bytes, topology.min_unit_size_bytes
    for i, node in enumerate(topology.nodes):
        topo["node_online"][i], topo["node_memory"][i] = node.online, node.has_memory
        topo["node_free0"][i], topo["node_low"][i], topo["node_min"][i] = node.pages, node.low_pages, node.min_pages
    topo["cpu_node"][:nr_cpus] = [topology.node_index[cpu.node] for cpu in topology.cpus]
    runs = cpu_runs(topology)
    topo["nr_runs"] = len(runs)
    topo["run_node"][: len(runs)] = [node for node, _ in runs]
    topo["run_cpus"][: len(runs)] = [count for _, count in runs]
    for a, cpu_id in enumerate(acting):
        cpu = topology.cpus[topology.cpu_index[cpu_id]]
        topo["act_cpu"][a], topo["act_node"][a] = topology.cpu_index[cpu_id], topology.node_index[cpu.node]
        topo["act_isolated"][a] = cpu.isolated
    topo["zonelist"][:] = -1
    topo["zonelist"][:nr_nodes, :nr_nodes] = zonelist_table(topology)
    return array
