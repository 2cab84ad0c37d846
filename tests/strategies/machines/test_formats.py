"""The text, JSON and XML formats: what each says of a machine, and what has to be answered."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node
from percpu_fuzz.strategies.machines.answers import Answers, answers_of
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.machines.xml.events import parse_xml
from percpu_fuzz.strategies.machines.xml.hwloc import parse_bitmap
from percpu_fuzz.strategies.machines.zoneinfo import Zones, parse_zoneinfo

MIB_PAGES = 256
GIB_PAGES = 1 << 18


def test_numactl(machines: Path) -> None:
    """CPUs, free memory and distances of online nodes; a node without CPUs; one possible CPU that no node lists."""
    given = {"possible_nodes": "0-2", "possible_cpus": "0-7", "page_size": "4096", "isolated_cpus": "6"}
    found = import_path(machines / "numactl.txt", answers_of(given))
    assert found.topology.nodes == tuple(Node(n, True, mib * MIB_PAGES) for n, mib in enumerate((5121, 6300, 16290)))
    assert found.topology.cpus == tuple(
        Cpu(cpu, node, cpu != 7, cpu == 6) for cpu, node in enumerate((0, 0, 1, 1, 0, 0, 1, 1))
    )
    assert found.topology.distances == ((10, 21, 17), (21, 10, 28), (17, 28, 10))
    assert found.topology.name == "numactl"
    assert sum("CPUs 7 are possible and listed by no node" in note for note in found.notes) == 1


def test_numactl_with_sparse_ids_and_pages_of_64k(machines: Path) -> None:
    """Ids stay; size 0 is no memory; a node with memory and nothing free keeps a MiB."""
    given = {"possible_nodes": "0,8,252-253", "possible_cpus": "0,4,8,12,16,20,24,28", "page_size": "65536"}
    topology = import_path(machines / "numactl-sparse.txt", answers_of(given)).topology
    assert topology.nodes == (Node(0, True, 201014 * 16), Node(8), Node(252, True, 32510 * 16), Node(253, True, 16))
    assert [cpu.node for cpu in topology.cpus] == [0, 0, 0, 0, 8, 8, 8, 8]


def test_numactl_with_an_offline_node(machines: Path) -> None:
    """Its distances are assumed with a note, or the answered ones, both ways."""
    given = {"possible_nodes": "0-3", "possible_cpus": "0-6", "page_size": "4096"}
    assumed = import_path(machines / "numactl.txt", answers_of(given))
    assert assumed.topology.nodes[3] == Node(3, False)
    assert [row[3] for row in assumed.topology.distances] == [20, 20, 20, 10]
    assert any("nodes 3 are possible and offline" in note for note in assumed.notes)
    told = import_path(machines / "numactl.txt", answers_of({**given, "distances": "10:31"}))
    assert [row[3] for row in told.topology.distances] == [31, 31, 31, 10]
    assert told.topology.distances[0][1] == 21
    assert not any("possible and offline" in note for note in told.notes)


def test_numactl_of_old_versions_has_rows_for_missing_nodes(machines: Path, tmp_path: Path) -> None:
    """Rows and columns of ids that are no nodes are left out."""
    text = (machines / "numactl.txt").read_text().replace("node 2", "node 3").replace("available: 3 nodes (0-2)", "")
    text = "available: 3 nodes (0,1,3)\n" + text[: text.index("node   0")]
    text += "node   0   1   2   3 \n  0:  10  21   0  17 \n  1:  21  10   0  28 \n  2:   0   0   0   0 \n"
    (tmp_path / "n").write_text(text + "  3:  17  28   0  10 \n")
    answers = Answers(possible_nodes=(0, 1, 3), possible_cpus=tuple(range(7)), page_size=4096)
    assert import_path(tmp_path / "n", answers).topology.distances == ((10, 21, 17), (21, 10, 28), (17, 28, 10))


def test_lscpu(machines: Path) -> None:
    """Nodes and CPUs, the page size by the architecture; memory and distances only from answers."""
    given = {"possible_nodes": "0-2", "possible_cpus": "0-7", "distances": "10:32", "memory": "0=1G,1=512M,2=2G"}
    topology = import_path(machines / "lscpu.json", answers_of({**given, "cpu_nodes": "7=1"})).topology
    assert [node.pages for node in topology.nodes] == [GIB_PAGES, GIB_PAGES // 2, GIB_PAGES * 2]
    assert topology.cpus == tuple(Cpu(cpu, node, cpu < 7) for cpu, node in enumerate((0, 0, 0, 0, 1, 1, 1, 1)))
    assert topology.distances == ((10, 32, 32), (32, 10, 32), (32, 32, 10))
    assert topology.page_size == 4096


def test_lscpu_table(machines: Path, tmp_path: Path) -> None:
    """lscpu -J -e has a row for each CPU and no node without CPUs: memory that is answered makes one."""
    given = {"possible_nodes": "0-2", "possible_cpus": "0-3", "distances": "10:20", "page_size": "4096"}
    given["cpu_nodes"] = "3=2"
    topology = import_path(machines / "lscpu-e.json", answers_of({**given, "memory": "0=8M,1=0,2=4M"})).topology
    assert [(node.online, node.pages) for node in topology.nodes] == [(True, 2048), (True, 0), (True, 1024)]
    assert [(cpu.node, cpu.online) for cpu in topology.cpus] == [(0, True), (0, True), (1, True), (2, False)]
    row = json.loads((machines / "lscpu-e.json").read_text())
    for cpu in row["cpus"]:  # older versions write text
        cpu.update(cpu=str(cpu["cpu"]), node="-" if cpu["node"] is None else str(cpu["node"]))
        cpu.update(online="yes" if cpu["online"] else "no")
    (tmp_path / "lscpu-e.json").write_text(json.dumps(row))
    older = import_path(tmp_path / "lscpu-e.json", answers_of({**given, "memory": "0=8M,1=0,2=4M"})).topology
    assert older == topology


def test_hwloc_2(machines: Path) -> None:
    """Bitmaps of two words, an offline CPU, latencies in another order than the nodes, bandwidth passed over."""
    given = {"possible_nodes": "0-2", "possible_cpus": "0-2,32-34", "cpuless_nodes": "2"}
    found = import_path(machines / "hwloc-v2.xml", answers_of(given))
    topology = found.topology
    assert [node.pages for node in topology.nodes] == [16 * GIB_PAGES, 15 * GIB_PAGES, 32 * GIB_PAGES]
    assert [(c.id, c.node, c.online) for c in topology.cpus] == [
        (0, 0, True), (1, 0, True), (2, 0, True), (32, 1, True), (33, 1, True), (34, 1, False),
    ]  # fmt: skip
    assert topology.distances == ((10, 21, 17), (21, 10, 28), (17, 28, 10))
    assert topology.page_size == 4096
    assert any("total memory" in note for note in found.notes)


def test_hwloc_2_with_distances_by_gp_index(machines: Path, tmp_path: Path) -> None:
    """indexing="gp" names the nodes by their gp_index."""
    text = (machines / "hwloc-v2.xml").read_text()
    gp = dict(re.findall(r'NUMANode" os_index="(\d)".*?gp_index="(\d+)"', text))
    text = text.replace('name="NUMALatency" indexing="os"', 'name="NUMALatency" indexing="gp"')
    (tmp_path / "m.xml").write_text(text.replace(">2 0 1 <", f">{gp['2']} {gp['0']} {gp['1']} <"))
    answers = Answers(possible_nodes=(0, 1, 2), possible_cpus=(0, 1, 2, 32, 33, 34), cpuless_nodes=(2,))
    assert import_path(tmp_path / "m.xml", answers).topology.distances == ((10, 21, 17), (21, 10, 28), (17, 28, 10))


def test_hwloc_1(machines: Path) -> None:
    """A base and factors, asymmetric; the distances of another level are passed over; an offline CPU's node."""
    topology = import_path(
        machines / "hwloc-v1.xml", answers_of({"possible_nodes": "0-1", "possible_cpus": "0-4"})
    ).topology
    assert topology.distances == ((10, 21), (31, 10))
    assert [(cpu.node, cpu.online) for cpu in topology.cpus] == [(0, True), (1, True), (0, True), (1, True), (1, False)]
    assert [node.pages for node in topology.nodes] == [8 * GIB_PAGES, 9 * GIB_PAGES]


