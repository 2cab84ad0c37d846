"""Reads the machine that a boot log tells of: SRAT and SLIT lines, CPUs as they come up, groups of percpu units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.boot_log import first_chunk_of
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.machine import (
    MACHINE_FORMATS,
    REMOTE_DISTANCE,
    one_node_each,
    parse_list,
    show_list,
)

TIME = r"\[ *\d+\.\d+\](?:\[ *[TC]\d+\])?|\[[A-Z]\w\w [A-Z]\w\w +\d+ [\d:]{8} \d{4}\]|\d{4}-\d\d-\d\dT[\d:,.+-]+"
STAMP = re.compile(rf"(?:<\d+>|\w+ *:\w+ *: *)?(?:.*? kernel: ?)?(?:(?:{TIME}) ?(?:\S+ kernel: ?)?)?")
BOOT_MARK = re.compile(
    rf"^(?:<\d+>|kern *:\w+ *: *)?(?:\S.* kernel: ?)?(?:{TIME}) |\bSRAT: |^pcpu-alloc: |^Linux version \d|"
    r"\bNode \d+ CPUs: ",
    re.MULTILINE,
)
BOOT_LOG_LINES = "a boot log with its SRAT lines (`ACPI: SRAT: Node 0 PXM 0 [mem ...]`) and those that name CPUs"
SRAT_CPU = re.compile(r"SRAT: PXM \d+ -> \w+ (\w+)(?: [\w ]*)? -> Node (\d{1,5})")
SRAT_MEMORY = re.compile(r"SRAT: Node (\d{1,5}) PXM \d+ \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\](.*)")
OLD_MEMORY = re.compile(r"SRAT: Node (\d{1,5}) PXM \d+ ([0-9a-f]{1,16})-([0-9a-f]{1,16})(?: \((.*)\))?$")
FAKED = re.compile(r"Faking a node at (?:\[mem )?((?:0x)?[0-9a-f]+)-((?:0x)?[0-9a-f]+)\]?")
ACPI_TABLE = re.compile(r"ACPI: ([A-Z]{4}) (?:0x)?[0-9A-Fa-f]{8,16} ")
LOCALITY = re.compile(r"Locality +(\d{1,5}) : ((?:[0-9A-F]{2} ?)+)")
CPUS_UP = re.compile(r"(?:\.* node +#|Booting Node +)(\d{1,5}), (?:CPUs:|Processors)((?: +#\d{1,5})*)")
GROUPS = re.compile(r"pcpu-alloc: (\[.*)")
NODE_CPUS = re.compile(r"Node (\d{1,5}) CPUs: ?([\d,-]*)")
MOVABLE_FROM = re.compile(r"Node (\d{1,5}): (0x[0-9a-f]+)")
COUNTS = {
    "ids": re.compile(r"nr_cpu_ids:(\d{1,5})"), "nodes": re.compile(r"nr_node_ids:(\d{1,5})"),
    "up": re.compile(r"Brought up (?:\d+ nodes?, )?(\d{1,5}) CPUs?"), "allowed": re.compile(r"Allowing (\d{1,5}) CPUs"),
    "partition": re.compile(r"Partition configured for (\d{1,5}) NUMA nodes"),
    "kib": re.compile(r"Memory: \d+[Kk]/(\d{1,15})[Kk] available"),
}  # fmt: skip


@dataclass(slots=True)
class _Log:
    """What the lines say, one after the other."""

    where: str
    ranges: dict[tuple[int, int], tuple[int, str]] = field(default_factory=dict)
    apics: dict[str, int] = field(default_factory=dict)
    localities: dict[int, tuple[int, ...]] = field(default_factory=dict)
    up: dict[int, int] = field(default_factory=dict)
    groups: dict[int, list[int]] = field(default_factory=dict)
    listed: dict[int, int] = field(default_factory=dict)
    listed_nodes: set[int] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    movable_from: dict[int, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    command_line: str = ""

    def take(self, line: str) -> None:
        if found := SRAT_MEMORY.search(line):
            self._range(int(found[1]), int(found[2], 16), int(found[3], 16), found[4])
        elif found := OLD_MEMORY.search(line):  # before Linux 3.4; its second number is the first that is not in it
            self._range(int(found[1]), int(found[2], 16), int(found[3], 16) - 1, found[4] or "")
        elif found := FAKED.search(line):
            self._range(0, int(found[1], 16), int(found[2], 16), "")
        elif found := SRAT_CPU.search(line):
            one_node_each(self.apics, found[1], int(found[2]), self.where)  # type: ignore[arg-type]  # an id as text
        elif "SRAT: " in line and re.search(r"PXM|Node", line):
            raise InputError(self.where, f"line {line[:80]!r}", BOOT_LOG_LINES)
        elif found := LOCALITY.search(line):
            self.localities[int(found[1])] = tuple(int(word, 16) for word in found[2].split())
        elif found := CPUS_UP.search(line):
            for word in found[2].replace("#", "").split():
                if int(word) in self.up:
                    raise InputError(self.where, f"CPU {word} comes up twice", BOOT_LOG_LINES)
                self.up[int(word)] = int(found[1])
        elif found := GROUPS.search(line):
            self._group(found[1])
        elif found := NODE_CPUS.search(line):
            self.listed_nodes.add(int(found[1]))
            for cpu in parse_list(found[2], self.where):
                one_node_each(self.listed, cpu, int(found[1]), self.where)
        elif found := MOVABLE_FROM.search(line):
            self.movable_from[int(found[1])] = int(found[2], 16)
        elif found := re.search(r"[Cc]ommand line: (.*)", line):
            self.command_line = found[1]
        if found := ACPI_TABLE.search(line):
            self.tables.add(found[1])
        for name, pattern in COUNTS.items():
            if found := pattern.search(line):
                self.counts[name] = int(found[1], 0)

    def _range(self, node: int, first: int, last: int, flags: str) -> None:
        if any(first <= b and a <= last for a, b in self.ranges) or last < first:
            raise InputError(self.where, f"SRAT memory [mem {first:#x}-{last:#x}] twice", "ranges that do not overlap")
        self.ranges[first, last] = (node, flags)

    def _group(self, text: str) -> None:
        words = text.split()
        number = -1
        for word in words:
            if word.startswith("["):
                number = int(re.sub(r"\D", "", word) or 0)
            elif word.isdecimal():
                if any(int(word) in cpus for cpus in self.groups.values()):
                    raise InputError(self.where, f"CPU {word} has two percpu units", BOOT_LOG_LINES)
                self.groups.setdefault(number, []).append(int(word))


def _lines(text: str) -> Iterator[str]:
    """Lines without stamps; in a log that has stamps, a line without one was wrapped and goes on with the one above."""
    stamped = [(line, STAMP.match(line)) for line in text.split("\n") if line.strip()]
    has_stamps = sum(bool(found and found[0]) for _, found in stamped) * 2 > len(stamped)
    pending = ""
    for line, found in stamped:
        stamp = found[0] if found else ""
        if has_stamps and not stamp:
            pending += " " + line.strip()
            continue
        if pending:
            yield pending
        pending = line[len(stamp) :].strip()
    yield pending


def _memory(log: _Log, notes: list[str]) -> tuple[dict[int, int], tuple[int, ...]]:
    """Bytes of the ranges that are there at boot and below where ZONE_MOVABLE begins; nodes of movable memory only."""
    memory: dict[int, int] = {}
    movable: set[int] = set()
    left_out: dict[str, int] = {}
    for (first, last), (node, flags) in log.ranges.items():
        kept = last + 1 - first
        reason = next((word for word in ("hotplug", "non-volatile") if word in flags), "")
        if reason:
            left_out[reason] = left_out.get(reason, 0) + kept
            continue
        start = log.movable_from.get(node)
        below = kept if start is None else max(min(last + 1, start) - first, 0)
        memory[node] = memory.get(node, 0) + below
        if below < kept:
            movable.add(node)
    for reason, size in left_out.items():
        notes.append(f"{size >> 20} MiB of SRAT ranges marked {reason} are not counted: no memory at boot")
    total = sum(last + 1 - first for (first, last), (_, flags) in log.ranges.items() if not flags.strip())
    if log.ranges and total < log.counts.get("kib", 0) << 10:
        given = f"SRAT ranges of {total >> 10} KiB, {log.counts['kib']} KiB of memory"
        raise InputError(log.where, given, "the SRAT lines of all memory")
    return memory, tuple(sorted(node for node in movable if not memory[node]))


def _cpus(log: _Log, notes: list[str]) -> tuple[dict[int, int], tuple[int, ...], tuple[int, ...] | None]:
    """Nodes of CPUs, those online, those possible (None: not said)."""
    node_of = dict(log.listed)
    if log.up:
        boot = [0] if 0 not in log.up else []
        for cpu in boot:
            node_of[cpu] = min(log.up.values())
        for cpu, node in log.up.items():
            one_node_each(node_of, cpu, node, log.where)
        online = tuple(sorted({*log.up, *boot}))
        if log.counts.get("up", len(online)) != len(online):
            given = f"{len(online)} CPUs come up in lines `node #N, CPUs:`, {log.counts['up']} in all"
            raise InputError(log.where, given, "all of these lines")
    elif node_of:
        online = tuple(sorted(node_of))
    else:
        node_of = dict(enumerate(log.apics.values())) or dict.fromkeys(range(log.counts.get("up", 0)), 0)
        online = tuple(range(min(log.counts.get("up", len(node_of)), len(node_of))))
        notes.append("no line names CPUs by node: they are numbered in the order of the SRAT lines")
    grouped = sorted(cpu for cpus in log.groups.values() for cpu in cpus)
    for cpus in log.groups.values():
        nodes = {node_of[cpu] for cpu in cpus if cpu in node_of}
        if len(nodes) == 1:
            node_of.update(dict.fromkeys(cpus, nodes.pop()))
    ids = log.counts.get("ids", log.counts.get("allowed"))
    if grouped and ids is not None and grouped[-1] + 1 != ids:
        raise InputError(log.where, f"percpu units up to CPU {grouped[-1]}, nr_cpu_ids {ids}", "all pcpu-alloc lines")
    possible = tuple(grouped) or (None if ids is None else tuple(range(ids)))
    return node_of, online, possible


def _distances(log: _Log, nodes: tuple[int, ...], notes: list[str]) -> dict[int, dict[int, int]]:
    """Of SLIT lines as a disassembler prints them; the kernel's own where the firmware has no SLIT; else none."""
    if log.localities:
        n = len(log.localities)
        if sorted(log.localities) != list(range(n)) or any(len(row) != n for row in log.localities.values()):
            raise InputError(log.where, f"{n} SLIT localities", "rows 0 to N - 1 of N numbers each")
        return {a: {b: log.localities[a][b] for b in nodes if b < n} for a in nodes if a < n}
    if len(nodes) < 2 or "SLIT" in log.tables or len(log.tables) < 2:  # not known whether all tables are listed
        return {}
    notes.append(f"the log lists the firmware's tables, and no SLIT: the kernel then has 10 and {REMOTE_DISTANCE}")
    return {a: {b: 10 if a == b else REMOTE_DISTANCE for b in nodes} for a in nodes}


