"""Importing machines by path: recorded runs, our own files, sysfs; and paths that are none of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.strategies.machines.answers import answers_of
from percpu_fuzz.strategies.machines.importing import import_path

RUN = "r11-2node-small-6.1"


def test_recorded_run(recorded: Path) -> None:
    """Free pages and watermarks summed over zones, unit and first chunk from the boot log beside the file."""
    found = import_path(recorded / RUN / "topology.json")
    assert found.topology == Topology(
        RUN,
        (Node(0, True, 91972, 6133, 4907), Node(1, True, 39092, 2837, 2270)),
        (Cpu(0, 0), Cpu(1, 1)),
        ((10, 21), (21, 10)),
        unit_pages=512,
        first_room_bytes=28672,
        reserved_room_bytes=8192,
    )
    assert found.notes == ()
    assert import_path(recorded / RUN).topology == found.topology


def test_recorded_run_without_its_boot_log(recorded: Path, tmp_path: Path) -> None:
    """The unit is the file's, the first chunk has no room, and a note says so."""
    shutil.copy(recorded / RUN / "topology.json", tmp_path / "machine.json")
    found = import_path(tmp_path / "machine.json")
    topology = found.topology
    assert (topology.name, topology.unit_pages, topology.first_room_bytes) == ("machine", 512, 0)
    assert len(found.notes) == 1


def test_dynamic_region_that_begins_within_a_page(recorded: Path, tmp_path: Path) -> None:
    """It begins after the static and reserved bytes."""
    shutil.copy(recorded / RUN / "topology.json", tmp_path)
    (tmp_path / "dmesg-boot.txt").write_text("[    0.0] pcpu-alloc: s4100 r8192 d28668 u65536 alloc=1*2097152\n")
    topology = import_path(tmp_path).topology
    assert (topology.first_start_bytes, topology.first_room_bytes, topology.unit_pages) == (4, 28668, 16)


@pytest.mark.parametrize(
    ("run", "offline", "cpuless"),
    [
        ("r1-4node-fallback-6.1", 0, 0),
        ("r3-cpuless-memnode-6.1", 0, 1),
        ("r5-8possible-hotplug-6.1", 4, 2),
        ("r6-memmax-fail-6.1", 0, 0),
        ("r12-2node-small-6.12", 0, 0),
    ],
)
def test_every_recorded_run(kernel_runs: Path, run: str, offline: int, cpuless: int) -> None:
    """Offline CPUs, nodes without an online CPU; every node heads its own zonelist."""
    topology = import_path(kernel_runs / run).topology
    assert sum(not cpu.online for cpu in topology.cpus) == offline
    assert len({n.id for n in topology.nodes} - {c.node for c in topology.cpus if c.online}) == cpuless
    assert [row[0] for row in topology.zonelists.values()] == list(range(len(topology.nodes)))


def test_topology_file_of_ours(tmp_path: Path) -> None:
    """It names itself and needs no notes."""
    topology = Topology("mine", (Node(0, True, 9),), (Cpu(0, 0),), ((10,),))
    path = tmp_path / "t.json"
    path.write_bytes(dump_topology(topology))
    assert import_path(path).topology == topology
    assert import_path(path).notes == ()


def test_sysfs_folder(tmp_path: Path) -> None:
    """A folder without topology.json is sysfs, named after the folder."""
    root = tmp_path / "box"
    texts = {
        "node/possible": "0", "node/online": "0", "node/has_memory": "0", "node/node0/distance": "10",
        "node/node0/cpulist": "0", "node/node0/meminfo": "Node 0 MemFree: 40 kB\n", "cpu/possible": "0",
        "cpu/online": "0",
    }  # fmt: skip
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    topology = import_path(root).topology
    assert (topology.name, topology.nodes) == ("box", (Node(0, True, 10),))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{}", "keys none"),
        ('{"a": 1}', "keys a"),
        ("[1]", "begins with '[1]'"),
        ('[{"a": 1}]', "Expected `object`"),
        ("not json", "begins with 'not json'"),
        ("", "is empty"),
        ('{"schema": ', "truncated"),
        ('{"schema": 3}', "$.schema"),
        ('{"possible_nodes": 3}', "$.possible_nodes"),
    ],
)
def test_file_that_is_none_of_them_is_refused(tmp_path: Path, text: str, named: str) -> None:
    """One line that names the file."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        import_path(path)
    assert str(caught.value).startswith(str(path))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_path_is_refused(tmp_path: Path) -> None:
    """Neither file nor folder."""
    with pytest.raises(InputError, match="No such file"):
        import_path(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"possible_cpus": "0-2"}, "no cpu_to_node of CPUs 2"),
        ({"online_nodes": "0-2", "possible_nodes": "0-2"}, "node 0: 2 distances; allowed: 3"),
        ({"page_size": 0}, "page_size: 0"),
        ({"online_cpus": "x"}, "online_cpus: list 'x'"),
    ],
)
def test_recorded_machine_that_does_not_fit(
    recorded: Path, tmp_path: Path, change: dict[str, object], named: str
) -> None:
    """The line names the field."""
    row = json.loads((recorded / RUN / "topology.json").read_text())
    path = tmp_path / "topology.json"
    path.write_text(json.dumps({**row, **change}))
    with pytest.raises(InputError) as caught:
        import_path(path)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"possible_nodes": "0-65535", "possible_cpus": "0-7"}, "65536 possible nodes; allowed: 1 to 1024"),
        ({"possible_nodes": "0-3", "possible_cpus": "0-65535"}, "65536 possible CPUs; allowed: 1 to 8192"),
    ],
)
def test_more_than_any_machine_has_is_refused_at_once(machines: Path, answers: dict[str, str], said: str) -> None:
    """Before a distance is laid out for each pair of nodes, which did not end."""
    with pytest.raises(InputError, match=said):
        import_path(machines / "numactl.txt", answers_of({"page_size": "4096", **answers}))
