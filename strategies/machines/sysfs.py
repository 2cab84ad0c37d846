"""Reads the topology of a real machine from sysfs, the real one or a copy of /sys/devices/system/{node,cpu}."""

from __future__ import annotations

import re
from pathlib import Path

from engine.errors import InputError
from engine.topology import PAGE_SIZES, Cpu, Node, Topology
from strategies.machines.machine import (
    PAGES_MAX,
    Imported,
    all_distances,
    parse_list,
    show_list,
    spread_absent,
    unit_pages_of,
)


class _Tree:
    """A folder that holds `node` and `cpu`, read file by file."""

    def __init__(self, root: Path) -> None:
        places = [root, root / "devices" / "system", root / "sys" / "devices" / "system"]
        found = [place for place in places if (place / "node").is_dir() and (place / "cpu").is_dir()]
        if not found:
            raise InputError(str(root), "no folders `node` and `cpu`", "/, /sys, /sys/devices/system or a copy of one")
        self.base = found[0]

    def text(self, name: str) -> str | None:
        """The content of a file, None if there is none."""
        try:
            return (self.base / name).read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(str(self.base / name), f"cannot be read ({error})", "a sysfs file") from None

    def needed(self, name: str) -> str:
        """The content of a file that must be there."""
        text = self.text(name)
        if text is None:
            raise InputError(str(self.base / name), "missing", "the file as sysfs has it")
        return text

    def ids(self, name: str) -> tuple[int, ...]:
        """The ids of a list file that must be there and not be empty."""
        ids = parse_list(self.needed(name), str(self.base / name))
        if not ids:
            raise InputError(str(self.base / name), "an empty list", "at least one id")
        return ids

    def optional_ids(self, name: str) -> tuple[int, ...] | None:
        """The ids of a list file, None if there is none."""
        text = self.text(name)
        return None if text is None else parse_list(text, str(self.base / name))


def _distances(tree: _Tree, online: tuple[int, ...]) -> dict[int, dict[int, int]]:
    """A node's distance file has one column for each online node."""
    rows: dict[int, dict[int, int]] = {}
    for node in online:
        name = f"node/node{node}/distance"
        words = tree.needed(name).split()
        if len(words) != len(online) or not all(re.fullmatch(r"\d{1,9}", word) for word in words):
            given, allowed = " ".join(words)[:80], f"{len(online)} numbers, one for each online node"
            raise InputError(str(tree.base / name), f"distances {given!r}", allowed)
        rows[node] = dict(zip(online, map(int, words), strict=True))
    return rows


def _cpu_nodes(tree: _Tree, online: tuple[int, ...]) -> dict[int, int]:
    """CPUs that a node lists: cpulist has those online, the links cpuN those present and offline too."""
    node_of: dict[int, int] = {}
    for node in online:
        name = f"node/node{node}/cpulist"
        linked = [re.fullmatch(r"cpu(\d{1,9})", entry.name) for entry in (tree.base / f"node/node{node}").iterdir()]
        for cpu in {*parse_list(tree.needed(name), str(tree.base / name)), *(int(x[1]) for x in linked if x)}:
            if node_of.setdefault(cpu, node) != node:
                raise InputError(
                    str(tree.base / name), f"CPU {cpu}, listed by node {node_of[cpu]} too", "one node each"
                )
    return node_of


def _meminfo_kib(tree: _Tree, node: int, row: str) -> int:
    name = f"node/node{node}/meminfo"
    found = re.search(rf"^Node \d+ {row}:\s+(\d{{1,18}}) kB$", tree.needed(name), re.MULTILINE)
    if found is None:
        raise InputError(str(tree.base / name), f"no line {row}", f"`Node {node} {row}: N kB`")
    return int(found[1])


def _memory_nodes(tree: _Tree, online: tuple[int, ...], notes: list[str]) -> tuple[int, ...]:
    for name in ("node/has_memory", "node/has_normal_memory"):
        ids = tree.optional_ids(name)
        if ids is not None:
            return ids
    notes.append("node/has_memory is missing: nodes whose MemTotal is above 0 have memory")
    return tuple(node for node in online if _meminfo_kib(tree, node, "MemTotal") > 0)


def _nodes(tree: _Tree, possible: tuple[int, ...], page_size: int, notes: list[str]) -> tuple[Node, ...]:
    online = tree.ids("node/online")
    memory = _memory_nodes(tree, online, notes)
    nodes = []
    for node in possible:
        pages = 0
        if node in memory:
            # At least one page, because a node without pages would count as memoryless.
            free = _meminfo_kib(tree, node, "MemFree") * 1024 // page_size if node in online else 1
            pages = min(max(free, 1), PAGES_MAX)
            if pages != free:
                notes.append(f"node {node} has {free} free pages: {pages} are assumed")
        nodes.append(Node(node, node in online, pages))
    notes.append("sysfs has no watermarks: low and min are 0")
    return tuple(nodes)


def _cpus(tree: _Tree, online_nodes: tuple[int, ...], notes: list[str]) -> tuple[Cpu, ...]:
    possible = tree.ids("cpu/possible")
    online = set(tree.ids("cpu/online"))
    isolated = set(tree.optional_ids("cpu/isolated") or ())
    known = _cpu_nodes(tree, online_nodes)
    strange = sorted((online | set(known)) - set(possible))
    if strange:
        raise InputError(str(tree.base / "cpu/possible"), f"CPUs {show_list(strange)} not in it", "every CPU there is")
    nodes = spread_absent(possible, known, online_nodes, notes)
    return tuple(Cpu(cpu, nodes[cpu], cpu in online, cpu in isolated) for cpu in possible)


def import_sysfs(root: Path, name: str, page_size: int = 4096) -> Imported:
    """The machine below `root`: /, /sys, /sys/devices/system or a copy of one of them.

    A node's pages are those free (MemFree). sysfs tells neither page size nor percpu unit: the unit is 8 pages or the
    kernel's minimum. Raises InputError for files that are missing or malformed, TopologyError for what they add up to.
    """
    if page_size not in PAGE_SIZES:
        raise InputError("page size", str(page_size), ", ".join(map(str, PAGE_SIZES)))
    tree = _Tree(root)
    notes: list[str] = []
    possible, online = tree.ids("node/possible"), tree.ids("node/online")
    stray = sorted(set(online) - set(possible))
    if stray:
        raise InputError(str(tree.base / "node/possible"), f"nodes {show_list(stray)} not in it", "every online node")
    distances = all_distances(possible, _distances(tree, online), notes)
    nodes = _nodes(tree, possible, page_size, notes)
    cpus = _cpus(tree, online, notes)
    unit_pages = unit_pages_of(0, page_size)
    notes.append(f"sysfs has no percpu unit size: {unit_pages} pages of {page_size} bytes are assumed")
    topology = Topology(name, nodes, cpus, distances, page_size=page_size, unit_pages=unit_pages)
    return Imported(topology, tuple(notes))
