"""Files as people post them, and the right answer to each: which nodes hold percpu pages, where CPUs are, distances.

A row is a file, what is answered, and the machine: for each node its pages (None: offline, M: movable memory only), for
each CPU its node (negative: offline, counted from -1 for node 0), and the distances. With a text: what a note says.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.machines.answers import answers_of
from percpu_fuzz.strategies.machines.importing import import_path

Nodes = dict[int, int | str | None]
Row = tuple[str, dict[str, str], Nodes, list[int], tuple[tuple[int, ...], ...], str]
GIB, MIB = 1 << 18, 1 << 8  # pages
TWO, FAR = ((10, 20), (20, 10)), ((10, 40), (40, 10))
ONE = ((10,),)


def given(nodes: str, cpus: str, **more: str) -> dict[str, str]:
    """The options that texts without possible nodes and CPUs want."""
    return {"possible_nodes": nodes, "possible_cpus": cpus, **more}


PAGE = {"page_size": "4096"}
ROWS: list[Row] = [
    ("text/numactl-wrapped-cpus.txt", given("0,8", "0-7", **PAGE), {0: 2 * GIB, 8: 2 * GIB}, [0] * 4 + [8] * 4, FAR,
     ""),
    (
        "text/numactl-wrapped-rows.txt", given("0-3", "0-8", **PAGE),
        {0: 4000 * MIB, 1: 0, 2: 9000 * MIB, 3: 31000 * MIB}, [0] * 8 + [2],
        ((10, 20, 30, 40), (20, 10, 30, 40), (30, 30, 10, 40), (40, 40, 40, 10)), "nodes 3 have memory and no CPU",
    ),
    ("text/numactl-indented.txt", given("0-1", "0-3", **PAGE), {0: 1603 * MIB, 1: 3008 * MIB}, [0, 0, 1, 1],
     ((10, 39), (39, 10)), ""),
    ("text/numactl-mail.txt", given("0,8", "0-3", **PAGE), {0: 500 * MIB, 8: 600 * MIB}, [0, 8, 0, 8], FAR,
     "lines around it are passed over: 1 '$ numactl -H'"),
    ("sysfs/sysfs-movable-only-node.tar.gz", {}, {0: 512000, 1: "M"}, [0, 0], FAR, "ZONE_MOVABLE alone"),
    ("sysfs/sysfs-gpu-and-cma.tar.xz", {}, {0: 500000, 1: "M", 2: "M"}, [0, 0],
     ((10, 80, 20), (80, 10, 80), (20, 80, 10)), "nodes 1-2 have memory in ZONE_MOVABLE alone"),
    ("qemu/qemu-trailing-comment-taken.sh", {}, {0: GIB}, [0, 0], ONE, ""),
    ("qemu/qemu-comment-with-backslash.sh", {}, {0: GIB, 1: GIB}, [0, 0, 1, 1], TWO, ""),
    ("qemu/qemu-apostrophe-in-comment.sh", {}, {0: GIB}, [0, 0], ONE, ""),
    ("qemu/qemu-comments.sh", {}, {0: 2 * GIB}, [0] * 4, ONE, ""),
    ("qemu/qemu-lowercase-size.sh", {}, {0: GIB}, [0, 0], ONE, ""),
    ("qemu/qemu-fraction-size.sh", {}, {0: 3 * GIB // 2}, [0, 0], ONE, ""),
    ("qemu/qemu-sizes.sh", {}, {0: GIB // 2, 1: 3 * GIB // 2}, [0, 1], TWO, ""),
    ("qemu/qemu-trailing-comma.sh", {}, {0: GIB // 2, 1: GIB // 2}, [0, 1], TWO, ""),
    ("qemu/qemu-numa-on.sh", {}, {0: GIB}, [0, 0], ONE, ""),
    ("qemu/qemu-numa-off.sh", {}, {0: 2 * GIB}, [0, 0], ONE, "without NUMA"),
    ("qemu/qemu-pc-dimm.sh", {}, {0: 3 * GIB // 2}, [0, 0], ONE, "1024 MiB plugged at the start"),
    ("qemu/qemu-nvdimm.sh", {}, {0: GIB}, [0, 0], ONE, "1 x nvdimm is memory only once it is hot-added"),
    ("qemu/qemu-virtio-mem.sh", {}, {0: GIB, 1: GIB // 2}, [0, 0], TWO, "512 MiB plugged at the start"),
    ("qemu/qemu-movable-dimm.sh", {}, {0: GIB, 1: "M"}, [0, 0], TWO, "nodes 1 goes to ZONE_MOVABLE"),
    ("qemu/qemu-movablecore.sh", {}, {0: GIB - 256 * MIB, 1: 2 * GIB}, [0, 1], TWO, "ZONE_MOVABLE has 1024 MiB"),
    ("qemu/qemu-generic-initiator.sh", {}, {0: GIB, 1: 0}, [0, 0], TWO, ""),
    ("qemu/qemu-initiators.sh", {}, {0: GIB, 1: 0, 2: 0}, [0, 0], ((10, 20, 20), (20, 10, 20), (20, 20, 10)), ""),
    ("qemu/qemu-cxl.sh", {}, {0: GIB, 1: None}, [0, 0], TWO, "the kernel makes one for each CXL window"),
    ("xml/hwloc1-distances-in-package.xml", given("0,2", "0-3"), {0: GIB, 2: GIB}, [0, 0, 2, 2],
     ((10, 16), (16, 10)), ""),
    ("xml/hwloc1-distances-written-by-hwloc2.xml", given("0-1", "0-3"), {0: GIB, 1: GIB}, [0, 0, 1, 1],
     ((10, 32), (32, 10)), ""),
    ("xml/hwloc1-distances-in-group.xml", given("0,1,4", "0-2"), {0: GIB, 1: GIB, 4: GIB}, [0, 1, 4],
     ((10, 21, 31), (21, 10, 40), (31, 40, 10)), ""),
    ("xml/hwloc1-no-numanode.xml", given("0", "0-1"), {0: 8 * GIB}, [0, 0], ONE, "lists no NUMANode"),
    ("xml/hwloc1-no-numanode-64k.xml", given("0", "0-7"), {0: GIB // 16}, [0] * 4 + [-1] * 4, ONE, ""),
    ("xml/hwloc2-no-memory.xml", given("0", "0-1", memory="0=4G", **PAGE), {0: 4 * GIB}, [0, 0], ONE, ""),
    ("xml/hwloc2-gpu-memory.xml", given("0-2", "0-1"), {0: GIB // 16, 1: "M", 2: "M"}, [0, 0],
     ((10, 80, 20), (80, 10, 80), (20, 80, 10)), "(1 GPUMemory, 2 dax0.0)"),
    ("xml/hwloc2-gpu-memory.xml", given("0-2", "0-1", movable_nodes="1"), {0: GIB // 16, 1: "M", 2: GIB // 4},
     [0, 0], ((10, 80, 20), (80, 10, 80), (20, 80, 10)), ""),
    ("xml/virsh-capabilities.xml", given("0-1", "0-1"), {0: GIB, 1: 2 * GIB}, [0, 0], ((10, 21), (21, 10)), "total"),
    ("sysfs/sysfs-no-numa.tar.gz", {"memory": "0=1G"}, {0: GIB}, [0] * 4, ONE, "without NUMA"),
    ("sysfs/sysfs-no-numa-with-memory-folder.tar.bz2", {"memory": "0=1.5G"}, {0: 3 * GIB // 2}, [0, 0] + [-1] * 6, ONE,
     "without NUMA"),
    ("sysfs/sysfs-without-possible.tar.gz", given("0", "0-3"), {0: 512000}, [0, 0, -1, -1], ONE, ""),
    ("sysfs/sysfs.tar.bz2", {}, {0: GIB, 1: 2 * GIB}, [0, 0, 1, 1], ((10, 21), (21, 10)), ""),
    ("text/lscpu-no-numa.json", {"possible_cpus": "0-3", "memory": "0=1G"}, {0: GIB}, [0] * 4, ONE, "without NUMA"),
    ("text/lscpu-e-no-numa.json", {"possible_cpus": "0-1", "memory": "0=1G", **PAGE}, {0: GIB}, [0, 0], ONE, ""),
    ("text/lscpu-e-old-no-numa.json", {"possible_cpus": "0-1", "memory": "0=1G", **PAGE}, {0: GIB}, [0, -1], ONE, ""),
    ("text/lscpu-no-numa.txt", {"possible_cpus": "0-1", "memory": "0=1G"}, {0: GIB}, [0, 0], ONE, "without NUMA"),
    ("text/lscpu-e-no-numa.txt", {"possible_cpus": "0-1", "memory": "0=1G", **PAGE}, {0: GIB}, [0, 0], ONE, ""),
    ("text/lscpu-p-no-numa.txt", {"possible_cpus": "0-1", "memory": "0=1G", **PAGE}, {0: GIB}, [0, 0], ONE, ""),
    (
        "text/lscpu.txt", given("0-1", "0-7", distances="10:40", memory="0=1G,1=2G", cpu_nodes="7=1"),
        {0: GIB, 1: 2 * GIB}, [0, 1, 0, 1, 0, 1, 0, -2], FAR, "",
    ),
    (
        "text/lscpu-e.txt", given("0,2", "0-2", distances="10:40", memory="0=1G,2=2G", cpu_nodes="2=2", **PAGE),
        {0: GIB, 2: 2 * GIB}, [0, 2, -3], FAR, "list no node without CPUs",
    ),
    (
        "text/lscpu-p.txt", given("0-1", "0,1,4", distances="10:40", memory="0=1G,1=2G", **PAGE),
        {0: GIB, 1: 2 * GIB}, [0, 0, 1], FAR, "",
    ),
    (
        "text/dmesg-x86.txt", {"distances": "10:40"}, {0: GIB - 96, 1: GIB, 2: None}, [0, 0, 1, 1, -1, -2],
        ((10, 40, 40), (40, 10, 40), (40, 40, 10)), "2048 MiB of SRAT ranges marked hotplug are not counted",
    ),
    ("text/dmesg-mail.txt", given("0", "0-1"), {0: GIB}, [0, 0], ONE, "numbered in the order of the SRAT lines"),
]  # fmt: skip


@pytest.fixture(scope="module")
def posted(machines: Path) -> Path:
    return machines / "posted"


def shown(topology: Topology) -> tuple[Nodes, list[int]]:
    """Nodes and CPUs as the rows have them."""
    nodes: Nodes = {
        node.id: "M" if node.movable_only else node.pages if node.online else None for node in topology.nodes
    }
    return nodes, [cpu.node if cpu.online else -1 - cpu.node for cpu in topology.cpus]


@pytest.mark.parametrize(("name", "answers", "nodes", "cpus", "distances", "note"), ROWS)
def test_a_posted_file_is_its_machine(
    posted: Path, name: str, answers: dict[str, str], nodes: Nodes, cpus: list[int],
    distances: tuple[tuple[int, ...], ...], note: str,
) -> None:  # fmt: skip
    """Nodes with pages, CPUs with nodes, distances; and what had to be assumed is noted."""
    found = import_path(posted / name, answers_of(answers))
    assert shown(found.topology) == (nodes, cpus)
    assert found.topology.distances == distances
    assert note in "; ".join(found.notes)


def test_every_posted_file_is_in_a_test(posted: Path) -> None:
    """No sample lies about that nothing is held against."""
    named = {name for name, *_ in ROWS} | {name for name, *_ in ASKED} | {name for name, *_ in ZONES}
    assert {str(path.relative_to(posted)) for path in posted.rglob("*.*")} == named


# What each file does not say, all of it in one message, in order.
ASKED: list[tuple[str, dict[str, str], str]] = [
    (
        "text/numactl-indented.txt", {"page_size": "4096"},
        "does not say which nodes are possible (online: 0-1) and which CPUs are possible (online: 0-3); allowed: "
        "say it with --possible-nodes LIST, --possible-cpus LIST; for example: percpu-fuzz topology import {path} "
        "--page-size 4096 --possible-nodes 0-1 --possible-cpus 0-3 -o machine.json",
    ),
    ("xml/hwloc2-no-memory.xml", given("0", "0-1", **PAGE), "the memory of node 0; allowed: say it with --memory"),
    (
        "xml/hwloc2-no-memory-two.xml", {},
        "does not say the page size, which nodes are possible (online: 0-1), which CPUs are possible (online: 0-1), "
        "the distances and the memory of nodes 0-1; allowed: say it with --page-size BYTES, --possible-nodes LIST, "
        "--possible-cpus LIST, --distances FILE or --distances LOCAL:REMOTE, --memory NODE=SIZE,... or --zoneinfo "
        "FILE; for example: percpu-fuzz topology import {path} --page-size 4096 --possible-nodes 0-1 "
        "--possible-cpus 0-1 --distances 10:20 --memory 0=4G,1=4G -o machine.json",
    ),
    ("sysfs/sysfs-no-numa.tar.gz", {}, "does not say the memory of node 0; allowed: say it with --memory NODE=SIZE"),
    ("sysfs/sysfs-without-possible.tar.gz", {}, "which nodes are possible (online: 0) and which CPUs are possible"),
    (
        "sysfs/sysfs-lists-only.tar.gz", {},
        "does not say which nodes are possible (online: 0-2), which CPUs are possible (online: 0-1), the distances "
        "and the memory of node 0;",
    ),
    ("text/lscpu-no-numa.json", {}, "which CPUs are possible (online: 0-3) and the memory of node 0; allowed"),
    ("text/dmesg.txt", {}, "a boot log without SRAT lines of memory, or without lines of CPUs; allowed: a sysfs"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answers", "said"), ASKED)
def test_all_that_is_missing_is_asked_for_at_once(posted: Path, name: str, answers: dict[str, str], said: str) -> None:
    """The message names every option and has a line to type."""
    with pytest.raises(InputError) as caught:
        import_path(posted / name, answers_of(answers))
    assert said.format(path=posted / name) in str(caught.value)


def test_the_line_to_type_is_enough(posted: Path) -> None:
    """Its options, given as they stand there, make a machine."""
    path = posted / "xml/hwloc2-no-memory-two.xml"
    with pytest.raises(InputError) as caught:
        import_path(path)
    words = str(caught.value).partition("topology import ")[2].split()[1:]
    options = {words[i].lstrip("-").replace("-", "_"): words[i + 1] for i in range(0, len(words) - 2, 2)}
    assert shown(import_path(path, answers_of(options)).topology) == ({0: 4 * GIB, 1: 4 * GIB}, [0, 1])


# zoneinfo on top of a machine of two nodes: pages, low and min of each, M for movable memory only.
ZONES: list[tuple[str, dict[int, tuple[int, int, int] | str]]] = [
    ("text/zoneinfo-movable-only-node.txt", {0: (703000, 6236, 5030), 1: "M"}),
    ("text/zoneinfo-cma.txt", {0: (667, 900, 700)}),
    ("text/zoneinfo-mail.txt", {0: (42000, 150, 100)}),
]


@pytest.mark.parametrize(("name", "nodes"), ZONES)
def test_posted_zoneinfo(posted: Path, tmp_path: Path, name: str, nodes: dict[int, tuple[int, int, int] | str]) -> None:
    """Movable zones and free CMA pages are no room; a node that has only the former is movable_only."""
    text = "-smp 2,sockets=2 -m 2G -numa node,cpus=0,mem=1G -numa node,cpus=1,mem=1G"
    (tmp_path / "args").write_text(text if len(nodes) == 2 else "-smp 2 -m 1G")
    topology = import_path(tmp_path / "args", answers_of({"zoneinfo": str(posted / name)})).topology
    assert {n.id: "M" if n.movable_only else (n.pages, n.low_pages, n.min_pages) for n in topology.nodes} == nodes


@pytest.mark.parametrize(
    ("name", "answers", "refused"),
    [
        ("xml/hwloc1-distances-in-package.xml", given("0,2", "0-3", distances="10:20"), "10:20; allowed: none: "),
        ("text/numactl-indented.txt", given("0-1", "0-3", distances="10:40", **PAGE), "has them, one is 39"),
        ("sysfs/sysfs.tar.bz2", {"distances": "10:40"}, "has them, one is 21"),
        ("sysfs/sysfs-movable-only-node.tar.gz", {"movable_nodes": "0"}, "--movable-nodes: 0; allowed: 1, as"),
        ("text/dmesg-x86.txt", {"distances": "10:40", "possible_cpus": "0-3"}, "--possible-cpus: 0-3; allowed: 0-5"),
    ],
)
def test_an_answer_against_the_file_is_refused(posted: Path, name: str, answers: dict[str, str], refused: str) -> None:
    """What a file says itself cannot be answered otherwise."""
    with pytest.raises(InputError) as caught:
        import_path(posted / name, answers_of(answers))
    assert refused in str(caught.value)


def test_the_boot_log_gives_unit_and_first_chunk(posted: Path) -> None:
    """percpu: and pcpu-alloc: lines, as of a recorded run; isolcpus of the command line."""
    topology = import_path(posted / "text/dmesg-x86.txt", answers_of({"distances": "10:40"})).topology
    assert (topology.unit_pages, topology.first_room_bytes, topology.reserved_room_bytes) == (128, 28672, 8192)
    assert [cpu.id for cpu in topology.cpus if cpu.isolated] == [3]
