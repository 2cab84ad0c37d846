"""sysfs: copies of the tree of several machines, and what is missing or malformed in one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node
from percpu_fuzz.strategies.machines.answers import Answers
from percpu_fuzz.strategies.machines.facts import topology_of
from percpu_fuzz.strategies.machines.machine import Imported
from percpu_fuzz.strategies.machines.sysfs import read_sysfs
from percpu_fuzz.strategies.machines.tree import FolderTree

FILES = {
    "node/possible": "0-2\n",
    "node/online": "0,2\n",
    "node/has_memory": "0\n",
    "node/node0/distance": "10 21\n",
    "node/node2/distance": "31 10\n",
    "node/node0/cpulist": "0-1\n",
    "node/node2/cpulist": "3\n",
    "node/node0/meminfo": "Node 0 MemTotal:  403828 kB\nNode 0 MemFree:  367888 kB\nNode 0 MemUsed: 35940 kB\n",
    "node/node2/meminfo": "Node 2 MemTotal:       0 kB\nNode 2 MemFree:       0 kB\n",
    "cpu/possible": "0-6\n",
    "cpu/online": "0-1,3\n",
    "cpu/isolated": "1\n",
}


def import_sysfs(root: Path, name: str, answers: Answers = Answers()) -> Imported:  # noqa: B008
    """The machine below a folder."""
    return topology_of(read_sysfs(FolderTree(root), answers), answers, name)


def tree(root: Path, **changes: str | None) -> Path:
    """A copy of a sysfs tree; a change is named by the file's path with __ for /, None removes the file."""
    files = {**FILES, **{name.replace("__", "/"): text for name, text in changes.items()}}
    for name, text in files.items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    return root


def test_machine_with_an_offline_and_a_memoryless_node(tmp_path: Path) -> None:
    """Ids, free pages, asymmetric distances, isolation, absent CPUs in turn; each assumption noted."""
    found = import_sysfs(tree(tmp_path), "lab")
    topology = found.topology
    assert topology.name == "lab"
    assert topology.nodes == (Node(0, True, 91972), Node(1, False), Node(2, True))
    assert topology.distances == ((10, 20, 21), (20, 10, 20), (31, 20, 10))
    assert topology.cpus == (
        Cpu(0, 0), Cpu(1, 0, True, True), Cpu(2, 0, False), Cpu(3, 2), Cpu(4, 0, False), Cpu(5, 0, False),
        Cpu(6, 0, False),
    )  # fmt: skip
    assert (topology.page_size, topology.unit_pages) == (4096, 8)
    for what in (
        "nodes 1 are possible and offline",
        "CPUs 2,4-6",
        "no watermarks",
        "no percpu unit size",
        "no page size",
        "all free memory",
    ):
        assert sum(what in note for note in found.notes) == 1
    assert len(found.notes) == 6


@pytest.mark.parametrize("below", ["", "devices/system", "sys/devices/system"])
def test_tree_is_found_below_its_roots(tmp_path: Path, below: str) -> None:
    """The root may stand for /, /sys or /sys/devices/system."""
    tree(tmp_path / below)
    assert len(import_sysfs(tmp_path, "lab").topology.cpus) == 7


def test_offline_cpu_keeps_the_node_that_links_it(tmp_path: Path) -> None:
    """cpulist has online CPUs only; a link cpuN tells the node of one that is present and offline."""
    root = tree(tmp_path)
    (root / "node/node2/cpu2").mkdir()
    assert [cpu.node for cpu in import_sysfs(root, "lab").topology.cpus] == [0, 0, 2, 2, 0, 0, 0]


def test_large_pages(tmp_path: Path) -> None:
    """Free memory is counted in the page size that is given."""
    topology = import_sysfs(tree(tmp_path), "lab", Answers(page_size=65536)).topology
    assert (topology.nodes[0].pages, topology.unit_pages) == (5748, 8)


@pytest.mark.parametrize("name", ["has_memory", "has_normal_memory"])
def test_which_nodes_have_memory(tmp_path: Path, name: str) -> None:
    """Either file tells it; with neither, MemTotal does, and a note says so."""
    root = tree(tmp_path, **{"node__has_memory": None, f"node__{name}": "0\n"})
    assert [n.has_memory for n in import_sysfs(root, "lab").topology.nodes] == [True, False, False]
    (root / "node" / name).unlink()
    found = import_sysfs(root, "lab")
    assert [n.has_memory for n in found.topology.nodes] == [True, False, False]
    assert any("MemTotal" in note for note in found.notes)


@pytest.mark.parametrize("isolated", [None, "\n"])
def test_no_isolated_cpus(tmp_path: Path, isolated: str | None) -> None:
    """The file may be missing or empty."""
    assert not any(cpu.isolated for cpu in import_sysfs(tree(tmp_path, cpu__isolated=isolated), "lab").topology.cpus)


def test_node_with_memory_and_nothing_free(tmp_path: Path) -> None:
    """It gets one page, for a node without pages would count as memoryless; a note says so."""
    found = import_sysfs(tree(tmp_path, node__node0__meminfo="Node 0 MemFree: 0 kB\n"), "lab")
    assert found.topology.nodes[0].pages == 1
    assert any("node 0 has 0 free pages" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("node__node2__distance", None, "does not say the distances; allowed: say it with --distances"),
        ("node__node2__distance", "10\n", "allowed: 2 numbers"),
        ("node__node2__distance", "x 10\n", "distances 'x 10'"),
        ("node__node2__distance", "9 10\n", "distance of node 2 to node 0 9"),
        ("node__node0__meminfo", None, "does not say the memory of node 0; allowed: say it with --memory"),
        ("node__node0__meminfo", "Node 0 MemTotal: 4 kB\n", "no line MemFree"),
        ("node__node0__cpulist", "0-3\n", "node/node2/cpulist: CPU 3 on nodes 0 and 2"),
        ("node__node0__cpulist", None, "node/node0/cpulist: missing"),
        ("node__online", "0,7\n", "nodes 7 not in it"),
        ("node__online", "\n", "node/online: an empty list"),
        ("node__possible", "zero\n", "list 'zero'"),
        ("node__has_memory", "0-1\n", "node 1 has memory and is offline"),
        ("cpu__possible", "0-2\n", "CPUs 3 not in it"),
        (
            "cpu__possible",
            None,
            "does not say which CPUs are possible (online: 0-1,3); allowed: say it with --possible-cpus",
        ),
        ("cpu__online", "\n", "cpu/online: an empty list"),
    ],
)
def test_what_is_missing_or_malformed_is_named(tmp_path: Path, name: str, text: str | None, named: str) -> None:
    """One line, with the file and what is allowed."""
    with pytest.raises(InputError) as caught:
        import_sysfs(tree(tmp_path, **{name: text}), "lab")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folder_that_is_no_sysfs_is_refused(tmp_path: Path) -> None:
    """The message says what would be taken."""
    with pytest.raises(InputError, match="no cpu/online; allowed: /, /sys"):
        import_sysfs(tmp_path, "lab")


def test_a_pipe_in_a_folder_that_was_sent_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody writes into it: it is refused, as a device or a folder in the place of a file is."""
    root = tree(tmp_path / "sys", node__has_memory=None)
    os.mkfifo(root / "node" / "has_memory")
    with pytest.raises(InputError, match="no plain file"):
        import_sysfs(root, "pipes")