ONE = {"possible_nodes": "0-3", "possible_cpus": "0-7", "page_size": "4096", "memory": "0=8G,1=7680M,2=16G"}
ONE_TABLE = {"distances": "{square}", "cpu_nodes": "5=1"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("lstopo-v1.xml", {"cpuless_nodes": "2", "cpu_nodes": "5=1"}),
        ("lstopo-v2.xml", {"cpuless_nodes": "2", "cpu_nodes": "5=1"}),
        ("lscpu.json", ONE_TABLE),
        ("lscpu-e.json", ONE_TABLE),
    ],
)
def test_one_machine_in_five_formats(machines: Path, tmp_path: Path, name: str, more: dict[str, str]) -> None:
    """What hwloc and lscpu printed of one sysfs tree, with what they cannot say, is what the tree itself says."""
    square = tmp_path / "square"
    square.write_text("10 21 17 20\n21 10 28 20\n17 28 10 20\n20 20 20 10\n")
    given = {**ONE, "isolated_cpus": "", **{key: value.format(square=square) for key, value in more.items()}}
    truth = import_path(machines / "one" / "sysfs.tar.gz").topology
    found = import_path(machines / "one" / name, answers_of(given)).topology
    assert (found.nodes, found.cpus, found.distances) == (truth.nodes, truth.cpus, truth.distances)
    assert [node.pages for node in truth.nodes] == [8 * GIB_PAGES, 7680 * MIB_PAGES, 16 * GIB_PAGES, 0]
    assert [(cpu.node, cpu.online) for cpu in truth.cpus] == [
        (0, True), (0, True), (0, True), (1, True), (1, True), (1, False), (0, False), (1, False),
    ]  # fmt: skip


