"""QEMU arguments: every machine written and read back is the same, recorded command lines are the recorded machines."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from few_cases import rounds

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.strategies.draw.field import FIELD_MACHINES
from percpu_fuzz.strategies.draw.topologies import PRESETS, even, families, preset
from percpu_fuzz.strategies.machines.answers import NOTHING_SAID, Answers
from percpu_fuzz.strategies.machines.facts import topology_of
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.machines.qemu.export import export_qemu, renumbered
from percpu_fuzz.strategies.machines.qemu.reading import read_qemu
from percpu_fuzz.strategies.machines.qemu.shell import words_of
from percpu_fuzz.strategies.machines.qemu.words import Layout, pairs_of

RUNS = ["r1-4node-fallback-6.1", "r3-cpuless-memnode-6.1", "r5-8possible-hotplug-6.1", "r6-memmax-fail-6.1"]
GIB_PAGES = 1 << 18


def shape(topology: Topology) -> tuple[object, ...]:
    """Nodes with their state and whether they have memory, CPUs with node, state and isolation, distances."""
    nodes = [(node.id, node.online, node.has_memory, node.movable_only) for node in topology.nodes]
    return nodes, topology.cpus, topology.distances


def read_back(text: str, page_size: int) -> Topology:
    """The machine that arguments describe."""
    return topology_of(read_qemu(text, "args", page_size), Answers(page_size=page_size), "back").topology


@pytest.mark.parametrize("run", RUNS)
def test_recorded_machines_go_to_qemu_and_back(machines: Path, run: str) -> None:
    """Nodes, CPUs and distances are equal after the round trip, and memory but for the rounding to whole MiB."""
    topology = import_path(machines / "runs" / run).topology
    back = read_back(export_qemu(topology).text, 4096)
    assert shape(back) == shape(topology)
    assert all(0 <= b.pages - a.pages < 256 for a, b in zip(topology.nodes, back.nodes, strict=True))


@pytest.mark.parametrize("run", RUNS)
def test_recorded_command_lines_are_the_recorded_machines(machines: Path, run: str) -> None:
    """What QEMU was given, read as an import, is what the kernel then showed; and the kernel's own fallback order."""
    folder = machines / "runs" / run
    given, recorded = import_path(folder / "qemu-cmdline.txt").topology, import_path(folder).topology
    assert shape(given) == shape(recorded)
    log = "\n".join(json.loads((folder / "topology.json").read_text())["boot_log"])
    order = [tuple(map(int, row.split())) for row in re.findall(r"Fallback order for Node \d+: ([\d ]+)", log)]
    assert order == list(given.zonelists.values())
    sizes = re.findall(r"id=m\d,size=(\d+)M", (folder / "qemu-cmdline.txt").read_text().replace("\\", ""))
    assert [node.pages for node in given.nodes] == [int(size) * 256 for size in sizes]


def test_every_recorded_run_if_there(kernel_runs: Path) -> None:
    """All recorded runs, also those that the repository does not hold."""
    for folder in sorted(path for path in kernel_runs.glob("r*") if (path / "qemu-cmdline.txt").is_file()):
        recorded = import_path(folder).topology
        assert shape(import_path(folder / "qemu-cmdline.txt").topology) == shape(recorded), folder.name
        assert shape(read_back(export_qemu(recorded).text, 4096)) == shape(recorded), folder.name


def test_a_changed_argument_is_noticed(machines: Path) -> None:
    """The control: with one distance, node or CPU changed, the machines differ."""
    topology = import_path(machines / "runs" / RUNS[1]).topology
    text = export_qemu(topology).text
    for old, new in (
        ("src=0,dst=1,val=21", "src=0,dst=1,val=22"),
        ("cpu,node-id=0,socket-id=2", "cpu,node-id=1,socket-id=2"),
        ("-smp 8,", "-smp 7,"),
        ("node,nodeid=2,memdev=m2", "node,nodeid=2"),
    ):
        changed = text.replace(old, new)
        assert changed != text
        changed = re.sub(r"^-m .*\n", "", changed, flags=re.MULTILINE)
        assert shape(read_back(changed, 4096)) != shape(topology), new


def named(name: str) -> Topology:
    """A named machine; of a thousand nodes, whose distances are a million arguments, a hundred: they are all alike."""
    nodes = rounds(100, 1024)
    return even(name, nodes, 2 * nodes) if name == "thousand" else preset(name)


