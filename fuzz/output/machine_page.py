"""A machine for a person: its nodes with their CPUs and memory, and what an allocation precharges there."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.kernel.precharge import full_size, nr_precharge_pages
from percpu_fuzz.engine.shown import shown
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.numbers import plural, table
from percpu_fuzz.strategies.machines.machine import show_list

SIZE_BYTES = 8  # a percpu counter, the smallest that is common
ROWS_MOST = 16
IDS_MOST = 24


def machine_page(topology: Topology) -> str:
    """A row for each of at most ROWS_MOST nodes, then what is of the machine, and what v2 precharges on it."""
    page_size = topology.page_size
    full_bytes, pages = precharged(topology, "v2")
    unit = (
        f"{topology.unit_pages * page_size // 1024:,} KiB of each possible CPU ({plural(topology.unit_pages, 'page')})"
    )
    facts = [
        ["page size", f"{page_size // 1024} KiB"],
        ["percpu unit", unit],
        [
            "v2 precharges",
            f"{plural(pages, 'page')} ({pages * page_size // 1024:,} KiB), for {SIZE_BYTES} bytes a CPU,",
        ],
        ["", f"{full_bytes:,} bytes with obj_exts; more for a larger area"],
    ]
    left = len(topology.nodes) - ROWS_MOST
    lines = [
        f"{shown(topology.name)}: {plural(len(topology.nodes), 'node')}, {plural(len(topology.cpus), 'possible CPU')}",
        *table([["node", "CPUs", "free memory", "CPU ids"], *node_rows(topology)]),
        *([f"  and {plural(left, 'node')} more"] if left > 0 else []),
        *table(facts, left=2),
        "  as a topology file: --json, or redirect it",
    ]
    return "\n".join(lines) + "\n"


def node_rows(topology: Topology) -> Iterator[list[str]]:
    """A row for each of the first nodes: id, CPUs, memory that a percpu page can be, ids of the CPUs."""
    for node in topology.nodes[:ROWS_MOST]:
        cpus = [cpu for cpu in topology.cpus if cpu.node == node.id]
        online = sum(cpu.online for cpu in cpus)
        nr_cpus = f"{len(cpus):,}" if online == len(cpus) else f"{len(cpus):,} ({online:,} online)"
        memory = "movable only" if node.movable_only else size_words(node.pages * topology.page_size)
        ids = show_list(cpu.id for cpu in cpus) if cpus else "-"
        name = f"{node.id}" if node.online else f"{node.id} (offline)"
        yield [name, nr_cpus, memory, ids if len(ids) <= IDS_MOST else ids[: IDS_MOST - 3] + "..."]


def size_words(size_bytes: int) -> str:
    """4.0 GiB, 512 MiB, or none."""
    if not size_bytes:
        return "none"
    return f"{size_bytes / 2**30:,.1f} GiB" if size_bytes >= 2**30 else f"{size_bytes / 2**20:,.0f} MiB"


def precharged(topology: Topology, variant: str) -> tuple[int, int]:
    """pcpu_obj_full_size in bytes and nr_precharge_pages, of an area of SIZE_BYTES on this machine."""
    choices: dict[str, Any] = {}
    VARIANTS[variant].write(choices)
    topo: Any = SimpleNamespace(
        nr_cpus=len(topology.cpus),
        nr_nodes=len(topology.nodes),
        page_size=topology.page_size,
        ext_size=topology.ext_size,
    )
    prog: Any = SimpleNamespace(**choices)
    return plain(full_size)(topo, SIZE_BYTES), plain(nr_precharge_pages)(topo, prog, SIZE_BYTES)
