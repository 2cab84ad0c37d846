"""Writes a Topology as QEMU arguments, so that a scenario can be tried on a real kernel, and says what they cannot."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from itertools import combinations, permutations

from percpu_fuzz.engine.shown import shown
from percpu_fuzz.engine.topology import Node, Topology
from percpu_fuzz.strategies.machines.answers import NOTHING_SAID
from percpu_fuzz.strategies.machines.facts import topology_of
from percpu_fuzz.strategies.machines.machine import show_list
from percpu_fuzz.strategies.machines.qemu.reading import ALL_MEMORY, read_qemu

MIB = 1 << 20
HOTPLUG_BYTES = 1 << 30
NODE_MIN_BYTES = 4 * MIB
XAPIC_CPUS_MAX = 255
ONLINE_MOVABLE = "memhp_default_state=online_movable"
OFFLINE = "/sys/devices/system/cpu/cpuN/online"


@dataclass(frozen=True, slots=True)
class QemuExport:
    """Options with their values; QEMU's ids by the topology's ids; what the arguments do not say, one note each."""

    name: str
    options: tuple[tuple[str, str], ...]
    node_ids: dict[int, int]
    cpu_ids: dict[int, int]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """An option a line, after comments with the notes; what topology import reads back."""
        lines = [
            f"# QEMU arguments of the machine {shown(self.name)}: grep -v '^#' THIS | xargs -x qemu-system-x86_64 ..."
        ]
        lines += [f"# {note}" for note in self.notes]
        lines += [f"{option} {shlex.quote(value)}" for option, value in self.options]
        return "\n".join(lines) + "\n"


def renumbered(topology: Topology) -> Topology:
    """The machine with ids from 0 on in ascending order, as QEMU and its guests have them."""
    node_ids = {node.id: i for i, node in enumerate(topology.nodes)}
    cpu_ids = {cpu.id: i for i, cpu in enumerate(topology.cpus)}
    return replace(
        topology,
        nodes=tuple(replace(node, id=node_ids[node.id]) for node in topology.nodes),
        cpus=tuple(replace(cpu, id=cpu_ids[cpu.id], node=node_ids[cpu.node]) for cpu in topology.cpus),
        acting=tuple(cpu_ids[cpu] for cpu in topology.acting),
    )


def _memory_bytes(topology: Topology, node: Node) -> int:
    """Whole MiB, rounded up."""
    return -(-node.pages * topology.page_size // MIB) * MIB


def _boots_with(topology: Topology) -> tuple[int, int]:
    """CPUs present at boot, and CPUs that the kernel is to bring up.

    CPUs offline at the end of the list are absent if a kernel would lay them over the nodes as the topology has them;
    else they are present, keep their node and are held back with maxcpus=.
    """
    nr_cpus = len(topology.cpus)
    up = max(i + 1 for i, cpu in enumerate(topology.cpus) if cpu.online)
    memory = [node.id for node in topology.nodes if node.has_memory]
    in_turn = all(cpu.node == memory[cpu.id % len(memory)] for cpu in topology.cpus[up:])
    return (up, up) if in_turn else (nr_cpus, up)


def _kernel_words(topology: Topology, present: int, up: int) -> str:
    isolated = [cpu.id for cpu in topology.cpus if cpu.isolated]
    words = [f"maxcpus={up}"] if up < present else []
    words += [f"isolcpus={show_list(isolated)}"] if isolated else []
    words += [ONLINE_MOVABLE] if any(node.movable_only for node in topology.nodes) else []
    return " ".join(words)


def _options(topology: Topology) -> list[tuple[str, str]]:
    """The options of a machine whose ids are QEMU's: a socket for each CPU, so that a CPU may lie on any node."""
    present, up = _boots_with(topology)
    nr_cpus, nodes = len(topology.cpus), topology.nodes
    sizes = {node.id: _memory_bytes(topology, node) for node in nodes}
    total = sum(sizes.values())
    last = nodes[-1]
    bare = not sizes[last.id] and all(cpu.node != last.id for cpu in topology.cpus)
    movable = [node.id for node in nodes if node.movable_only]
    slots = len(movable) + (bare and not last.online)
    hotplug = f",slots={slots},maxmem={(total + slots * HOTPLUG_BYTES) // MIB}M" if slots else ""
    options = [
        ("-smp", f"{present},sockets={nr_cpus},cores=1,threads=1,maxcpus={nr_cpus}"),
        ("-m", f"{total // MIB}M{hotplug}"),
    ]
    for node in nodes:
        if sizes[node.id]:
            options.append(("-object", f"memory-backend-ram,id=m{node.id},size={sizes[node.id] // MIB}M"))
    for node in nodes:
        options.append(("-numa", f"node,nodeid={node.id}" + (f",memdev=m{node.id}" if sizes[node.id] else "")))
    options += [("-numa", f"cpu,node-id={cpu.node},socket-id={cpu.id}") for cpu in topology.cpus]
    options += [("-numa", f"dist,src={src},dst={dst},val={val}") for src, dst, val in _distances(topology)]
    for number in _initiators(topology):
        options.append(("-device", f"pci-testdev,id=t{number}"))
        options.append(("-object", f"acpi-generic-initiator,id=g{number},pci-dev=t{number},node={number}"))
    for number in movable:  # memory that is plugged in, which the guest puts online as movable
        options.append(("-object", f"memory-backend-ram,id=p{number},size={HOTPLUG_BYTES // MIB}M"))
        options.append(("-device", f"pc-dimm,id=d{number},memdev=p{number},node={number}"))
    words = _kernel_words(topology, present, up)
    return [*options, ("-append", words)] if words else options