@pytest.mark.parametrize("name", PRESETS)
def test_named_machines_go_to_qemu_and_back(name: str) -> None:
    """Equal but for ids, which are mapped to 0, 1, ... in ascending order; memory too, as it is whole MiB."""
    topology = named(name)
    export = export_qemu(topology)
    back = read_back(export.text, topology.page_size)
    assert shape(back) == shape(renumbered(topology))
    assert [node.pages for node in back.nodes] == [node.pages for node in topology.nodes]
    assert list(export.node_ids) == [node.id for node in topology.nodes]
    assert list(export.node_ids.values()) == [node.id for node in back.nodes]
    mapped = tuple(Cpu(export.cpu_ids[c.id], export.node_ids[c.node], c.online, c.isolated) for c in topology.cpus)
    assert back.cpus == mapped
    renamed = [note for note in export.notes if "renumbered" in note]
    assert len(renamed) == {"sparse": 2, "power9-gpu": 1}.get(name, 0)


@pytest.mark.parametrize("family", ["small-random", "wide-random"])
def test_drawn_machines_differ_as_the_notes_say(family: str) -> None:
    """280 machines: what reads back differently has a note, and without such a note nothing differs."""
    noted = 0
    for topology in next(f for f in families() if f.name == family).topologies:
        export, wanted = export_qemu(topology), renumbered(topology)
        back = read_back(export.text, topology.page_size)
        assert back.distances == wanted.distances
        assert [(c.id, c.node, c.isolated) for c in back.cpus] == [(c.id, c.node, c.isolated) for c in wanted.cpus]
        notes = "\n".join(export.notes)
        cpus, nodes = back.cpus != wanted.cpus, [n.online for n in back.nodes] != [n.online for n in wanted.nodes]
        assert cpus == bool(re.search(r"CPUs [\d,-]+ are offline: write 0", notes)), topology.name
        assert nodes == ("QEMU cannot say so" in notes), topology.name
        noted += cpus or nodes
    assert noted > 0


QEMU = shutil.which("qemu-system-x86_64")


@pytest.mark.skipif(QEMU is None, reason="qemu-system-x86_64 is not installed")
@pytest.mark.parametrize("name", [name for name in PRESETS if name != "thousand" and name not in FIELD_MACHINES])
def test_qemu_takes_the_arguments(name: str) -> None:
    """QEMU starts with them and shows the same CPUs and sizes for each node. Memory is made small beforehand."""
    wanted = renumbered(preset(name))
    small = tuple(replace(n, pages=(16 + n.id) * 256, low_pages=0, min_pages=0) if n.pages else n for n in wanted.nodes)
    wanted = replace(wanted, nodes=small, page_size=4096, unit_pages=8)
    options = [word for pair in export_qemu(wanted).options if pair[0] != "-append" for word in pair]
    command = [QEMU or "", "-accel", "tcg", "-nodefaults", "-display", "none", "-S", "-monitor", "stdio", *options]
    said = subprocess.run(
        command, input="info numa\nquit\n", capture_output=True, text=True, timeout=60, check=True
    ).stdout
    shown = {int(node): cpus.split() for node, cpus in re.findall(r"node (\d+) cpus:([ \d]*)", said)}
    present = int(options[1].split(",")[0])
    cpus = {n.id: [str(c.id) for c in wanted.cpus if c.node == n.id and c.id < present] for n in wanted.nodes}
    assert shown == cpus
    sizes = {int(node): int(size) * 256 for node, size in re.findall(r"node (\d+) size: (\d+) MB", said)}
    assert sizes == {node.id: node.pages for node in wanted.nodes}


def nodes(*kinds: str) -> tuple[Node, ...]:
    """m: memory; e: online and empty; o: offline."""
    return tuple(Node(i, kind != "o", GIB_PAGES if kind == "m" else 0) for i, kind in enumerate(kinds))


def square(n: int, remote: int = 20) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(10 if i == j else remote for j in range(n)) for i in range(n))


