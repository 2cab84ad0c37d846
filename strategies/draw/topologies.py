"""Named machines and named families of machines.

A family is a finite list of topologies drawn once from a fixed seed: a case takes each with the same probability, so a
family is a distribution that has a name and never changes. Families are the strata of the measurement stream.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from percpu_fuzz.engine.core.records import SIZE_CLASSES, Record
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node, Topology, size_class_of, topo_record
from percpu_fuzz.strategies.draw.field import FIELD_MACHINES, PLENTY, node


def line_distances(ids: list[int], near: int = 20) -> tuple[tuple[int, ...], ...]:
    """Distances that grow by 2 with each further node in the list."""
    far = [10, *(min(near + 2 * (steps - 1), 255) for steps in range(1, len(ids)))]
    both = (*reversed(far[1:]), *far)  # node i's row is a window of this, its own place in the middle
    return tuple(both[len(ids) - 1 - i : 2 * len(ids) - 1 - i] for i in range(len(ids)))


def even(name: str, nr_nodes: int, nr_cpus: int, **more: int) -> Topology:
    """CPUs in equal blocks over nodes with memory."""
    cpus = tuple(Cpu(c, c * nr_nodes // nr_cpus) for c in range(nr_cpus))
    nodes = tuple(node(n) for n in range(nr_nodes))
    return Topology(name, nodes, cpus, line_distances(list(range(nr_nodes))), **more)  # type: ignore[arg-type]


def vm8() -> Topology:
    """The 8-node machine of the series' tests: 2 nodes with CPUs, 6 with memory only."""
    cpus = tuple(Cpu(c, c // 4) for c in range(8))
    nodes = tuple(node(n, PLENTY if n < 2 else PLENTY // 4) for n in range(8))
    rows = [[10 if i == j else (20 if i < 2 and j < 2 else 24 + 2 * (j % 3)) for j in range(8)] for i in range(8)]
    return Topology("vm8", nodes, cpus, tuple(map(tuple, rows)))


def memoryless() -> Topology:
    """A node whose CPUs have no memory of their own."""
    nodes = (node(0), node(1, 0), node(2))
    cpus = tuple(Cpu(c, c // 2) for c in range(6))
    return Topology("memoryless", nodes, cpus, ((10, 20, 20), (20, 10, 15), (20, 15, 10)))


def sparse() -> Topology:
    """POWER9 with GPUs: node ids 0, 8, 252..255."""
    nodes = (node(0), node(8), *(node(n, PLENTY // 8) for n in (252, 253, 254, 255)))
    cpus = tuple(Cpu(c * 4, 0 if c < 4 else 8) for c in range(8))
    rows = [[10 if i == j else (40 if i < 2 and j < 2 else 80) for j in range(6)] for i in range(6)]
    return Topology("sparse", nodes, cpus, tuple(map(tuple, rows)), page_size=65536, ext_size=8)


def absent() -> Topology:
    """A virtual machine with 4 CPUs online of 240 possible."""
    cpus = tuple(Cpu(c, c % 2, online=c < 4) for c in range(240))
    return Topology("absent", (node(0), node(1)), cpus, ((10, 20), (20, 10)))


def cxl() -> Topology:
    """Two sockets and two CXL memory nodes, farther one way than the other."""
    nodes = (node(0), node(1), node(2, PLENTY // 2), node(3, PLENTY // 2))
    cpus = tuple(Cpu(c, c // 4) for c in range(8))
    rows = ((10, 21, 24, 34), (21, 10, 34, 24), (26, 36, 10, 44), (36, 26, 44, 10))
    return Topology("cxl", nodes, cpus, rows, ext_size=16)


def isolated() -> Topology:
    """Two nodes, two of four CPUs isolated."""
    cpus = tuple(Cpu(c, c // 2, isolated=c % 2 == 1) for c in range(4))
    return Topology("isolated", (node(0), node(1)), cpus, ((10, 20), (20, 10)))


def one_node() -> Topology:
    """One node, 4 CPUs, and 1024 bytes for dynamic areas in the first chunk, from byte 512 of a page on."""
    return replace(even("one-node", 1, 4), first_room_bytes=1024, first_start_bytes=512)


DEFAULT_SET, FIELD_SET, MOVABLE_ONLY = "default", "field", "movable-only"
PRESETS: dict[str, Callable[[], Topology]] = {
    "two-node": lambda: even("two-node", 2, 2),
    "one-node": one_node,
    "vm8": vm8,
    "epyc176": lambda: even("epyc176", 1, 176, ext_size=16),
    "xeon80": lambda: even("xeon80", 2, 80, ext_size=16),
    "memoryless": memoryless,
    "sparse": sparse,
    "absent": absent,
    "cxl": cxl,
    "isolated": isolated,
    "thousand": lambda: even("thousand", 1024, 2048),
    **FIELD_MACHINES,
}


def preset(name: str) -> Topology:
    """A named machine; InputError names the ones there are."""
    if name not in PRESETS:
        raise InputError("topology", name, ", ".join(PRESETS))
    return PRESETS[name]()


def random_distances(rng: random.Random, nr_nodes: int) -> tuple[tuple[int, ...], ...]:
    """Symmetric by default, one family in four asymmetric."""
    steps = (11, 12, 16, 20, 21, 28, 32, 40, 255)
    rows = [[10] * nr_nodes for _ in range(nr_nodes)]
    lopsided = rng.random() < 0.25
    for i in range(nr_nodes):
        for j in range(i):
            rows[i][j] = rng.choice(steps)
            rows[j][i] = rng.choice(steps) if lopsided else rows[i][j]
    return tuple(map(tuple, rows))


def random_topology(rng: random.Random, name: str, nodes_max: int, cpus_max: int) -> Topology:
    """A machine with up to nodes_max possible nodes and cpus_max possible CPUs; sizes and first chunk drawn too."""
    nr_nodes = rng.randint(1, nodes_max)
    nr_cpus = rng.randint(1, cpus_max)
    gaps = [0, *(rng.choice((1, 1, 1, 3)) for _ in range(nr_nodes - 1))]
    ids = [sum(gaps[: i + 1]) for i in range(nr_nodes)]
    kinds = [rng.choice(("full", "full", "full", "memoryless", "offline")) for _ in ids]
    kinds[rng.randrange(nr_nodes)] = "full"
    nodes = tuple(
        node(number, PLENTY if kind == "full" else 0, online=kind != "offline")
        for number, kind in zip(ids, kinds, strict=True)
    )
    with_cpus = [n for n, kind in zip(ids, kinds, strict=True) if kind != "offline"]
    with_cpus = rng.sample(with_cpus, rng.randint(1, len(with_cpus)))
    cpus = tuple(
        Cpu(c, rng.choice(with_cpus), online=c == 0 or rng.random() < 0.85, isolated=rng.random() < 0.08)
        for c in range(nr_cpus)
    )
    page_size = rng.choice((4096, 4096, 4096, 4096, 16384, 65536))
    return Topology(
        name, nodes, cpus, random_distances(rng, nr_nodes), page_size, rng.choice((8, 8, 16)),
        8 if page_size < 65536 else rng.choice((1, 2, 8)),
        rng.choice((0, 0, 1024, 2048)), rng.choice((0, 512)), rng.choice((0, 0, 0, 512)),
    )  # fmt: skip


def random_wide(rng: random.Random, name: str) -> Topology:
    """The first random machine of class wide: a case runs, and is replayed, in the class of its machine."""
    while True:
        topology = random_topology(rng, name, 16, 64)
        if size_class_of(topology) == "wide":
            return topology


def random_movable(rng: random.Random, name: str) -> Topology:
    """A random machine of class small with at least one node, without online CPUs, that has movable memory only."""
    while True:
        drawn = random_topology(rng, name, 4, 8)
        with_cpus = {cpu.node for cpu in drawn.cpus if cpu.online}
        spare = [node.id for node in drawn.nodes if node.online and node.id not in with_cpus]
        chosen = set(rng.sample(spare, rng.randint(1, len(spare)))) if spare else set()
        nodes = tuple(Node(n.id, movable_only=True) if n.id in chosen else n for n in drawn.nodes)
        if chosen and any(node.has_memory for node in nodes):
            return replace(drawn, nodes=nodes)


@dataclass(frozen=True)
class Family:
    """A stratum: its share of the measurement stream (weights are relative) and its machines."""

    name: str
    weight: int
    topologies: tuple[Topology, ...]

    @cached_property
    def size_class(self) -> str:
        """The least that holds every machine."""
        return "wide" if any(size_class_of(t) == "wide" for t in self.topologies) else "small"

    @cached_property
    def topos(self) -> Record:
        """The machines as an array of Topo records, made once in a process."""
        import numpy as np  # for records alone

        return np.concatenate([topo_record(t, self.size_class) for t in self.topologies])

    @cached_property
    def digest(self) -> str:
        """SHA-256 (16 hexadecimal digits) over the machines."""
        return hashlib.sha256(self.topos.tobytes()).hexdigest()[:16]

    @property
    def nodes_max(self) -> int:
        """The most possible nodes of any machine."""
        return max(len(machine.nodes) for machine in self.topologies)


# The default distribution: common shapes, named machines, and rarely very many nodes. By name: the weight, and the
# machines or how many are drawn.
DEFAULT_FAMILIES: dict[str, tuple[int, int | tuple[str, ...]]] = {
    "small-random": (50, 256),
    "two-node": (10, ("two-node", "isolated")),
    "one-node": (8, ("one-node",)),
    "cxl-memoryless": (8, ("cxl", "memoryless")),
    "vm8": (6, ("vm8",)),
    "epyc176": (4, ("epyc176",)),
    "xeon80": (4, ("xeon80",)),
    "sparse-absent": (4, ("sparse", "absent")),
    "wide-random": (5, 24),
    "thousand": (1, ("thousand",)),
}
NR_MOVABLE = 256


def _drawn(name: str, count: int) -> tuple[Topology, ...]:
    rng = random.Random(name)
    if name == "small-random":
        return tuple(random_topology(rng, f"small-{i}", 4, 8) for i in range(count))
    return tuple(random_wide(rng, f"wide-{i}") for i in range(count))


@lru_cache
def families() -> tuple[Family, ...]:
    """The families of the default distribution."""
    return tuple(
        Family(name, weight, _drawn(name, of) if isinstance(of, int) else tuple(preset(machine) for machine in of))
        for name, (weight, of) in DEFAULT_FAMILIES.items()
    )


@lru_cache
def movable_only() -> Family:
    """Drawn machines with nodes of movable memory only: possible, online, and never the place of a percpu page."""
    rng = random.Random("movable-only")
    return Family(MOVABLE_ONLY, 10, tuple(random_movable(rng, f"movable-{i}") for i in range(NR_MOVABLE)))


def named_families(names: tuple[str, ...], where: str) -> tuple[Family, ...]:
    """Families by name: of the default ones, or all of them (default), movable-only, the field's each or all.

    InputError, at `where`, for a name that is none, or a family twice.
    """
    known = {family.name: family for family in (*families(), movable_only())}
    known |= {name: Family(name, 1, (preset(name),)) for name in FIELD_MACHINES}
    sets = {DEFAULT_SET: [family.name for family in families()], FIELD_SET: list(FIELD_MACHINES)}
    chosen = [member for name in names for member in sets.get(name, [name])]
    strange = [name for name in chosen if name not in known]
    if strange or not chosen or len(set(chosen)) != len(chosen):
        given = f"no family {strange[0]!r}" if strange else "none" if not chosen else "a family twice"
        raise InputError(where, given, f"names of {', '.join((*sets, *known))}, each family once")
    return tuple(known[name] for name in chosen)


def cut_to_campaign(topology: Topology) -> Topology:
    """The machine with a unit short enough for the chunks of a campaign; itself if it is.

    A shorter unit holds fewer areas; what an allocation costs does not depend on it.
    """
    most = SIZE_CLASSES["wide"]["pages"]
    if topology.unit_pages <= most:
        return topology
    unit_bytes = most * topology.page_size
    first = min(topology.first_room_bytes, (unit_bytes - topology.first_start_bytes) // 4 * 4)
    reserved = min(topology.reserved_room_bytes, unit_bytes)
    return replace(topology, unit_pages=most, first_room_bytes=first, reserved_room_bytes=reserved)


def extremes(strata: tuple[Family, ...]) -> dict[str, dict[str, list[int]]]:
    """The fewest and the most possible "nodes" and "cpus" of a machine of each family, by name."""

    def ends(counts: list[int]) -> list[int]:
        return [min(counts), max(counts)]

    return {
        "nodes": {family.name: ends([len(machine.nodes) for machine in family.topologies]) for family in strata},
        "cpus": {family.name: ends([len(machine.cpus) for machine in family.topologies]) for family in strata},
    }


def single_family(topology: Topology) -> tuple[Family, ...]:
    """The distribution of `--topology`: one machine."""
    return (Family(topology.name, 1, (topology,)),)
