"""`percpu-fuzz topology list|show|import`."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.errors import InputError
from engine.topology import Topology
from engine.topology_file import dump_topology
from fuzz.files import write_whole
from fuzz.options import topology_option
from strategies.machines.importing import import_path
from strategies.topologies import PRESETS, families, preset


def summary(topology: Topology) -> str:
    """One line: nodes, CPUs, page size."""
    with_memory = sum(node.has_memory for node in topology.nodes)
    online = sum(cpu.online for cpu in topology.cpus)
    return (
        f"{len(topology.nodes)} nodes ({with_memory} with memory), {len(topology.cpus)} CPUs ({online} online), "
        f"{topology.page_size // 1024}K pages, {topology.ext_size}-byte ext"
    )


def list_command() -> int:
    """Named machines, then the families of the default distribution with their weights."""
    for name in PRESETS:
        print(f"{name:12} {summary(preset(name))}")
    print()
    total = sum(family.weight for family in families())
    for family in families():
        machines = f"{len(family.topologies)} machine" + ("s" if len(family.topologies) > 1 else "")
        print(f"family {family.name:15} weight {family.weight}/{total}, {machines}")
    return 0


def show_command(name: str) -> int:
    """A machine as a topology file on standard output."""
    sys.stdout.write(dump_topology(topology_option(name, "topology show")).decode())
    return 0


def import_command(path: str, output: str | None) -> int:
    """Read a machine and write its topology file; what had to be assumed goes to standard error."""
    imported = import_path(Path(path))
    for note in imported.notes:
        print(f"note: {note}", file=sys.stderr)
    text = dump_topology(imported.topology)
    if output is None:
        sys.stdout.write(text.decode())
        return 0
    try:
        write_whole(Path(output), text)
    except OSError as error:
        raise InputError("--output", f"{output}: {error.strerror}", "a file that can be written") from None
    print(f"{output}: {summary(imported.topology)}")
    return 0
