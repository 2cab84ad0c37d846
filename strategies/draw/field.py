"""Machines that people have, and on which v2's precharge differs most from what is used: many possible nodes, few of
them with memory that a percpu page can lie on.

Shapes (nodes, CPUs, distances, page size) are as such machines show them in `numactl -H`; sizes are round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from percpu_fuzz.engine.topology import Cpu, Node, Topology

PLENTY = 1 << 20  # pages: a node that pressure alone can fill
Distance = Callable[[int, int], int]


def node(number: int, pages: int = PLENTY, *, online: bool = True) -> Node:
    """A node of so many pages (0: none) with watermarks: low 1/64 of them, at most 64, min 1/128, at most 32."""
    return Node(number, online, pages, min(pages // 64, 64), min(pages // 128, 32))


def movable(number: int) -> Node:
    """A node whose memory is all in ZONE_MOVABLE."""
    return Node(number, movable_only=True)


def _square(ids: list[int], distance: Distance) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(10 if a == b else distance(a, b) for b in ids) for a in ids)


def _blocks(nodes: list[int], cpus_each: int) -> tuple[Cpu, ...]:
    """CPUs from 0 on, so many for each node in turn."""
    return tuple(Cpu(i * cpus_each + c, number) for i, number in enumerate(nodes) for c in range(cpus_each))


def gh200() -> Topology:
    """Grace Hopper: node 0 has the CPUs, node 1 the GPU's HBM, nodes 2 to 8 wait for parts of the GPU (MIG)."""
    nodes = (node(0), movable(1), *(node(n, 0) for n in range(2, 9)))
    rows = _square(list(range(9)), lambda a, b: 80 if 0 in (a, b) else 255)
    return Topology("gh200", nodes, _blocks([0], 72), rows, page_size=65536)


def gh200_quad() -> Topology:
    """Four Grace Hopper in one board: 36 nodes, 4 with CPUs, 4 with HBM, 28 without anything."""
    gpus = {4: 0, 12: 1, 20: 2, 28: 3}
    nodes = tuple(node(n) if n < 4 else movable(n) if n in gpus else node(n, 0) for n in range(36))

    def distance(a: int, b: int) -> int:
        if a < 4 and b < 4:
            return 40
        near = gpus.get(max(a, b), (max(a, b) - 4) // 8) == min(a, b)
        return 255 if a >= 4 and b >= 4 else 80 if near else 120

    return Topology("gh200-quad", nodes, _blocks([0, 1, 2, 3], 72), _square(list(range(36)), distance), page_size=65536)


def power9_gpu() -> Topology:
    """POWER9 with four GPUs (AC922): nodes 0 and 8 have CPUs, 252 to 255 the memory of the GPUs."""
    ids = [0, 8, 252, 253, 254, 255]
    nodes = (node(0), node(8), *(movable(n) for n in ids[2:]))
    rows = _square(ids, lambda a, b: 40 if max(a, b) == 8 else 80)
    return Topology("power9-gpu", nodes, _blocks([0, 8], 88), rows, page_size=65536)


def epyc_nps4() -> Topology:
    """Two EPYC sockets with NPS4 and half of the memory channels empty: 8 nodes, 4 without memory."""
    nodes = tuple(node(n, PLENTY if n % 2 == 0 else 0) for n in range(8))
    rows = _square(list(range(8)), lambda a, b: 12 if a // 4 == b // 4 else 32)
    return Topology("epyc-nps4", nodes, _blocks(list(range(8)), 16), rows)


def xeon_pmem() -> Topology:
    """Two Xeon sockets, and two nodes of persistent memory that dax/kmem put online as movable."""
    rows = ((10, 21, 17, 28), (21, 10, 28, 17), (17, 28, 10, 28), (28, 17, 28, 10))
    return Topology("xeon-pmem", (node(0), node(1), movable(2), movable(3)), _blocks([0, 1], 48), rows)


def xeon_cxl() -> Topology:
    """Two Xeon sockets and a CXL expander on each, put online as movable; node 4 is a window that is still empty."""
    nodes = (node(0), node(1), movable(2), movable(3), node(4, 0, online=False))
    rows = (
        (10, 21, 14, 24, 14), (21, 10, 24, 14, 24), (14, 24, 10, 26, 16), (24, 14, 26, 10, 26), (14, 24, 16, 26, 10),
    )  # fmt: skip
    return Topology("xeon-cxl", nodes, _blocks([0, 1], 64), rows)


def power_lpar32() -> Topology:
    """A POWER LPAR: the hypervisor allows 32 nodes; node 2 has all memory and CPUs, node 0 is online and empty."""
    nodes = tuple(node(n, PLENTY if n == 2 else 0, online=n in (0, 2)) for n in range(32))
    cpus = tuple(Cpu(c, 2, online=c < 32) for c in range(128))
    return Topology("power-lpar32", nodes, cpus, _square(list(range(32)), lambda _a, _b: 40), page_size=65536)


FIELD_MACHINES: Mapping[str, Callable[[], Topology]] = {
    "gh200": gh200,
    "gh200-quad": gh200_quad,
    "power9-gpu": power9_gpu,
    "epyc-nps4": epyc_nps4,
    "xeon-pmem": xeon_pmem,
    "xeon-cxl": xeon_cxl,
    "power-lpar32": power_lpar32,
}
