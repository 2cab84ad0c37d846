"""Reads the topology of a real machine from sysfs, the real one or a copy of /sys/devices/system/{node,cpu}."""

from __future__ import annotations

import os
import re

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.answers import NOTHING_SAID, Answers
from percpu_fuzz.strategies.machines.facts import Facts, without_numa
from percpu_fuzz.strategies.machines.machine import check_page_size, number_of, one_node_each, parse_list, show_list
from percpu_fuzz.strategies.machines.tree import RUNNING, FolderTree, SysfsTree

PART_MOVABLE = "sysfs has all free memory of a node: what part of it is ZONE_MOVABLE, --zoneinfo FILE takes off"
NODE = re.compile(r"node(\d{1,9})")


class _Files:
    """The files of a tree, as texts and as lists of ids."""

    def __init__(self, tree: SysfsTree) -> None:
        self.tree = tree
        self.label = tree.label

    def ids(self, name: str) -> tuple[int, ...] | None:
        """The ids of a list file, None if there is none."""
        text = self.tree.text(name)
        return None if text is None else parse_list(text, self.label(name))

    def some_ids(self, name: str) -> tuple[int, ...] | None:
        """The same of a list that cannot be empty."""
        ids = self.ids(name)
        if ids == ():
            raise InputError(self.label(name), "an empty list", "at least one id")
        return ids

    def node_folders(self) -> tuple[int, ...]:
        """Nodes that have a folder with a file in it."""
        return tuple(sorted(int(found[1]) for name in self.tree.entries("node") if (found := NODE.fullmatch(name))))


def _distances(files: _Files, online: tuple[int, ...]) -> dict[int, dict[int, int]]:
    """A node's distance file has one column for each online node. A node without the file has no row."""
    rows: dict[int, dict[int, int]] = {}
    for node in online:
        name = f"node/node{node}/distance"
        text = files.tree.text(name)
        words = [] if text is None else text.split()
        if text is not None and (
            len(words) != len(online) or not all(re.fullmatch(r"\d{1,9}", word) for word in words)
        ):
            given, allowed = " ".join(words)[:80], f"{len(online)} numbers, one for each online node"
            raise InputError(files.label(name), f"distances {given!r}", allowed)
        rows[node] = dict(zip(online, map(int, words), strict=False))
    return {node: row for node, row in rows.items() if row}


def _cpu_nodes(files: _Files, online: tuple[int, ...]) -> dict[int, int]:
    """CPUs that a node lists: cpulist has those online, the links cpuN those present and offline too."""
    node_of: dict[int, int] = {}
    for node in online:
        name = f"node/node{node}/cpulist"
        linked = [re.fullmatch(r"cpu(\d{1,9})", entry) for entry in files.tree.entries(f"node/node{node}")]
        listed = files.ids(name)
        if listed is None and not any(linked):
            raise InputError(files.label(name), "missing", "the file as sysfs has it")
        for cpu in {*(listed or ()), *(int(x[1]) for x in linked if x)}:
            one_node_each(node_of, cpu, node, files.label(name))
    return node_of


def _meminfo_kib(files: _Files, node: int, row: str) -> int | None:
    """A row of a node's meminfo, None if there is no such file."""
    name = f"node/node{node}/meminfo"
    text = files.tree.text(name)
    found = re.findall(rf"^Node \d+ {row}:\s+(\d{{1,18}}) kB$", text or "", re.MULTILINE)
    if text is not None and len(found) != 1:
        given = f"{len(found)} lines {row}" if found else f"no line {row}"
        raise InputError(files.label(name), given, f"`Node {node} {row}: N kB`, once")
    return int(found[0]) if found else None


def _memory_nodes(files: _Files, online: tuple[int, ...], notes: list[str]) -> tuple[set[int], set[int] | None]:
    """Nodes with memory that a percpu page may be on, and those with any memory; None if that is not known apart.

    GFP_KERNEL | __GFP_HIGHMEM takes normal and high memory, never movable: a node in has_memory alone has only that.
    """
    every = files.ids("node/has_memory")
    for name in ("node/has_high_memory", "node/has_normal_memory"):
        ids = files.ids(name)
        if ids is not None:
            return set(ids), set(every) if every is not None else None
    if every is not None:
        return set(every), None
    notes.append("node/has_memory is missing: nodes whose MemTotal is above 0 have memory")
    return {node for node in online if _meminfo_kib(files, node, "MemTotal") != 0}, None