def _initiators(topology: Topology) -> list[int]:
    """Nodes that nothing but a generic initiator makes possible and online: they have neither boot memory nor a CPU."""
    with_cpus = {cpu.node for cpu in topology.cpus}
    return [n.id for n in topology.nodes if n.online and not n.has_memory and n.id not in with_cpus]


def _distances(topology: Topology) -> list[tuple[int, int, int]]:
    """One direction if the table is symmetric; else both of every pair, as QEMU wants."""
    rows, ids = topology.distances, range(len(topology.nodes))
    symmetric = all(rows[i][j] == rows[j][i] for i, j in combinations(ids, 2))
    return [(i, j, rows[i][j]) for i, j in (combinations(ids, 2) if symmetric else permutations(ids, 2))]


def _ids_note(what: str, ids: dict[int, int]) -> list[str]:
    if all(old == new for old, new in ids.items()):
        return []
    pairs = " ".join(f"{old}={new}" for old, new in ids.items())
    return [f"{what} ids are renumbered, for QEMU has no gaps; topology=QEMU: {pairs}"]


def _differences(wanted: Topology, shown: Topology) -> list[str]:
    """What a kernel booted with the arguments has otherwise, as far as reading them back tells."""
    notes = []
    for what, online in (("online", True), ("possible and offline", False)):
        ids = [
            a.id for a, b in zip(wanted.nodes, shown.nodes, strict=True) if a.online is online and b.online != online
        ]
        if ids:
            notes.append(f"nodes {show_list(ids)} are {what}: QEMU cannot say so, for only memory or a CPU decides it")
    offline = [a.id for a, b in zip(wanted.cpus, shown.cpus, strict=True) if b.online and not a.online]
    if offline:
        notes.append(f"CPUs {show_list(offline)} are offline: write 0 to {OFFLINE} after boot")
    rounded = [a.id for a, b in zip(wanted.nodes, shown.nodes, strict=True) if _bytes(wanted, a) != _bytes(shown, b)]
    if rounded:
        notes.append(f"memory of nodes {show_list(rounded)} is rounded up to whole MiB")
    return notes


def _bytes(topology: Topology, node: Node) -> int:
    return node.pages * topology.page_size


def _unsaid(topology: Topology) -> list[str]:
    """What no argument can say."""
    notes = ["memory is what the topology counts as free: a kernel takes part of it before anything is free"]
    if any(node.low_pages for node in topology.nodes):
        notes.append("watermarks are the kernel's: set vm.min_free_kbytes")
    small = [node.id for node in topology.nodes if 0 < _memory_bytes(topology, node) < NODE_MIN_BYTES]
    if small:
        notes.append(f"nodes {show_list(small)} have less than 4 MiB: x86 kernels may pass over them")
    movable = [node.id for node in topology.nodes if node.movable_only]
    if movable:
        notes.append(f"nodes {show_list(movable)} get 1 GiB of movable memory each: nothing depends on how much it is")
    if initiators := _initiators(topology):
        notes.append(f"nodes {show_list(initiators)} need QEMU 9.0 or later: a generic initiator makes each possible")
    if topology.page_size != 4096:
        notes.append(f"pages of {topology.page_size} bytes need a guest architecture and kernel that have them")
    if len(topology.cpus) > XAPIC_CPUS_MAX:
        notes.append(f"{len(topology.cpus)} CPUs need -machine q35 and -device intel-iommu,intremap=on,eim=on")
    notes.append("percpu unit, first chunk and sizeof(pcpuobj_ext) are the kernel's own")
    return notes


def export_qemu(topology: Topology) -> QemuExport:
    """QEMU arguments of any topology. They are read back, and each way in which the two machines differ is a note."""
    wanted = renumbered(topology)
    options = tuple(_options(wanted))
    text = "\n".join(f"{option} {shlex.quote(value)}" for option, value in options)
    facts = read_qemu(text, f"QEMU arguments of {topology.name}", wanted.page_size)
    facts.page_size = wanted.page_size
    guest = [note for note in facts.notes if note != ALL_MEMORY]
    shown = topology_of(facts, NOTHING_SAID, topology.name).topology
    node_ids = {a.id: b.id for a, b in zip(topology.nodes, wanted.nodes, strict=True)}
    cpu_ids = {a.id: b.id for a, b in zip(topology.cpus, wanted.cpus, strict=True)}
    appended = ["join the words of -append with your own: QEMU takes the last"] if options[-1][0] == "-append" else []
    notes = (
        *_ids_note("node", node_ids),
        *_ids_note("CPU", cpu_ids),
        *_differences(wanted, shown),
        *guest,
        *appended,
        *_unsaid(wanted),
    )
    return QemuExport(topology.name, options, node_ids, cpu_ids, notes)