def test_a_doctype_without_entities_is_read_and_one_with_them_refused(machines: Path, tmp_path: Path) -> None:
    """lstopo writes a DOCTYPE; one that declares entities is refused before any is expanded."""
    text = (machines / "hwloc-v1.xml").read_text()
    bomb = '<!DOCTYPE topology [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(b)} "{f"&{chr(b - 1)};" * 10}">' for b in range(98, 110)
    )
    (tmp_path / "m.xml").write_text(text.replace('<!DOCTYPE topology SYSTEM "hwloc.dtd">', bomb + "]>"))
    with pytest.raises(InputError, match="declares entities"):
        import_path(tmp_path / "m.xml")
    (tmp_path / "m.xml").write_text(
        text.replace('SYSTEM "hwloc.dtd"', '[<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]')
    )
    with pytest.raises(InputError, match="declares entities"):
        import_path(tmp_path / "m.xml")


@pytest.mark.parametrize(
    ("text", "ids"),
    [("0x00000005", {0, 2}), ("0x00000001,0x0", {32}), ("0x1,,0x80000000", {31, 64}), ("0x0", set()), ("", set())],
)
def test_bitmaps(text: str, ids: set[int]) -> None:
    """Words of 32 bits, the highest first; an empty word is 0."""
    assert parse_bitmap(text, "f") == ids


def test_zoneinfo_sums_populated_zones(machines: Path) -> None:
    """Rows of per-CPU sets and statistics do not count, nor watermarks of an empty zone."""
    assert parse_zoneinfo((machines / "zoneinfo.txt").read_text(), "z") == {
        0: Zones(164171, 8933, 11165, 181667),
        1: Zones(51049, 3193, 3991, 64220),
    }


def test_zoneinfo_on_top_of_another_file(machines: Path) -> None:
    """Free pages and watermarks replace what the other file has; --memory has the last word."""
    given = {"possible_nodes": "0-1", "possible_cpus": "0-4", "zoneinfo": str(machines / "zoneinfo.txt")}
    found = import_path(machines / "hwloc-v1.xml", answers_of(given))
    assert found.topology.nodes == (Node(0, True, 164171, 11165, 8933), Node(1, True, 51049, 3991, 3193))
    assert not any("watermarks" in note for note in found.notes)
    fewer = import_path(machines / "hwloc-v1.xml", answers_of({**given, "memory": "1=1M"})).topology
    assert fewer.nodes[1] == Node(1, True, 256, 3991, 3193)


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [
        ("numactl.txt", {}, "--page-size"),
        ("numactl.txt", {"page_size": "4096"}, "--possible-nodes"),
        ("numactl.txt", {"page_size": "4096", "possible_nodes": "0-2"}, "--possible-cpus"),
        ("lscpu.json", {"possible_nodes": "0-2", "possible_cpus": "0-7"}, "--distances"),
        ("lscpu.json", {"possible_nodes": "0-2", "possible_cpus": "0-7", "distances": "10:20"}, "--memory"),
        (
            "lscpu.json",
            {"possible_nodes": "0-2", "possible_cpus": "0-7", "distances": "10:20", "memory": "0=1G,1=0,2=0"},
            "offline CPUs 7; allowed: say it with --cpu-nodes",
        ),
        ("lscpu-e.json", {}, "--page-size"),
        ("hwloc-v1.xml", {}, "--possible-nodes"),
        ("hwloc-v2.xml", {}, "--cpuless-nodes"),
    ],
)
def test_what_a_format_cannot_say_is_asked_for(machines: Path, name: str, given: dict[str, str], named: str) -> None:
    """The refusal names the option that gives it."""
    with pytest.raises(InputError, match=named):
        import_path(machines / name, answers_of(given))


def test_distances_from_a_file(machines: Path, tmp_path: Path) -> None:
    """A square over the possible nodes; where the format has a distance it must be the same."""
    answers = {"possible_nodes": "0-1", "possible_cpus": "0-4"}
    (tmp_path / "d").write_text("# a comment\n10 21\n31 10\n")
    topology = import_path(
        machines / "hwloc-v1.xml", answers_of({**answers, "distances": str(tmp_path / "d")})
    ).topology
    assert topology.distances == ((10, 21), (31, 10))
    (tmp_path / "d").write_text("10 21\n21 10\n")
    with pytest.raises(InputError, match=r"21 from node 1 to 0; allowed: 31, as .*hwloc-v1.xml says"):
        import_path(machines / "hwloc-v1.xml", answers_of({**answers, "distances": str(tmp_path / "d")}))


def test_text_between_many_elements_takes_time_in_proportion() -> None:
    """An element's text comes in as many pieces as it has children; all of it is kept, in order."""
    begun = time.process_time()
    root = parse_xml(b"<a>" + b"x" * 40 + b"<b>y</b>x" * 200_000 + b"</a>", "machine.xml")
    assert root.text == "x" * 200_040
    assert [child.text for child in root.children[:2]] == ["y", "y"]
    assert time.process_time() - begun < 20
