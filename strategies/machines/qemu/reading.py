"""Reads QEMU arguments back into facts: what a guest kernel is told of nodes, CPUs and distances."""

from __future__ import annotations

import re

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import LOCAL_DISTANCE, MAX_CPUS, MAX_NODES
from percpu_fuzz.strategies.machines.facts import Facts, without_numa
from percpu_fuzz.strategies.machines.machine import REMOTE_DISTANCE, number_of, one_node_each, parse_list, show_list
from percpu_fuzz.strategies.machines.qemu.boot_words import boot_words, kernel_memory
from percpu_fuzz.strategies.machines.qemu.devices import Devices
from percpu_fuzz.strategies.machines.qemu.shell import words_of
from percpu_fuzz.strategies.machines.qemu.words import LEVELS, Layout, Suboptions, machine_options, pairs_of
from percpu_fuzz.strategies.machines.sizes import parse_size

QEMU_NODES_MAX = 128
PROGRAM = re.compile(r"(?:.*/)?qemu-system-(\w+)")
DISTANCE = re.compile(r"dist,src=(\d{1,5}),dst=(\d{1,5}),val=(\d{1,3})")
FOUR_KIB_PROGRAMS = ("x86_64", "i386")
RAM_STEP, SHARE_STEP = 8192, 8 << 20
REPLACED = ("smp", "m", "append")
INITIATORS = ("acpi-generic-initiator", "acpi-generic-port")
ALL_MEMORY = "QEMU has the memory of the machine: a kernel takes part of it before anything is free"