def _memory_bytes(files: _Files, online: tuple[int, ...], kernel: set[int], page_size: int) -> dict[int, int]:
    """Free bytes of the nodes that have memory: more than none, for a node without any would count as memoryless."""
    free: dict[int, int] = {}
    for node in sorted(kernel):
        kib = _meminfo_kib(files, node, "MemFree") if node in online else page_size // 1024
        if kib is None:
            continue
        vmstat = files.tree.text(f"node/node{node}/vmstat") or ""
        cma = re.search(r"^nr_free_cma (\d{1,15})$", vmstat, re.MULTILINE)
        free[node] = max(kib * 1024 - (int(cma[1]) * page_size if cma else 0), 1)
    return dict.fromkeys(set(online) - kernel, 0) | free


def _page_size(tree: SysfsTree, answers: Answers, notes: list[str]) -> int:
    """The one that is given; the running machine's for its own sysfs; what was captured; else 4096 and a note."""
    if answers.page_size is not None:
        return answers.page_size
    if isinstance(tree, FolderTree) and tree.base.resolve() == RUNNING:
        return check_page_size(os.sysconf("SC_PAGE_SIZE"), "page size of the running machine")
    captured = tree.beside("page_size")
    if captured is not None:
        where = f"{tree.where}, page_size"
        return check_page_size(number_of(captured.decode("ascii", "replace").strip(), "size", where, 1 << 20), where)
    notes.append("sysfs has no page size: 4096 bytes are assumed, --page-size gives another")
    return 4096


def _within(files: _Files, what: str, name: str, ids: set[int], possible: tuple[int, ...] | None) -> None:
    stray = sorted(ids - set(possible or ids))
    if stray:
        raise InputError(files.label(name), f"{what} {show_list(stray)} not in it", f"every {what[:-1]} there is")


def read_sysfs(tree: SysfsTree, answers: Answers = NOTHING_SAID) -> Facts:
    """The facts of a tree of sysfs files; a node's memory is what is free (MemFree), without CMA where that is said.

    What is missing is asked for, what is malformed raises InputError. Without node files it is a kernel without NUMA.
    """
    files = _Files(tree)
    notes: list[str] = []
    page_size = _page_size(tree, answers, notes)
    cpus, online_cpus = files.some_ids("cpu/possible"), files.some_ids("cpu/online") or ()
    isolated = files.ids("cpu/isolated") or ()
    nodes, online = files.some_ids("node/possible"), files.some_ids("node/online") or files.node_folders()
    if not online:
        _within(files, "CPUs", "cpu/possible", set(online_cpus), cpus)
        facts = Facts(
            tree.where, (), online_cpus, {}, page_size=page_size, possible_cpus=cpus, isolated_cpus=isolated,
            notes=notes,
        )  # fmt: skip
        return without_numa(facts)
    _within(files, "nodes", "node/possible", set(online), nodes)
    kernel, every = _memory_nodes(files, online, notes)
    memory, cpu_node = _memory_bytes(files, online, kernel, page_size), _cpu_nodes(files, online)
    _within(files, "CPUs", "cpu/possible", {*online_cpus, *cpu_node}, cpus)
    if kernel and answers.zones is None:
        notes.append(PART_MOVABLE)
    movable = None if every is None else tuple(sorted((every - kernel) & set(online)))
    if movable:
        notes.append(
            f"nodes {show_list(movable)} have memory in ZONE_MOVABLE alone (has_memory, not has_normal_memory): no "
            "percpu page can lie there"
        )
    return Facts(
        tree.where, online, online_cpus, cpu_node, (), memory, _distances(files, online), page_size, nodes, cpus,
        isolated, movable, notes=notes,
    )  # fmt: skip