def read_boot_facts(text: str, where: str) -> Facts:
    """The facts of a boot log. InputError for one that tells of no node, or does not fit together.

    Memory is what the firmware's tables have. A SLIT is only known to be there, unless its rows are in the text too.
    """
    log = _Log(where)
    text = "\n".join(_lines(text))
    for line in text.split("\n"):
        log.take(line)
    if not (log.ranges or log.listed) or not (log.apics or log.up or log.listed or "up" in log.counts):
        given = "a boot log without SRAT lines of memory, or without lines of CPUs"
        raise InputError(where, given, MACHINE_FORMATS)
    notes = ["a boot log has all memory of the firmware's tables: a kernel takes part of it before anything is free"]
    memory, movable = _memory(log, notes)
    node_of, online, possible = _cpus(log, notes)
    mentioned = {*memory, *log.apics.values(), *node_of.values(), *(node for node, _ in log.ranges.values())}
    mentioned |= log.listed_nodes
    filled = {node for node, size in memory.items() if size}
    nodes = tuple(sorted({*filled, *movable, *log.listed_nodes, *(node_of[cpu] for cpu in online)}))
    x86 = re.search(r"\bAPIC\b|smpboot: |\bx86\b", text) is not None
    return Facts(
        where, nodes, online, node_of, (), {node: memory.get(node, 0) for node in nodes} if log.ranges else {},
        _distances(log, tuple(sorted(mentioned)), notes), 4096 if x86 else None,
        _possible_nodes(log, mentioned, notes), possible, _isolated(log),
        movable if log.movable_from else None, first_chunk=first_chunk_of(text.encode()), notes=notes,
    )  # fmt: skip


def _isolated(log: _Log) -> tuple[int, ...] | None:
    """Those of isolcpus=, which isolates from the scheduler's domains unless it has flags and not that one."""
    if not log.command_line:
        return None
    found = re.search(r"(?:^|\s)isolcpus=((?:(?:domain|nohz|managed_irq),)*)([\d,-]+)", log.command_line)
    return parse_list(found[2], log.where) if found and (not found[1] or "domain" in found[1]) else ()


def _possible_nodes(log: _Log, mentioned: set[int], notes: list[str]) -> tuple[int, ...] | None:
    """Those that the partition is configured for, else those the tables mention; None if there are more than those."""
    if "partition" in log.counts:
        return tuple(range(max(log.counts["partition"], max(mentioned) + 1)))
    if log.counts.get("nodes", max(mentioned) + 1) != max(mentioned) + 1:
        return None
    notes.append(f"possible nodes are those that SRAT mentions: {show_list(sorted(mentioned))}")
    return tuple(sorted(mentioned))