class _Machine:
    """Takes option after option, as QEMU does, and refuses what QEMU would."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.layout = Layout([("cpus", "1")], where)
        self.ram_bytes: int | None = None
        self.hotplug = self.sized = False
        self.backends: dict[str, int] = {}
        self.nodes: dict[int, int] = {}
        self.node_of: dict[int, int] = {}
        self.distances: dict[tuple[int, int], int] = {}
        self.kernel: list[str] = []
        self.devices = Devices(where)
        self.notes: list[str] = []
        self.memdevs: dict[int, str] = {}
        self._cpus: list[tuple[str, Suboptions]] = []

    def take(self, name: str, value: str) -> None:
        if name in ("readconfig", "set"):
            self.notes.append(f"-{name} {value[:40]} is not read: what it says of the machine is not counted")
        elif name == "append":
            self.kernel = value.split()
        elif name == "smp":
            self.layout = Layout(pairs_of(value, "cpus", self.where), self.where)
        elif name == "m":
            self._memory(dict(pairs_of(value, "size", self.where)))
        elif name == "device":
            self.devices.device(dict(pairs_of(value, "driver", self.where)))
        elif name in ("machine", "M"):
            self.devices.machine(dict(pairs_of(value, "machine", self.where)))
        elif name == "object":
            self._object(dict(pairs_of(value, "qom-type", self.where)))
        elif found := DISTANCE.fullmatch(value):  # a machine of a thousand nodes has a million of these
            self._distance(dict(zip(("src", "dst", "val"), found.groups(), strict=True)))
        else:
            pairs = pairs_of(value, "type", self.where)
            self._numa(pairs[0][1], pairs[1:])

    def _memory(self, given: dict[str, str]) -> None:
        self._known(given, "-m", ("size", "slots", "maxmem"))
        if "size" in given:
            size = parse_size(given["size"], f"{self.where}, -m", "M")
            self.ram_bytes = -(-size // RAM_STEP) * RAM_STEP
        self.hotplug = "maxmem" in given

    def _known(self, given: dict[str, str], option: str, keys: tuple[str, ...]) -> None:
        strange = sorted(set(given) - set(keys))
        if strange:
            raise InputError(self.where, f"{option} with {strange[0][:40]!r}", ", ".join(keys))

    def _object(self, given: dict[str, str]) -> None:
        if given.get("qom-type", "").startswith("memory-backend-"):
            if "id" not in given or "size" not in given:
                raise InputError(self.where, "a memory backend without id or size", "id=NAME,size=SIZE")
            self.backends[given["id"]] = parse_size(given["size"], f"{self.where}, -object {given['id'][:40]}")
        elif given.get("qom-type") in INITIATORS:
            where = f"{self.where}, -object {given['qom-type']},node"
            self.devices.initiators.add(number_of(given.get("node", ""), "node", where, MAX_NODES - 1))

    def _numa(self, kind: str, pairs: Suboptions) -> None:
        if kind == "node":
            self._node(pairs)
        elif kind == "cpu":
            self._cpus.append((kind, pairs))
        elif kind == "dist":
            self._distance(dict(pairs))
        elif not kind.startswith("hmat"):
            raise InputError(self.where, f"-numa {kind[:20]!r}", "node, cpu, dist or hmat-...")

    def _distance(self, given: dict[str, str]) -> None:
        src = number_of(given.get("src", ""), "-numa dist,src", self.where, MAX_NODES - 1)
        dst = number_of(given.get("dst", ""), "-numa dist,dst", self.where, MAX_NODES - 1)
        self.distances[src, dst] = number_of(given.get("val", ""), "-numa dist,val", self.where, 255)

    def _node(self, pairs: Suboptions) -> None:
        given = dict(pairs)
        self._known(given, "-numa node", ("nodeid", "cpus", "mem", "memdev", "initiator"))
        node = number_of(given.get("nodeid", str(len(self.nodes))), "-numa node,nodeid", self.where, MAX_NODES - 1)
        if node in self.nodes:
            raise InputError(self.where, f"node {node} twice", "different nodeid")
        self.nodes[node] = parse_size(given.get("mem", "0"), f"{self.where}, -numa node,mem", "M")
        self.sized = self.sized or "mem" in given
        if "memdev" in given:
            self.memdevs[node] = given["memdev"]
        for key, text in pairs:
            if key == "cpus":
                self._cpus.append(("range", [("node-id", str(node)), ("cpus", text)]))

    def finish(self) -> None:
        """What needs the whole command line: memory adds up, ids have no gap, CPUs get their nodes."""
        if not self.nodes:
            self.nodes[0] = self.ram_bytes or 0
        for node, memdev in self.memdevs.items():
            if memdev not in self.backends:
                raise InputError(self.where, f"memdev={memdev[:40]}", "the id of a memory backend")
            self.nodes[node] = self.backends[memdev]
        ids = sorted(self.nodes)
        if ids != list(range(len(ids))):
            raise InputError(self.where, f"nodes {show_list(ids)}", "node ids from 0 on without a gap, as QEMU wants")
        if self.ram_bytes and not self.sized and not any(self.nodes.values()) and not self.memdevs:
            self._share_out(self.ram_bytes)
        total = sum(self.nodes.values())
        if self.ram_bytes is not None and total != self.ram_bytes:
            raise InputError(self.where, f"nodes of {total} bytes, -m {self.ram_bytes}", "nodes that add up to -m")
        for kind, pairs in self._cpus:
            self._place(kind, dict(pairs))
        stray = sorted({*self.devices.initiators, *self.devices.nodes()} - set(self.nodes))
        if stray:
            raise InputError(self.where, f"a device on node {stray[0]}", f"a node there is: {show_list(ids)}")

    def _share_out(self, ram_bytes: int) -> None:
        """To all nodes equal parts of whole 8 MiB, as QEMU did before 5.1; the last has the rest."""
        part = ram_bytes // len(self.nodes) // SHARE_STEP * SHARE_STEP
        last = max(self.nodes)
        self.nodes = dict.fromkeys(self.nodes, part)
        self.nodes[last] += ram_bytes - part * len(self.nodes)
        self.notes.append(
            "no -numa node has memory: -m is shared out evenly, as QEMU did before 5.1; later ones refuse it"
        )

    def _place(self, kind: str, given: dict[str, str]) -> None:
        node = number_of(given.pop("node-id", ""), "-numa cpu,node-id", self.where, MAX_NODES - 1)
        if node not in self.nodes:
            raise InputError(
                self.where, f"-numa cpu on node {node}", f"a node there is: {show_list(sorted(self.nodes))}"
            )
        if kind == "range":
            cpus = list(parse_list(given["cpus"], f"{self.where}, -numa node,cpus"))
        else:
            known = {f"{level.removesuffix('s')}-id": level for level in LEVELS}
            strange = [key for key in given if key not in known]
            if strange or not given:
                raise InputError(self.where, f"-numa cpu with {strange or 'no place'}", ", ".join(known))
            fixed = {known[key]: number_of(text, key, self.where, MAX_CPUS) for key, text in given.items()}
            cpus = list(self.layout.matching(fixed))
        if not cpus or cpus[-1] >= self.layout.possible:
            raise InputError(self.where, f"-numa cpu {given}", f"one of {self.layout.possible} possible CPUs")
        for cpu in cpus:
            one_node_each(self.node_of, cpu, node, self.where)

    def place_rest(self, notes: list[str]) -> None:
        """CPUs that no argument names: all by their socket in turn, or node 0 if some are named."""
        rest = [cpu for cpu in range(self.layout.possible) if cpu not in self.node_of]
        if rest and self.node_of:
            notes.append(f"CPUs {show_list(rest)} are named by no -numa argument: QEMU puts them on node 0")
        elif rest and len(self.nodes) > 1:
            notes.append("no -numa argument names a CPU: QEMU lays sockets over the nodes in turn")
        named = bool(self.node_of)
        for cpu in rest:
            self.node_of[cpu] = 0 if named else self.layout.socket_of(cpu) % len(self.nodes)


def _distances(machine: _Machine) -> dict[int, dict[int, int]]:
    """All distances: as given, else the other direction's, else 10 and 20 if none is given at all."""
    given, ids, where = machine.distances, sorted(machine.nodes), machine.where
    stray = [(src, dst) for src, dst in given if src not in machine.nodes or dst not in machine.nodes]
    if stray:
        raise InputError(where, f"a distance from node {stray[0][0]} to {stray[0][1]}", f"nodes {show_list(ids)}")
    lopsided = any(given.get((dst, src), val) != val for (src, dst), val in given.items())
    rows: dict[int, dict[int, int]] = {}
    for src in ids:
        rows[src] = {}
        for dst in ids:
            usual = LOCAL_DISTANCE if src == dst else None if given else REMOTE_DISTANCE
            other = None if lopsided else given.get((dst, src))
            value = given.get((src, dst), other if other is not None else usual)
            if value is None:
                allowed = "all pairs, in both directions if any pair differs, or no distance at all"
                raise InputError(where, f"no distance from node {src} to {dst}", allowed)
            rows[src][dst] = value
    return rows


