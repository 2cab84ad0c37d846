"""Reads what `numactl -H` prints: online nodes, their online CPUs, memory in MiB, distances."""

from __future__ import annotations

import re

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.machine import ID_MAX, number_of, one_node_each

NUMACTL_MARK = re.compile(r"^available: \d+ nodes?\b", re.MULTILINE)
CPUS_ROW = re.compile(r"node (\d{1,5}) cpus:((?: +\d{1,5})*) *")
MEMORY_ROW = re.compile(r"node (\d{1,5}) (size|free): (?:(\d{1,12}) MB|<not available>) *")
DISTANCES_ROW = re.compile(r" *(\d{1,5}):((?: +\d{1,9})+) *")
DISTANCES_HEAD = re.compile(r"node((?: +\d{1,5})+) *")
NUMACTL_OUTPUT = "the output of numactl -H"


class _Reader:
    """Takes the lines one after the other."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.cpus: dict[int, tuple[int, ...]] = {}
        self.mib: dict[str, dict[int, int]] = {"size": {}, "free": {}}
        self.columns: tuple[int, ...] = ()
        self.rows: dict[int, dict[int, int]] = {}

    def take(self, line: str) -> None:
        if found := CPUS_ROW.fullmatch(line):
            node = int(found[1])
            if node in self.cpus:
                raise InputError(self.where, f"node {node} twice", NUMACTL_OUTPUT)
            self.cpus[node] = tuple(map(int, found[2].split()))
        elif found := MEMORY_ROW.fullmatch(line):
            if found[3] is not None:
                self.mib[found[2]][int(found[1])] = int(found[3])
        elif found := DISTANCES_HEAD.fullmatch(line):
            self.columns = tuple(map(int, found[1].split()))
        elif found := DISTANCES_ROW.fullmatch(line):
            self._row(int(found[1]), tuple(map(int, found[2].split())))
        elif line.startswith("node ") and line.strip() != "node distances:":
            raise InputError(self.where, f"line {line[:80]!r}", NUMACTL_OUTPUT)

    def _row(self, node: int, distances: tuple[int, ...]) -> None:
        if len(distances) != len(self.columns) or node in self.rows:
            given = f"{len(distances)} distances of node {node}"
            raise InputError(self.where, given, f"one row for each node, {len(self.columns)} numbers in each")
        self.rows[node] = dict(zip(self.columns, distances, strict=True))


def _cpu_node(cpus: dict[int, tuple[int, ...]], where: str) -> dict[int, int]:
    node_of: dict[int, int] = {}
    for node, listed in cpus.items():
        for cpu in listed:
            one_node_each(node_of, number_of(str(cpu), "CPU", where, ID_MAX), node, where)
    return node_of


def read_numactl(text: str, where: str) -> Facts:
    """The facts of numactl's text. Rows of distances for nodes that it does not list are left out.

    Free memory counts; a node whose size is 0 has none. Raises InputError for lines that do not fit together.
    """
    reader = _Reader(where)
    for line in text.splitlines():
        reader.take(line.rstrip("\r"))
    online = tuple(sorted(reader.cpus))
    if not online:
        raise InputError(where, "no line `node N cpus:`", NUMACTL_OUTPUT)
    silent = [node for node in online if reader.rows and not set(online) <= set(reader.rows.get(node, ()))]
    if silent:
        raise InputError(where, f"no distances between node {silent[0]} and every other", "a row and a column each")
    size, free = reader.mib["size"], reader.mib["free"]
    memory = {node: max(free[node], 1) << 20 if size[node] else 0 for node in online if node in size and node in free}
    cpu_node = _cpu_node(reader.cpus, where)
    return Facts(
        where,
        online,
        tuple(sorted(cpu_node)),
        cpu_node,
        (),
        memory,
        {here: {there: reader.rows[here][there] for there in online} for here in reader.rows if here in online},
        notes=["numactl has whole MiB: free memory is that, rounded down, and one MiB at least"],
    )
