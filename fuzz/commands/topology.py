"""`percpu-fuzz topology list|show|import|export`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from percpu_fuzz.engine.shown import shown
from percpu_fuzz.engine.topology import PAGE_SIZES, Topology
from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.fuzz.files import utf8, write_output
from percpu_fuzz.fuzz.options import machine_option
from percpu_fuzz.fuzz.output.machine_page import machine_page
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.fuzz.progress import is_for_a_person
from percpu_fuzz.reports.numbers import plural
from percpu_fuzz.strategies.draw.field import FIELD_MACHINES
from percpu_fuzz.strategies.draw.topologies import (
    DEFAULT_FAMILIES,
    FIELD_SET,
    MOVABLE_ONLY,
    NR_MOVABLE,
    PRESETS,
    preset,
)
from percpu_fuzz.strategies.draw.weights import STANDS_FOR

IMPORT_HELP = """Read a machine (default: this one), whatever the format; what it cannot say is asked for by an option.

Formats: sysfs as a folder or tar (or all that `snapshot-script --archive` captures), topology.json of a recorded run, a
topology file, hwloc XML, virsh capabilities, numactl -H, lscpu (plain, -e, -p, -J), a boot log with SRAT lines, QEMU
arguments; text may be as it was pasted: quoted, indented, wrapped."""
SHOW_HELP = "Print a machine (a name or a file): a table on a terminal, redirected the line of a topology file."
EXPORT_HELP = "Write a machine (a name or a file) as QEMU arguments, with notes on what they cannot say."


@click.group()
def topology_command() -> None:
    """Machines."""


def summary(topology: Topology) -> str:
    """One line: nodes, CPUs, page size."""
    with_memory = sum(node.has_memory for node in topology.nodes)
    movable = sum(node.movable_only for node in topology.nodes)
    online = sum(cpu.online for cpu in topology.cpus)
    memory = f"{with_memory} with memory" + (f", {movable} movable only" if movable else "")
    return (
        f"{plural(len(topology.nodes), 'node')} ({memory}), "
        f"{plural(len(topology.cpus), 'CPU')} ({online} online), "
        f"{topology.page_size // 1024}K pages, {topology.ext_size}-byte ext"
    )


@topology_command.command("list", help="Named machines and families.")
def list_command() -> int:
    """Named machines, then the families of the default distribution with their weights."""
    for name in PRESETS:
        print(f"{name:12} {summary(preset(name))}")
    print()
    total = sum(weight for weight, _ in DEFAULT_FAMILIES.values())
    for name, (weight, of) in DEFAULT_FAMILIES.items():
        machines = plural(of if isinstance(of, int) else len(of), "machine")
        print(f"family {name:15} weight {weight}/{total}, {machines}")
        print(f"       {'':15} {STANDS_FOR[name]}")
    print("\nOnly with `run --families NAMES`, in which `default` stands for all of the above:")
    print(f"family {MOVABLE_ONLY:15} {plural(NR_MOVABLE, 'machine')}, drawn, with movable-only nodes")
    print(f"set {FIELD_SET:18} machines that people have, a family each: {', '.join(FIELD_MACHINES)}")
    return 0


@topology_command.command("show", help=SHOW_HELP)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The topology file on a terminal too.")
def show_command(name: str, as_json: bool) -> int:
    """A machine on standard output: a table for a person at a terminal, else a topology file."""
    found = machine_option(name, "topology show")
    if not as_json and is_for_a_person(sys.stdout):
        _write(found.topology, utf8(machine_page(found.topology)), found.notes, None)
        return 0
    _write(found.topology, dump_topology(found.topology, found.notes), found.notes, None)
    return 0


@topology_command.command("import", help=IMPORT_HELP)
@click.argument("path", default="/sys/devices/system")
@click.option("--possible-nodes", help="Possible nodes, such as 0-3.")
@click.option("--possible-cpus", help="Possible CPUs, such as 0-63.")
@click.option("--isolated-cpus", help="Isolated CPUs.")
@click.option("--cpu-nodes", help="Nodes of CPUs that the file does not place: CPU=NODE[,CPU=NODE...].")
@click.option("--cpuless-nodes", help="Nodes without CPUs that hwloc lists with near ones.")
@click.option("--distances", help="LOCAL:REMOTE, such as 10:20, or a file with a square of numbers.")
@click.option("--memory", help="Free memory: NODE=SIZE[,NODE=SIZE...], such as 0=4G,1=512M.")
@click.option("--page-size", help="4096, 16384 or 65536.")
@click.option("--zoneinfo", help="/proc/zoneinfo of the machine: free memory and watermarks.")
@click.option("--movable-nodes", help="Nodes whose memory is all ZONE_MOVABLE, where no percpu page can lie.")
@click.option("--percpu-stats", help="/sys/kernel/debug/percpu_stats of the machine: unit and first chunk.")
@click.option("-o", "--output", help="Write the topology file here instead of to standard output.")
def import_command(path: str, output: str | None, **given: str | None) -> int:
    """Read a machine and write its topology file; what had to be assumed goes to standard error."""
    from percpu_fuzz.strategies.machines.answers import answers_of  # readers of a dozen formats, for this alone
    from percpu_fuzz.strategies.machines.importing import import_path

    imported = import_path(Path(path), answers_of(given))
    _write(imported.topology, dump_topology(imported.topology, imported.notes), imported.notes, output)
    return 0


@topology_command.command("chunks", help="What /sys/kernel/debug/percpu_stats says of units and chunks.")
@click.argument("file")
def chunks_command(file: str) -> int:
    """The geometry of the machine's units, and a line for each chunk."""
    from percpu_fuzz.strategies.machines.pasted import read_pasted  # not for a list of names
    from percpu_fuzz.strategies.machines.percpu_stats import parse_percpu_stats

    stats = parse_percpu_stats(read_pasted(Path(file)), file)
    pages = ", ".join(f"{stats.unit_bytes // size} of {size // 1024}K" for size in PAGE_SIZES)
    print(f"unit         {stats.unit_bytes:,} bytes of each possible CPU: pages {pages}")
    print(
        f"first chunk  static {stats.static_bytes:,}, reserved {stats.reserved_bytes:,}, "
        f"dynamic {stats.dynamic_bytes:,}"
    )
    print(f"allocated    {stats.alloc_bytes:,} bytes at a time: {plural(stats.units_at_a_time, 'unit')} side by side")
    print(f"chunks       {len(stats.chunks):,}\n\n{'areas':>9} {'free bytes':>12} {'longest free':>13}  kind")
    for chunk in stats.chunks:
        kind = ", ".join(word for word in (chunk.kind, "charged areas" if chunk.memcg_aware else "") if word)
        print(f"{chunk.nr_alloc:9,} {chunk.free_bytes:12,} {chunk.contig_bytes:13,}  {kind}".rstrip())
    for note in stats.notes:
        say_on_stderr(f"note: {shown(note)}")
    return 0


@topology_command.command("export", help=EXPORT_HELP)
@click.argument("name")
@click.option("--format", "form", type=click.Choice(["qemu", "json"]), default="qemu", show_default=True)
@click.option("-o", "--output", help="Write to this file instead of to standard output.")
def export_command(name: str, form: str, output: str | None) -> int:
    """Write a machine (a name or a file) as QEMU arguments or as a topology file."""
    from percpu_fuzz.strategies.machines.qemu.export import export_qemu  # not for a list of names

    found = machine_option(name, "topology export")
    topology = found.topology
    if form == "json":
        _write(topology, dump_topology(topology, found.notes), found.notes, output)
    else:
        export = export_qemu(topology)
        _write(topology, utf8(export.text), found.notes + (() if output is None else export.notes), output)
    return 0


def _write(topology: Topology, text: bytes, notes: tuple[str, ...], output: str | None) -> None:
    """To a file with a line about it, or to standard output; notes go to standard error."""
    if output is not None:
        write_output(Path(output), text, "--output")
    for note in notes:
        say_on_stderr(f"note: {shown(note)}")
    print(f"{output}: {summary(topology)}" if output is not None else text.decode(), end="" if output is None else "\n")