def _absent_note(machine: _Machine, possible: int) -> None:
    absent = range(machine.layout.present, possible)
    memory = [node for node, size in sorted(machine.nodes.items()) if size]
    if memory and any(machine.node_of[cpu] != memory[cpu % len(memory)] for cpu in absent):
        machine.notes.append(
            f"CPUs {show_list(absent)} are absent at boot: an x86 kernel lays them over the nodes that have memory in "
            "turn, whatever node QEMU has for them"
        )


def _mentioned(machine: _Machine) -> list[int]:
    """The nodes that the firmware's tables mention, in their order: only these are possible to Linux."""
    memory = [node for node, size in sorted(machine.nodes.items()) if size]
    with_cpus = list(dict.fromkeys(machine.node_of[cpu] for cpu in range(machine.layout.possible)))
    last = [max(machine.nodes)] if machine.hotplug else []
    return list(dict.fromkeys([*with_cpus, *memory, *last, *sorted(machine.devices.initiators)]))


def _guest_notes(machine: _Machine, facts: Facts) -> None:
    """What the arguments mean to QEMU and not to a guest kernel."""
    order = _mentioned(machine)
    unknown = [node for node in sorted(machine.nodes) if node not in order]
    if unknown:
        facts.notes.append(
            f"nodes {show_list(unknown)} have neither CPU nor memory: QEMU's tables do not mention them, and to an "
            "ACPI guest they are not even possible"
        )
    if order != sorted(order) or (unknown and unknown[0] < max(order)):
        pairs = " ".join(f"{node}={i}" for i, node in enumerate(order) if node != i)
        facts.notes.append(f"Linux numbers nodes as the tables mention them, CPUs first: QEMU's node=Linux's, {pairs}")
    near = [n for n, row in facts.distances.items() for other, val in row.items() if n != other and val <= 10]
    if near:
        facts.notes.append(f"node {near[0]} is 10 from another node: Linux then refuses the whole table of distances")
    if len(machine.nodes) > QEMU_NODES_MAX:
        facts.notes.append(f"{len(machine.nodes)} nodes: QEMU takes {QEMU_NODES_MAX} at most unless built with more")


