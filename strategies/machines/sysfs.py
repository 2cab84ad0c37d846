"""Reads the topology of a real machine from sysfs, the real one or a copy of /sys/devices/system/{node,cpu}."""

from __future__ import annotations

import os
import re
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.answers import NOTHING_SAID, Answers
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.machine import check_page_size, one_node_each, parse_list, show_list
from percpu_fuzz.strategies.machines.tree import FolderTree, SysfsTree

RUNNING = Path("/sys/devices/system")


class _Files:
    """The files of a tree, as texts and as lists of ids; what must be there and is not is refused by name."""

    def __init__(self, tree: SysfsTree) -> None:
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
            one_node_each(node_of, cpu, node, files.label(name))
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


def _memory_bytes(files: _Files, online: tuple[int, ...], page_size: int, notes: list[str]) -> dict[int, int]:
    """Free bytes of the nodes that have memory: more than none, for a node without any would count as memoryless."""
    free: dict[int, int] = {}
    for node in _memory_nodes(files, online, notes):
        free[node] = max(_meminfo_kib(files, node, "MemFree") * 1024, 1) if node in online else page_size
    return dict.fromkeys(online, 0) | free


def _page_size(tree: SysfsTree, answers: Answers, notes: list[str]) -> int:
    """The one that is given; the running machine's for its own sysfs; else 4096 and a note."""
    if answers.page_size is not None:
        return answers.page_size
    if isinstance(tree, FolderTree) and tree.base.resolve() == RUNNING:
        return check_page_size(os.sysconf("SC_PAGE_SIZE"), "page size of the running machine")
    notes.append("sysfs has no page size: 4096 bytes are assumed, --page-size gives another")
    return 4096


def _within(files: _Files, what: str, name: str, ids: set[int], possible: tuple[int, ...]) -> None:
    stray = sorted(ids - set(possible))
    if stray:
        raise InputError(files.label(name), f"{what} {show_list(stray)} not in it", f"every {what[:-1]} there is")


def read_sysfs(tree: SysfsTree, answers: Answers = NOTHING_SAID) -> Facts:
    """The facts of a tree of sysfs files; a node's memory is what is free (MemFree).

    Raises InputError for files that are missing or malformed.
    """
    files = _Files(tree)
    notes: list[str] = []
    page_size = _page_size(tree, answers, notes)
    nodes, online = files.ids("node/possible"), files.ids("node/online")
    _within(files, "nodes", "node/possible", set(online), nodes)
    distances, memory = _distances(files, online), _memory_bytes(files, online, page_size, notes)
    cpus, online_cpus, cpu_node = files.ids("cpu/possible"), files.ids("cpu/online"), _cpu_nodes(files, online)
    _within(files, "CPUs", "cpu/possible", {*online_cpus, *cpu_node}, cpus)
    isolated = files.optional_ids("cpu/isolated") or ()
    return Facts("sysfs", online, online_cpus, cpu_node, (), memory, distances, page_size, nodes, cpus, isolated, notes)
