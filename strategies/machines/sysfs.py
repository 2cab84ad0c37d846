"""Reads the topology of a real machine from sysfs, the real one or a copy of /sys/devices/system/{node,cpu}."""

from __future__ import annotations

import os
import re
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.strategies.machines.answers import NOTHING_SAID, Answers, distances_of
from percpu_fuzz.strategies.machines.machine import (
    NO_WATERMARKS,
    Imported,
    check_page_size,
    parse_list,
    show_list,
    some_pages,
    spread_absent,
    unit_pages_of,
)
from percpu_fuzz.strategies.machines.tree import FolderTree, Tree

RUNNING = Path("/sys/devices/system")


class _Files:
    """The files of a tree, as texts and as lists of ids; what must be there and is not is refused by name."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.label = tree.label

    def needed(self, name: str) -> str:
        """The content of a file that must be there."""
        text = self.tree.text(name)
        if text is None:
            raise InputError(self.label(name), "missing", "the file as sysfs has it")
        return text

    def ids(self, name: str) -> tuple[int, ...]:
        """The ids of a list file that must be there and not be empty."""
        ids = parse_list(self.needed(name), self.label(name))
        if not ids:
            raise InputError(self.label(name), "an empty list", "at least one id")
        return ids

    def optional_ids(self, name: str) -> tuple[int, ...] | None:
        """The ids of a list file, None if there is none."""
        text = self.tree.text(name)
        return None if text is None else parse_list(text, self.label(name))


def _distances(files: _Files, online: tuple[int, ...]) -> dict[int, dict[int, int]]:
    """A node's distance file has one column for each online node."""
    rows: dict[int, dict[int, int]] = {}
    for node in online:
        name = f"node/node{node}/distance"
        words = files.needed(name).split()
        if len(words) != len(online) or not all(re.fullmatch(r"\d{1,9}", word) for word in words):
            given, allowed = " ".join(words)[:80], f"{len(online)} numbers, one for each online node"
            raise InputError(files.label(name), f"distances {given!r}", allowed)
        rows[node] = dict(zip(online, map(int, words), strict=True))
    return rows


def _cpu_nodes(files: _Files, online: tuple[int, ...]) -> dict[int, int]:
    """CPUs that a node lists: cpulist has those online, the links cpuN those present and offline too."""
    node_of: dict[int, int] = {}
    for node in online:
        name = f"node/node{node}/cpulist"
        linked = [re.fullmatch(r"cpu(\d{1,9})", entry) for entry in files.tree.entries(f"node/node{node}")]
        for cpu in {*parse_list(files.needed(name), files.label(name)), *(int(x[1]) for x in linked if x)}:
            if node_of.setdefault(cpu, node) != node:
                raise InputError(files.label(name), f"CPU {cpu}, listed by node {node_of[cpu]} too", "one node each")
    return node_of


def _meminfo_kib(files: _Files, node: int, row: str) -> int:
    name = f"node/node{node}/meminfo"
    found = re.search(rf"^Node \d+ {row}:\s+(\d{{1,18}}) kB$", files.needed(name), re.MULTILINE)
    if found is None:
        raise InputError(files.label(name), f"no line {row}", f"`Node {node} {row}: N kB`")
    return int(found[1])


def _memory_nodes(files: _Files, online: tuple[int, ...], notes: list[str]) -> tuple[int, ...]:
    for name in ("node/has_memory", "node/has_normal_memory"):
        ids = files.optional_ids(name)
        if ids is not None:
            return ids
    notes.append("node/has_memory is missing: nodes whose MemTotal is above 0 have memory")
    return tuple(node for node in online if _meminfo_kib(files, node, "MemTotal") > 0)


def _nodes(files: _Files, possible: tuple[int, ...], page_size: int, notes: list[str]) -> tuple[Node, ...]:
    online = files.ids("node/online")
    memory = _memory_nodes(files, online, notes)
    nodes = []
    for node in possible:
        pages = 0
        if node in memory:
            free = _meminfo_kib(files, node, "MemFree") * 1024 // page_size if node in online else 1
            pages = some_pages(free, f"node {node}", notes)
        nodes.append(Node(node, node in online, pages))
    notes.append(NO_WATERMARKS)
    return tuple(nodes)


def _cpus(
    files: _Files, online_nodes: tuple[int, ...], memory: list[int], answers: Answers, notes: list[str]
) -> tuple[Cpu, ...]:
    possible = files.ids("cpu/possible")
    online = set(files.ids("cpu/online"))
    isolated = set(files.optional_ids("cpu/isolated") or ())
    known = _cpu_nodes(files, online_nodes)
    strange = sorted((online | set(known)) - set(possible))
    if strange:
        raise InputError(files.label("cpu/possible"), f"CPUs {show_list(strange)} not in it", "every CPU there is")
    nodes = spread_absent(possible, {**answers.cpu_nodes, **known}, memory, notes)
    return tuple(Cpu(cpu, nodes[cpu], cpu in online, cpu in isolated) for cpu in possible)


def _page_size(tree: Tree, answers: Answers, notes: list[str]) -> int:
    """The one that is given; the running machine's for its own sysfs; else 4096 and a note."""
    if answers.page_size is not None:
        return answers.page_size
    if isinstance(tree, FolderTree) and tree.base.resolve() == RUNNING:
        return check_page_size(os.sysconf("SC_PAGE_SIZE"), "page size of the running machine")
    notes.append("sysfs has no page size: 4096 bytes are assumed, --page-size gives another")
    return 4096


def import_sysfs(tree: Tree, name: str, answers: Answers = NOTHING_SAID) -> Imported:
    """The machine that a tree of sysfs files describes.

    A node's pages are those free (MemFree). sysfs tells neither page size nor percpu unit: the unit is 8 pages or the
    kernel's minimum. Raises InputError for files that are missing or malformed, TopologyError for what they add up to.
    """
    files = _Files(tree)
    notes: list[str] = []
    page_size = _page_size(tree, answers, notes)
    possible, online = files.ids("node/possible"), files.ids("node/online")
    stray = sorted(set(online) - set(possible))
    if stray:
        raise InputError(files.label("node/possible"), f"nodes {show_list(stray)} not in it", "every online node")
    distances = distances_of(possible, _distances(files, online), answers, notes, "sysfs")
    nodes = _nodes(files, possible, page_size, notes)
    cpus = _cpus(files, online, [node.id for node in nodes if node.has_memory] or list(online), answers, notes)
    unit_pages = unit_pages_of(0, page_size)
    notes.append(f"sysfs has no percpu unit size: {unit_pages} pages of {page_size} bytes are assumed")
    topology = Topology(name, nodes, cpus, distances, page_size=page_size, unit_pages=unit_pages)
    return Imported(topology, tuple(notes))
