"""Reads what `virsh capabilities` prints of the host: nodes, CPUs, memory, page size, distances."""

from __future__ import annotations

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.machine import ID_MAX, number_of, one_node_each
from percpu_fuzz.strategies.machines.xml.events import Element

VIRSH_OUTPUT = "the output of virsh capabilities"
SIZE_UNITS = {"b": 1, "bytes": 1, "KB": 1000, "KiB": 1 << 10, "k": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
TOTAL = "virsh capabilities has total memory: that free is not said, --zoneinfo or --memory gives it"


def _below(element: Element, *path: str) -> list[Element]:
    """Elements that a path of tags leads to."""
    found = [element]
    for tag in path:
        found = [child for parent in found for child in parent.children if child.tag == tag]
    return found


class _Reader:
    """Takes one cell after the other."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.node_of: dict[int, int] = {}
        self.memory: dict[int, int] = {}
        self.distances: dict[int, dict[int, int]] = {}
        self.page_sizes: set[int] = set()
        self.nodes: list[int] = []

    def _number(self, element: Element, name: str, most: int = ID_MAX) -> int:
        return number_of(element.attributes.get(name, ""), f"<{element.tag}> with {name}", self.where, most)

    def _bytes(self, count: int, element: Element) -> int:
        unit = element.attributes.get("unit", "KiB")
        if unit not in SIZE_UNITS:
            raise InputError(self.where, f"unit {unit[:20]!r}", ", ".join(SIZE_UNITS))
        return count * SIZE_UNITS[unit]

    def cell(self, cell: Element) -> None:
        node = self._number(cell, "id")
        if node in self.nodes:
            raise InputError(self.where, f"cell {node} twice", VIRSH_OUTPUT)
        self.nodes.append(node)
        for memory in _below(cell, "memory"):
            if node in self.memory:
                raise InputError(self.where, f"memory of cell {node} twice", VIRSH_OUTPUT)
            count = number_of(memory.text.strip(), f"memory of cell {node}", self.where, 1 << 55)
            self.memory[node] = self._bytes(count, memory)
        for pages in _below(cell, "pages"):
            self.page_sizes.add(self._bytes(self._number(pages, "size", 1 << 40), pages))
        for sibling in _below(cell, "distances", "sibling"):
            row = self.distances.setdefault(node, {})
            if (other := self._number(sibling, "id")) in row:
                raise InputError(self.where, f"distance from cell {node} to {other} twice", VIRSH_OUTPUT)
            row[other] = self._number(sibling, "value", 255)
        for listed in _below(cell, "cpus"):
            cpus = [self._number(cpu, "id") for cpu in _below(listed, "cpu")]
            if len(cpus) != self._number(listed, "num"):
                raise InputError(self.where, f"{len(cpus)} CPUs of cell {node}", f"{listed.attributes['num']}")
            for cpu in cpus:
                if cpu in self.node_of:
                    raise InputError(self.where, f"CPU {cpu} twice", VIRSH_OUTPUT)
                one_node_each(self.node_of, cpu, node, self.where)


def is_virsh(root: Element) -> bool:
    """Whether it is libvirt's: all of its capabilities or, as people cut them out, what is about cells; or a guest."""
    within = any(child.tag == "cells" for child in root.children)
    return root.tag in ("capabilities", "host", "cells", "domain") or (root.tag == "topology" and within)


def read_virsh(root: Element, where: str) -> Facts:
    """The facts of the document's root. InputError for what is missing or malformed.

    Memory is each node's total. A guest's <domain> is refused: its cells are no machine's.
    """
    path = ("capabilities", "host", "topology", "cells")
    topologies = _below(root, *path[path.index(root.tag) + 1 :]) if root.tag in path else []
    if len(topologies) != 1:
        raise InputError(where, f"XML of {root.tag[:40]!r} with {len(topologies)} lists of cells", VIRSH_OUTPUT)
    reader = _Reader(where)
    for cell in _below(topologies[0], "cell"):
        reader.cell(cell)
    if topologies[0].attributes.get("num") != str(len(reader.nodes)) or not reader.node_of:
        given = f"{len(reader.nodes)} cells, {topologies[0].attributes.get('num', 'no')[:9]} counted"
        raise InputError(where, f"{given}, {len(reader.node_of)} CPUs", VIRSH_OUTPUT)
    nodes = tuple(sorted(reader.nodes))
    distances = {here: {n: d for n, d in row.items() if n in nodes} for here, row in reader.distances.items()}
    return Facts(
        where, nodes, tuple(sorted(reader.node_of)), reader.node_of, (), reader.memory, distances,
        page_size=min(reader.page_sizes, default=0) or None, notes=[TOTAL],
    )  # fmt: skip