def test_absent_cpus() -> None:
    """CPUs that a kernel would lay over the nodes just so are absent; others are present and held back."""
    turn = Topology("turn", nodes("m", "m"), (Cpu(0, 0), Cpu(1, 0), Cpu(2, 0, False), Cpu(3, 1, False)), square(2))
    text = export_qemu(turn).text
    assert "-smp 2,sockets=4,cores=1,threads=1,maxcpus=4\n" in text
    assert "-append" not in text
    held = Topology("held", nodes("m", "m"), (Cpu(0, 0), Cpu(1, 0), Cpu(2, 1, False), Cpu(3, 1, False)), square(2))
    text = export_qemu(held).text
    assert "-smp 4,sockets=4,cores=1,threads=1,maxcpus=4\n" in text
    assert "-append maxcpus=2\n" in text
    assert shape(read_back(text, 4096)) == shape(held)


def test_an_offline_cpu_in_the_middle_is_said_to_be_left() -> None:
    """It is present and up in QEMU: the note says what to do after boot."""
    export = export_qemu(Topology("gap", nodes("m"), (Cpu(0, 0), Cpu(1, 0, False), Cpu(2, 0)), ((10,),)))
    assert any("CPUs 1 are offline: write 0 to /sys/devices/system/cpu/cpuN/online" in note for note in export.notes)


def test_offline_nodes() -> None:
    """The last one is possible through maxmem; one in between is not, and the notes say how the guest counts then."""
    last = export_qemu(Topology("last", nodes("m", "o"), (Cpu(0, 0),), square(2)))
    assert "-m 1024M,slots=1,maxmem=2048M\n" in last.text
    assert not any("neither CPU nor memory" in note for note in last.notes)
    between = export_qemu(Topology("between", nodes("m", "o", "m"), (Cpu(0, 0),), square(3)))
    assert "maxmem" not in between.text
    assert any("nodes 1 have neither CPU nor memory" in note for note in between.notes)
    assert any("QEMU's node=Linux's, 2=1" in note for note in between.notes)


def test_an_empty_online_node_is_a_generic_initiator() -> None:
    """Without memory and CPUs only that makes a node possible and online; it needs QEMU 9.0, which is noted."""
    empty = Topology("empty", nodes("m", "e"), (Cpu(0, 0),), square(2))
    export = export_qemu(empty)
    assert "-object acpi-generic-initiator,id=g1,pci-dev=t1,node=1\n" in export.text
    assert any("nodes 1 need QEMU 9.0 or later" in note for note in export.notes)
    assert shape(read_back(export.text, 4096)) == shape(empty)


def test_a_node_of_movable_memory_only_is_plugged_in() -> None:
    """A pc-dimm that the guest puts online as movable; read back it is the same machine."""
    movable = Topology("gpu", (Node(0, True, GIB_PAGES), Node(1, movable_only=True)), (Cpu(0, 0),), square(2))
    export = export_qemu(movable)
    assert "-device pc-dimm,id=d1,memdev=p1,node=1\n-append memhp_default_state=online_movable\n" in export.text
    assert shape(read_back(export.text, 4096)) == shape(movable)
    without = read_back(export.text.replace("memhp_default_state=online_movable", "quiet"), 4096)
    assert [node.pages for node in without.nodes] == [GIB_PAGES, GIB_PAGES]


def test_memory_plugged_where_no_table_has_a_node() -> None:
    """Linux adds no memory to a node that is not possible: it is not counted, and a note says so."""
    text = export_qemu(Topology("gpu", (*nodes("m"), Node(1, movable_only=True), *nodes("m", "m", "m")[2:]),
                                (Cpu(0, 0), Cpu(1, 2)), square(3))).text  # fmt: skip
    text = "\n".join(line for line in text.splitlines() if "generic-initiator" not in line)
    facts = read_qemu(text, "f")
    assert 1 not in facts.online_nodes
    assert any("memory plugged on nodes 1 is not counted" in note for note in facts.notes)


def test_linux_numbers_nodes_by_their_first_cpu() -> None:
    """A machine whose CPU 0 is on node 1 is told that the guest calls it node 0."""
    export = export_qemu(Topology("turned", nodes("m", "m"), (Cpu(0, 1), Cpu(1, 0)), square(2)))
    assert any(note.endswith("QEMU's node=Linux's, 1=0 0=1") for note in export.notes)


def test_both_directions_of_every_pair_only_if_one_is_asymmetric() -> None:
    """QEMU mirrors what is given in one direction, unless any pair differs: then it wants all."""
    rows = ((10, 20, 30), (20, 10, 40), (31, 40, 10))
    lopsided = export_qemu(Topology("lopsided", nodes("m", "m", "m"), (Cpu(0, 0),), rows))
    assert lopsided.text.count("-numa dist") == 6
    assert export_qemu(Topology("even", nodes("m", "m", "m"), (Cpu(0, 0),), square(3))).text.count("-numa dist") == 3