def _page_size(words: list[str], facts: Facts, given: int | None) -> int | None:
    """By the program that is called; without one 4096 and a note. None: it must be asked for."""
    program = next((found[1] for word in words if (found := PROGRAM.fullmatch(word))), None)
    if program in FOUR_KIB_PROGRAMS:
        return 4096
    if program is None and given is None:
        facts.notes.append(
            "the arguments name no qemu-system-...: pages of 4096 bytes assumed, --page-size gives another"
        )
        return 4096
    return given


def _taken(words: list[str], where: str) -> _Machine:
    """The machine after every option; what was given twice or not at all is noted."""
    machine = _Machine(where)
    given: list[str] = []
    for name, value in machine_options(words, where):
        machine.take(name, value)
        given.append(name)
    machine.finish()
    machine.notes.append(ALL_MEMORY)
    twice = [name for name in REPLACED if given.count(name) > 1]
    machine.notes += [f"-{name} is given {given.count(name)} times: the last counts" for name in twice]
    if not {"smp", "m", "numa"} & set(given):
        machine.notes.append("neither -smp nor -m nor -numa is given: one CPU, one node, as QEMU has it")
    machine.place_rest(machine.notes)
    return machine


def _plugged(machine: _Machine) -> dict[int, int]:
    """Bytes that devices add by node; what they add nowhere is noted."""
    notes = machine.notes
    plugged = machine.devices.plugged(machine.backends, notes)
    used = {*machine.memdevs.values(), *machine.devices.backends()}
    if unused := sorted(set(machine.backends) - used):
        notes.append(f"memory backends {', '.join(unused)[:80]} are no node's and no device's: they are not counted")
    mentioned = set(_mentioned(machine))
    if stray := sorted(set(plugged) - mentioned):
        notes.append(
            f"memory plugged on nodes {show_list(stray)} is not counted: the firmware's tables do not name them, and "
            "Linux adds no memory to a node that is not possible"
        )
    return {node: size for node, size in plugged.items() if node in mentioned}


def read_qemu(text: str, where: str, page_size: int | None = None) -> Facts:
    """The facts of QEMU arguments: a command line, or a file of arguments with comments.

    A node is online if it has memory or a CPU that is present at boot, or is a generic initiator's; boot_words.py has
    the words of -append that matter. Raises InputError for what QEMU would refuse.
    """
    words = words_of(text, where)
    machine = _taken(words, where)
    notes, initiators = machine.notes, machine.devices.initiators
    boot = boot_words(machine.kernel, f"{where}, -append", machine.layout, notes)
    memory, movable = kernel_memory(machine.nodes, _plugged(machine), boot, notes)
    _absent_note(machine, boot.possible)
    present = {machine.node_of[cpu] for cpu in range(min(machine.layout.present, boot.possible))}
    there = {*(node for node, size in memory.items() if size), *movable, *present, *initiators}
    windows = machine.devices.windows(max(machine.nodes) + 1, notes)
    facts = Facts(
        where,
        tuple(node for node in sorted(memory) if node in there),
        tuple(range(min(boot.first, boot.possible))),
        {cpu: machine.node_of[cpu] for cpu in range(boot.possible)},
        (),
        memory if machine.ram_bytes is not None or any(memory.values()) else {},
        _distances(machine),
        possible_nodes=(*sorted(machine.nodes), *windows),
        possible_cpus=tuple(range(boot.possible)),
        isolated_cpus=boot.isolated,
        movable_nodes=movable if movable or boot.says_zones else None,
        notes=notes,
    )
    facts.page_size = _page_size(words, facts, page_size)
    _guest_notes(machine, facts)
    return facts if boot.numa else nodes_off(facts)


def nodes_off(facts: Facts) -> Facts:
    """What a kernel with numa=off makes of it: node 0 with every CPU and all memory."""
    if facts.memory_bytes:
        facts.memory_bytes = {0: sum(facts.memory_bytes.values())}
    facts.distances, facts.movable_nodes = {}, None
    return without_numa(facts)
