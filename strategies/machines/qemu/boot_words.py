"""What the words of a guest kernel's command line change: CPUs, and which memory is left for the kernel's own pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.machine import number_of, parse_list, show_list
from percpu_fuzz.strategies.machines.qemu.words import Layout
from percpu_fuzz.strategies.machines.sizes import parse_size

CPUS_LIMIT = 1 << 20
CMA_WORDS = ("cma", "hugetlb_cma", "numa_cma", "cma_pernuma")
TAKES_MEMORY = ("mem", "memmap", "hugepages", "crashkernel")


@dataclass(slots=True)
class BootWords:
    """possible: how many CPUs; first: how many are brought up; kernelcore and movablecore as typed; cma: words
    that reserve it, with their values.

    hotplug_movable: whether memory that is plugged goes to ZONE_MOVABLE.
    """

    possible: int
    first: int
    isolated: tuple[int, ...] = ()
    numa: bool = True
    kernelcore: str | None = None
    movablecore: str | None = None
    cma: dict[str, str] = field(default_factory=dict)
    hotplug_movable: bool = False

    @property
    def says_zones(self) -> bool:
        """Whether any word is about zones."""
        return self.hotplug_movable or (self.kernelcore or self.movablecore) is not None


def boot_words(words: list[str], where: str, layout: Layout, notes: list[str]) -> BootWords:
    """The words of -append that matter; InputError for those that make another machine of it, by name."""
    found = BootWords(layout.possible, layout.present)
    for word in words:
        key, _, value = word.partition("=")
        key = key.replace("-", "_")
        if (key == "numa" and value not in ("on", "off")) or key in ("possible_cpus", "nosmp"):
            raise InputError(where, word[:40], "a kernel that takes nodes and CPUs as QEMU has them")
        if key == "numa":
            found.numa = value == "on"
        if key == "nr_cpus":
            found.possible = min(found.possible, max(number_of(value, key, where, CPUS_LIMIT), 1))
        if key == "maxcpus":
            found.first = min(found.first, max(number_of(value, key, where, CPUS_LIMIT), 1))
        if key == "isolcpus":
            found.isolated = _isolated(value, where, found.possible)
        if key in ("kernelcore", "movablecore"):
            setattr(found, key, value)
        if key in CMA_WORDS:
            found.cma[key] = value
        if key in TAKES_MEMORY:
            notes.append(f"-append has {word[:40]!r}: memory that this takes away is counted all the same")
        if key == "movable_node" or (key == "memhp_default_state" and value == "online_movable"):
            found.hotplug_movable = True
        if "$" in word or "`" in word:
            notes.append(f"-append has {word[:40]!r}, which only a running shell knows: what it says is not counted")
    return found


def _isolated(value: str, where: str, possible: int) -> tuple[int, ...]:
    flags = re.findall(r"(domain|nohz|managed_irq),", value)
    listed = parse_list(re.sub(r"^(?:(?:domain|nohz|managed_irq),)+", "", value), f"{where}, isolcpus")
    return tuple(cpu for cpu in listed if cpu < possible) if not flags or "domain" in flags else ()


def kernel_memory(
    at_boot: Mapping[int, int], plugged: Mapping[int, int], boot: BootWords, notes: list[str]
) -> tuple[dict[int, int], tuple[int, ...]]:
    """Bytes of each node that the kernel's own pages may be on, and the nodes that have movable memory only."""
    memory = dict(at_boot)
    total = sum(memory.values())
    core = None
    if boot.movablecore is not None:
        core = total - _amount(boot.movablecore, "movablecore", total)
    if boot.kernelcore is not None:
        core = max(_amount(boot.kernelcore, "kernelcore", total), core or 0)
    if core is not None and core < total:
        kept = _spread(memory, max(core, 0))
        notes.append(f"ZONE_MOVABLE has {(total - sum(kept.values())) >> 20} MiB: no percpu page can lie there")
        memory = kept
    for key, value in boot.cma.items():
        for node, size in _reserved(key, value, memory).items():
            memory[node] -= size
            notes.append(f"{key}={value[:40]}: {size >> 20} MiB of CMA on node {node}, where no percpu page can lie")
    if plugged and boot.hotplug_movable:
        notes.append(f"memory plugged on nodes {show_list(sorted(plugged))} goes to ZONE_MOVABLE: it is not counted")
    for node, size in plugged.items() if not boot.hotplug_movable else ():
        memory[node] = memory.get(node, 0) + size
    there = {node for node, size in at_boot.items() if size} | set(plugged)
    return memory, tuple(sorted(node for node in there if not memory[node]))


def _reserved(key: str, value: str, memory: Mapping[int, int]) -> dict[int, int]:
    """Bytes of CMA by node: SIZE on the first node that has room, of hugetlb_cma in equal parts on all.

    NODE:SIZE,... is for those nodes, cma_pernuma=SIZE for each. What finds no room is not reserved, as in the kernel.
    """
    where, filled = f"-append {key}", [node for node, size in sorted(memory.items()) if size]
    parts = [part.partition(":") for part in value.partition("@")[0].split(",")]
    if all(colon for _, colon, _ in parts):
        asked = {number_of(node, "node", where, CPUS_LIMIT): parse_size(size, where) for node, _, size in parts}
    else:
        size = parse_size(value.partition("@")[0], where)
        if key == "hugetlb_cma":
            size = -(-size // max(len(filled), 1))
        asked = dict.fromkeys(filled if key != "cma" else [n for n in filled if memory[n] > size][:1], size)
    return {node: size for node, size in asked.items() if 0 < size < memory.get(node, 0)}


def _amount(text: str, what: str, total: int) -> int:
    """Bytes of nn[KMG] or nn%. InputError for kernelcore=mirror, which depends on the firmware."""
    if found := re.fullmatch(r"(\d{1,3})%", text):
        return total * min(int(found[1]), 100) // 100
    return parse_size(text, f"-append {what}")


def _spread(memory: Mapping[int, int], core: int) -> dict[int, int]:
    """kernelcore over the nodes in equal parts, what a small node cannot take going to the others.

    As find_zone_movable_pfns_for_nodes.
    """
    kept = dict.fromkeys(memory, 0)
    open_nodes, left = [node for node in sorted(memory) if memory[node]], core
    while open_nodes and left >= len(open_nodes):
        share = left // len(open_nodes)
        for node in open_nodes:
            taken = min(share, memory[node] - kept[node])
            kept[node] += taken
            left -= taken
        open_nodes = [node for node in open_nodes if kept[node] < memory[node]]
    return kept