def test_a_distance_of_10_is_warned_of() -> None:
    """Linux refuses a table in which two nodes are 10 apart."""
    export = export_qemu(Topology("near", nodes("m", "m"), (Cpu(0, 0),), square(2, 10)))
    assert any("refuses the whole table" in note for note in export.notes)


def test_a_script_that_starts_qemu(machines: Path) -> None:
    """Continued lines, JSON and doubled commas, a socket or a core on a node, absent CPUs, isolation."""
    found = import_path(machines / "qemu.sh")
    topology = found.topology
    assert topology.nodes == nodes("m", "m", "m")
    assert topology.cpus == (
        Cpu(0, 0), Cpu(1, 0), Cpu(2, 1), Cpu(3, 1, True, True), Cpu(4, 0, False), Cpu(5, 1, False),
    )  # fmt: skip
    assert topology.distances == ((10, 21, 17), (21, 10, 28), (17, 28, 10))
    assert any("CPUs 4-5 are absent at boot" in note for note in found.notes)


@pytest.mark.parametrize(
    ("smp", "counts"),
    [
        ("8", (8, 8, 1, 8, 1)),
        ("cpus=2,maxcpus=8,sockets=2", (2, 8, 2, 4, 1)),
        ("4,cores=2", (4, 4, 2, 2, 1)),
        ("8,sockets=2,cores=2", (8, 8, 2, 2, 2)),
        ("sockets=2,cores=3,threads=2", (12, 12, 2, 3, 2)),
        ("6,maxcpus=12,sockets=3,threads=2", (6, 12, 3, 2, 2)),
    ],
)
def test_layout_of_smp(smp: str, counts: tuple[int, ...]) -> None:
    """Present and possible CPUs, sockets, cores and threads as QEMU completes them."""
    layout = Layout(pairs_of(smp, "cpus", "f"), "f")
    assert (layout.present, layout.possible, layout.counts[2], *layout.counts[6:]) == counts


def test_cpus_that_no_argument_names() -> None:
    """All by socket in turn; or node 0 for the rest, as QEMU does, and notes say so."""
    text = "-smp 4,sockets=4 -m 2G -object memory-backend-ram,id=a,size=1G -object memory-backend-ram,id=b,size=1G "
    text += "-numa node,memdev=a -numa node,memdev=b"
    assert list(read_qemu(text, "f").cpu_node.values()) == [0, 1, 0, 1]
    some = read_qemu(text + " -numa cpu,node-id=1,socket-id=0", "f")
    assert list(some.cpu_node.values()) == [1, 0, 0, 0]
    assert any("CPUs 1-3 are named by no -numa argument" in note for note in some.notes)


def test_kernel_words() -> None:
    """nr_cpus cuts the possible CPUs, maxcpus those online; isolcpus with flags counts if domain is one; last wins."""
    text = "-smp 8,sockets=8 -m 1G -append 'nr_cpus=2' -append 'quiet nr_cpus=6 maxcpus=4 isolcpus=nohz,1-2'"
    facts = read_qemu(text, "f")
    assert (facts.possible_cpus, facts.online_cpus, facts.isolated_cpus) == (tuple(range(6)), (0, 1, 2, 3), ())
    assert read_qemu(text.replace("nohz", "domain"), "f").isolated_cpus == (1, 2)


def test_the_page_size_is_that_of_the_program() -> None:
    """x86 has one; another architecture's is asked for; without a program 4096 and a note."""
    assert read_qemu("qemu-system-x86_64 -smp 1 -m 1G", "f").page_size == 4096
    with pytest.raises(InputError, match="--page-size"):
        topology_of(read_qemu("qemu-system-ppc64 -smp 1 -m 1G", "f"), NOTHING_SAID, "m")
    bare = read_qemu("-smp 1 -m 1G", "f")
    assert bare.page_size == 4096
    assert any("--page-size gives another" in note for note in bare.notes)


def test_words_are_split_as_a_shell_does() -> None:
    """Quotes over lines, continuations, comments."""
    text = "# -smp 9\n-smp 2 \\\n -m 1G -append 'a\nb' \"c d\" e\\ f\n"
    assert words_of(text, "f") == ["-smp", "2", "-m", "1G", "-append", "a\nb", "c d", "e f"]
