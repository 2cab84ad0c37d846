"""Reads what `lstopo file.xml` writes, format 1 and 2: nodes, CPUs, total memory, page size, distances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import LOCAL_DISTANCE
from percpu_fuzz.strategies.machines.answers import Missing
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.machine import ID_MAX, number_of, show_list
from percpu_fuzz.strategies.machines.xml.events import Element

HWLOC_XML = "hwloc XML as `lstopo --of xml` writes it"
DRIVER_MEMORY = ("GPUMemory", "NVM", "CXL-NVM", "CXL-DRAM", "SPM")
MEANS_LATENCY = 4
WORD_BITS = 32


@dataclass(slots=True)
class _Numa:
    """A NUMANode object: its id, the CPUs that it is local to, and its memory, None if it says none.

    kind: what hwloc knows of a node that a driver made: GPUMemory, or the name of a DAX device.
    """

    id: int
    gp_index: str
    all_cpus: frozenset[int]
    memory_bytes: int | None
    kind: str = ""


@dataclass(slots=True)
class _Found:
    """What a walk over the objects collects."""

    nodes: list[_Numa] = field(default_factory=list)
    online: set[int] = field(default_factory=set)
    all_cpus: set[int] = field(default_factory=set)
    page_sizes: set[int] = field(default_factory=set)
    machine: _Numa | None = None


def parse_bitmap(text: str, where: str) -> frozenset[int]:
    """The ids of a hwloc bitmap: words of 32 bits, the highest first, an empty word being 0."""
    words = text.split(",")
    if len(words) > (ID_MAX + 1) // WORD_BITS or not all(re.fullmatch(r"(?:0x[0-9a-f]{1,8})?", word) for word in words):
        raise InputError(where, f"bitmap {text[:40]!r}", "finite, words such as 0x0000000f with commas between")
    ids: set[int] = set()
    for place, word in enumerate(reversed(words)):
        value = int(word, 16) if word else 0
        ids.update(place * WORD_BITS + bit for bit in range(WORD_BITS) if value >> bit & 1)
    return frozenset(ids)


def _number(element: Element, name: str, where: str, most: int = ID_MAX) -> int:
    kind = element.attributes.get("type", element.tag)
    return number_of(element.attributes.get(name, ""), f"{kind} with {name}", where, most)


def _objects(element: Element) -> Iterator[Element]:
    """Every object below an element, in document order; nesting is bounded by the parser."""
    for child in element.children:
        if child.tag == "object":
            yield child
            yield from _objects(child)


def _numa(element: Element, where: str, number: int | None = None) -> _Numa:
    """A NUMANode, or what stands for one: then with the number that is given."""
    given = element.attributes
    cpus = parse_bitmap(given.get("cpuset", ""), where)
    infos = {c.attributes.get("name", ""): c.attributes.get("value", "") for c in element.children if c.tag == "info"}
    return _Numa(
        _number(element, "os_index", where) if number is None else number,
        given.get("gp_index", ""),
        cpus | parse_bitmap(given.get("complete_cpuset", ""), where),
        _number(element, "local_memory", where, 1 << 55) if "local_memory" in given else None,
        given["subtype"] if given.get("subtype") in DRIVER_MEMORY else infos.get("DAXDevice", ""),
    )


def _walk(root: Element, where: str) -> _Found:
    found = _Found()
    for element in _objects(root):
        kind = element.attributes.get("type")
        if kind == "NUMANode":
            found.nodes.append(_numa(element, where))
        elif kind == "Machine":
            online = element.attributes.get("online_cpuset", element.attributes.get("cpuset", ""))
            found.online |= parse_bitmap(online, where)
            found.all_cpus |= parse_bitmap(element.attributes.get("complete_cpuset", online), where)
            found.machine = found.machine or _numa(element, where, 0)
        for page in element.children if kind in ("NUMANode", "Machine") else ():
            if page.tag == "page_type":
                found.page_sizes.add(_number(page, "size", where, 1 << 40))
    if not found.nodes and found.machine is not None:
        found.nodes.append(found.machine)
    return found


def _cpu_node(nodes: list[_Numa], cpuless: tuple[int, ...], missing: list[Missing]) -> dict[int, int]:
    """cpu_to_node, of offline CPUs too where a node has them.

    hwloc lists near CPUs with a node that has none of its own, so a CPU may be listed twice: then it must be said
    which of the nodes those are.
    """
    node_of: dict[int, int] = {}
    twice: set[int] = set()
    for node in nodes:
        for cpu in () if node.id in cpuless else sorted(node.all_cpus):
            if node_of.setdefault(cpu, node.id) != node.id:
                twice |= {node_of[cpu], node.id}
    if twice:
        likely = max((node for node in nodes if node.id in twice), key=lambda node: (node.kind != "", node.id))
        words = f"which of nodes {show_list(sorted(twice))}, that list the same CPUs, have memory only"
        missing.append(Missing(words, "--cpuless-nodes LIST", f"--cpuless-nodes {likely.id}"))
    return node_of


def _square(order: list[int], values: list[int]) -> dict[int, dict[int, int]]:
    """Rows and columns by node, or none if the values are no distances of a kernel: square, and 10 to themselves."""
    n = len(order)
    if len(values) != n * n or any(values[i * n + i] != LOCAL_DISTANCE for i in range(n)):
        return {}
    return {here: dict(zip(order, values[i * n : i * n + n], strict=True)) for i, here in enumerate(order)}


def _texts(element: Element, tag: str) -> list[str]:
    return [word for child in element.children if child.tag == tag for word in child.text.split()]


def _distances_v2(root: Element, nodes: list[_Numa]) -> dict[int, dict[int, int]]:
    """Of <distances2> of nodes that means latency; indexes are os_index, or gp_index with indexing="gp"."""
    by_gp = {node.gp_index: node.id for node in nodes}
    for element in root.children:
        given = element.attributes
        kind = given.get("kind", "")
        if element.tag != "distances2" or given.get("type") != "NUMANode":
            continue
        if not kind.isdecimal() or not int(kind[:9]) & MEANS_LATENCY:
            continue
        by_os = {str(node.id): node.id for node in nodes}
        names = by_gp if given.get("indexing") == "gp" else by_os
        words, values = _texts(element, "indexes"), _texts(element, "u64values")
        if all(word in names for word in words) and all(re.fullmatch(r"[0-9]{1,9}", value) for value in values):
            if rows := _square([names[word] for word in words], list(map(int, values))):
                return rows
    return {}


def _elements(element: Element) -> Iterator[Element]:
    for child in element.children:
        yield child
        yield from _elements(child)


def _distances_v1(root: Element, nodes: list[_Numa]) -> dict[int, dict[int, int]]:
    """Of <distances>, a base and factors, wherever one stands that has as many objects as there are nodes."""
    order = [node.id for node in nodes]
    for element in _elements(root):
        given = element.attributes
        if element.tag != "distances" or given.get("nbobjs") != str(len(nodes)):
            continue
        words = [given.get("latency_base", ""), *(child.attributes.get("value", "") for child in element.children)]
        if all(re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", word) for word in words):
            base = float(words[0])
            if rows := _square(order, [round(base * float(word)) for word in words[1:]]):
                return rows
    return {}


def read_hwloc(root: Element, where: str, cpuless: tuple[int, ...] = ()) -> Facts:
    """The facts of an hwloc document. cpuless: nodes without CPUs, which it may list with CPUs that are near.

    Memory is each node's total, since hwloc has no free memory. Raises InputError for what is missing or malformed.
    """
    if root.tag != "topology":
        raise InputError(where, f"XML of {root.tag[:40]!r}", HWLOC_XML)
    found = _walk(root, where)
    if not found.nodes or not found.online:
        raise InputError(where, "no Machine or no CPU", HWLOC_XML)
    ids = [node.id for node in found.nodes]
    if len(set(ids)) != len(ids) or not set(cpuless) <= set(ids):
        raise InputError(where, f"nodes {ids[:8]}, CPU-less {show_list(cpuless) or 'none'}", "different ids")
    version = root.attributes.get("version", "1")
    distances = _distances_v1 if version.split(".")[0] in ("0", "1") else _distances_v2
    missing: list[Missing] = []
    notes = ["hwloc has total memory: that free is not said, --zoneinfo or --memory gives it"]
    cpu_node = _cpu_node(found.nodes, cpuless, missing)
    if found.nodes == [found.machine]:
        notes.append("hwloc lists no NUMANode: the machine is one node, 0, with all memory")
    facts = Facts(
        where, tuple(sorted(ids)), tuple(sorted(found.online)), cpu_node,
        tuple(sorted(found.all_cpus - found.online - set(cpu_node))), _memory_bytes(found.nodes),
        distances(root, found.nodes), page_size=min(found.page_sizes, default=0) or None, missing=missing, notes=notes,
    )  # fmt: skip
    _movable(facts, found.nodes)
    return facts


def _memory_bytes(nodes: list[_Numa]) -> dict[int, int]:
    """Total memory; a node that says none has none, unless no node says any."""
    if all(node.memory_bytes is None for node in nodes):
        return {}
    return {node.id: node.memory_bytes or 0 for node in nodes}


def _movable(facts: Facts, nodes: list[_Numa]) -> None:
    """Nodes that a driver made of GPU, CXL or pmem memory are taken for movable ones."""
    made = {node.id: node.kind for node in nodes if node.kind and facts.memory_bytes.get(node.id)}
    if made:
        facts.movable_guess = tuple(sorted(made))
        kinds = ", ".join(f"{node} {kind[:20]}" for node, kind in sorted(made.items()))
        facts.notes.append(
            f"nodes that a driver made of device memory ({kinds}) are taken to be ZONE_MOVABLE, where no percpu page "
            "can lie; --movable-nodes LIST says otherwise"
        )
